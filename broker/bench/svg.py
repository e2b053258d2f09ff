"""Line charts as SVG, written out by hand: axes, grid, lines, a legend; readable in light and dark pages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 72, 16, 36, 44
COLOURS = ("#d9480f", "#1c7ed6", "#2b8a3e", "#862e9c", "#e67700", "#495057")
_TICKS = 5

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    points: list[Point]


def chart(title: str, lines: list[Line], *, x_label: str, y_label: str, x_is_log: bool = False) -> str:
    """One chart of all lines, from y = 0 up; points with x <= 0 are left out of a logarithmic axis."""
    lines = [Line(line.label, [p for p in line.points if not x_is_log or p[0] > 0]) for line in lines]
    points = [point for line in lines for point in line.points] or [(1.0, 1.0)]
    x_low, x_high = _range([x for x, _ in points], x_is_log)
    y_high = max(max(y for _, y in points), 1e-9) * 1.05

    def place(point: Point) -> Point:
        x = math.log10(point[0]) if x_is_log else point[0]
        return (
            LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - point[1] / y_high * (HEIGHT - TOP - BOTTOM),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12" fill="#868e96">',
        f'<text x="{LEFT}" y="18" font-size="14" font-weight="600">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text transform="translate(12 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>',
    ]
    parts += _grid(x_low, x_high, y_high, x_is_log)
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, line.points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        x = WIDTH - RIGHT - 170 * (len(lines) - number)
        parts.append(f'<rect x="{x}" y="10" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="19">{escape(line.label)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _range(values: list[float], is_log: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if is_log:
        low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return (low, high) if high > low else (low, low + 1)


def _grid(x_low: float, x_high: float, y_high: float, x_is_log: bool) -> list[str]:
    parts = []
    for step in range(_TICKS + 1):
        y = HEIGHT - BOTTOM - step / _TICKS * (HEIGHT - TOP - BOTTOM)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#adb5bd44"/>')
        value = number_text(y_high * step / _TICKS)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    steps = round(x_high - x_low) if x_is_log else _TICKS
    for step in range(steps + 1):
        value_at = x_low + (x_high - x_low) * step / steps
        x = LEFT + step / steps * (WIDTH - LEFT - RIGHT)
        value = number_text(10**value_at if x_is_log else value_at)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value}</text>')
    return parts


def number_text(value: float) -> str:
    """Short: 0.25, 12, 3.4k, 1.2M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"

"""Line charts as SVG, written out by hand: axes, grid, lines, a legend; readable in light and dark pages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 72, 16, 52, 44
LEGEND_Y, LEGEND_STEP = 28, 160
COLOURS = ("#d9480f", "#1c7ed6", "#2b8a3e", "#862e9c", "#e67700", "#495057")
_TICKS = 5
_ROUND_STEPS = (1, 2, 2.5, 3, 4, 5, 6, 8, 10)
_ALMOST = 1 - 1e-9  # binary fractions

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    points: list[Point]


def chart(
    title: str,
    lines: list[Line],
    *,
    x_label: str,
    y_label: str,
    x_is_log: bool = False,
    y_is_log: bool = False,
    marks: bool = False,
) -> str:
    """One chart of all lines, from y = 0 up; what is not above 0 is left out of a logarithmic axis.

    `marks` puts a dot where a point was measured, for lines of few points."""
    lines = [Line(line.label, [p for p in line.points if _fits(p, x_is_log, y_is_log)]) for line in lines]
    points = [point for line in lines for point in line.points] or [(1.0, 1.0)]
    x_low, x_high = _range([x for x, _ in points], x_is_log)
    y_low, y_high = 0.0, _round_top(max(y for _, y in points))
    if y_is_log:
        y_low, y_high = _range([y for _, y in points], True)

    def place(point: Point) -> Point:
        x = math.log10(point[0]) if x_is_log else point[0]
        y = math.log10(point[1]) if y_is_log else point[1]
        return (
            LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12" fill="#868e96">',
        f'<text x="{LEFT}" y="18" font-size="14" font-weight="600">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text transform="translate(12 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>',
    ]
    parts += _grid_across(y_low, y_high, y_is_log) + _grid_down(x_low, x_high, x_is_log)
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, line.points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        if marks:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in map(place, line.points)]
        legend_x = LEFT + LEGEND_STEP * number
        parts.append(f'<rect x="{legend_x}" y="{LEGEND_Y}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{legend_x + 14}" y="{LEGEND_Y + 9}">{escape(line.label)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _range(values: list[float], is_log: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if is_log:
        low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return (low, high) if high > low else (low, low + 1)


def _round_top(highest: float) -> float:
    """The end of a linear axis from 0 on whose ticks are round numbers: 20, 40, … 100."""
    step = max(highest, 1e-9) / _TICKS
    unit = 10.0 ** math.floor(math.log10(step))
    return next(round_step for round_step in _ROUND_STEPS if round_step * unit >= step * _ALMOST) * unit * _TICKS


def _fits(point: Point, x_is_log: bool, y_is_log: bool) -> bool:
    return (point[0] > 0 or not x_is_log) and (point[1] > 0 or not y_is_log)


def _ticks(low: float, high: float, is_log: bool) -> list[float]:
    """Places on an axis: of a logarithmic one the powers of ten."""
    steps = round(high - low) if is_log else _TICKS
    return [low + (high - low) * step / steps for step in range(steps + 1)]


def _text_at(value: float, is_log: bool) -> str:
    return number_text(10**value if is_log else value)


def _grid_across(low: float, high: float, is_log: bool) -> list[str]:
    parts = []
    for value in _ticks(low, high, is_log):
        y = HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#adb5bd44"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_text_at(value, is_log)}</text>')
    return parts


def _grid_down(low: float, high: float, is_log: bool) -> list[str]:
    parts = []
    for value in _ticks(low, high, is_log):
        x = LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)
        text = _text_at(value, is_log)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{text}</text>')
    return parts


def number_text(value: float) -> str:
    """Short: 0.25, 12, 3.4k, 1.2M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"

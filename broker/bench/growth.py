"""Pictures of how figures grow with partitions, connections and record size, of what the suite has stored."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from broker.bench.scenario import UNITS
from broker.bench.svg import Line, chart

# What grows, by the beginning of the scenarios' names, with the metric that says most of its throughput.
AXES = {
    "growth-partitions": ("partitions", "records_per_s"),
    "growth-connections": ("connections", "records_per_s"),
    "growth-size": ("bytes a record", "bytes_per_s"),
}
LATENCY = "p99_us"
LABELS = {"commit": "Millstream, durable", "kafka": "Kafka as shipped"}


def growth_pictures(scenarios: Mapping[str, Any]) -> dict[str, str]:
    """SVGs by file name. What has fewer than two points has no picture."""
    found = {}
    for prefix, (x_label, throughput) in AXES.items():
        for metric, what in ((throughput, "throughput"), (LATENCY, "latency")):
            lines = [Line(label, _points(scenarios, prefix, side, metric)) for side, label in LABELS.items()]
            lines = [line for line in lines if len(line.points) > 1]
            if lines:
                found[f"{prefix}-{what}.svg"] = chart(
                    f"{'p99' if metric == LATENCY else 'Throughput'} over {x_label}",
                    lines,
                    x_label=f"{x_label} (logarithmic)",
                    y_label=f"{UNITS[metric][0]}{' (logarithmic)' if metric == LATENCY else ''}",
                    x_is_log=True,
                    y_is_log=metric == LATENCY,
                    marks=True,
                )
    return found


def _points(scenarios: Mapping[str, Any], prefix: str, side: str, metric: str) -> list[tuple[float, float]]:
    """Medians of the rounds; the last part of a scenario's name is its place on the axis."""
    points = []
    for name, entry in scenarios.items():
        beginning, _, place = name.rpartition("-")
        runs = entry["sides"].get(side, [])
        if beginning == prefix and runs:
            value = statistics.median(run[metric] for run in runs) * UNITS[metric][1]
            points.append((float(place), value))
    return sorted(points)

"""Latencies in microseconds, to three significant digits, on HdrHistogram's buckets.

The hot loops only append to a list. `count_latencies` counts such lists in C (0.05 µs a value, where recording
into the histogram costs 2.3 µs), and `LatencyHistogram` is what counts of all workers are merged into.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from hdrh.histogram import HdrHistogram

# Ten minutes; what took longer is counted as that much, for no sample may be dropped.
LATENCY_US_MAX = 600_000_000
SIGNIFICANT_DIGITS = 3

# Below this a value keeps every digit, above it the first four: one more than the histogram tells apart.
_EXACT_BELOW = 2000

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


def quantise(value_us: int) -> int:
    """The value at the histogram's resolution, so that counts of many values stay small on the way there."""
    if value_us < _EXACT_BELOW:
        return max(value_us, 0)
    unit = int(10 ** (len(str(value_us)) - SIGNIFICANT_DIGITS - 1))
    return value_us - value_us % unit


def count_latencies(values_us: Iterable[int]) -> dict[int, int]:
    """How often each latency occurred."""
    counts: dict[int, int] = {}
    for value, count in Counter(values_us).items():
        key = quantise(value)
        counts[key] = counts.get(key, 0) + count
    return counts


class LatencyHistogram:
    """What all workers measured, over a window or over a whole run."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, LATENCY_US_MAX, SIGNIFICANT_DIGITS)
        self.max_us = 0

    def add_counts(self, counts: Mapping[int, int] | Mapping[str, int]) -> None:
        """Counts by latency in µs; keys may be text, as JSON has them."""
        record = self._histogram.record_value
        for key, count in counts.items():
            value = int(key)
            self.max_us = max(self.max_us, value)
            # The histogram begins at 1 µs.
            record(min(max(value, 1), LATENCY_US_MAX), count)

    def merge(self, other: LatencyHistogram) -> None:
        self._histogram.add(other._histogram)
        self.max_us = max(self.max_us, other.max_us)

    @property
    def count(self) -> int:
        return int(self._histogram.get_total_count())

    def percentile_us(self, percentile: float) -> int:
        """The latency that `percentile` % did not exceed, 0 where nothing was measured."""
        if not self.count:
            return 0
        return min(int(self._histogram.get_value_at_percentile(percentile)), self.max_us)

    def percentiles_us(self) -> dict[str, int]:
        """By the names of the CSV columns: p50, p90, p95, p99, p999 and max."""
        found = {f"p{percentile:g}".replace(".", ""): self.percentile_us(percentile) for percentile in PERCENTILES}
        return {**found, "max": self.max_us}

    def distribution(self) -> list[tuple[float, float]]:
        """The cumulative distribution as (latency in µs, share of all up to it), ascending, for a picture."""
        points: list[tuple[float, float]] = []
        total, seen = self.count, 0
        for item in self._histogram.get_recorded_iterator():
            seen += int(item.count_added_in_this_iter_step)
            points.append((float(item.value_iterated_to), seen / total))
        return points

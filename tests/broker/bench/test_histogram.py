"""Latencies: counted without loss, merged without error."""

from __future__ import annotations

from broker.bench.histogram import LATENCY_US_MAX, LatencyHistogram, count_latencies, quantise


def histogram_of(*values: int) -> LatencyHistogram:
    histogram = LatencyHistogram()
    histogram.add_counts(count_latencies(values))
    return histogram


def test_no_sample_is_dropped_however_short_or_long() -> None:
    histogram = histogram_of(0, 1, 5, LATENCY_US_MAX * 3)

    assert histogram.count == 4
    assert histogram.max_us >= LATENCY_US_MAX * 3 * 0.999


def test_percentiles_are_right_to_three_digits() -> None:
    histogram = histogram_of(*range(1, 100_001))

    for percentile in (50.0, 90.0, 99.0, 99.9):
        assert abs(histogram.percentile_us(percentile) / (percentile * 1000) - 1) < 0.002


def test_short_latencies_keep_every_digit() -> None:
    assert [quantise(value) for value in (0, 7, 1999)] == [0, 7, 1999]


def test_long_latencies_are_cut_to_what_the_histogram_can_tell_apart() -> None:
    for value in (2001, 12_345, 9_999_999):
        assert 0 <= value - quantise(value) < value / 1000


def test_merging_is_the_same_as_measuring_together() -> None:
    one, other = histogram_of(*range(0, 5000, 3)), histogram_of(*range(5000, 9000, 7))
    one.merge(other)

    together = histogram_of(*range(0, 5000, 3), *range(5000, 9000, 7))
    assert one.count == together.count
    assert one.percentiles_us() == together.percentiles_us()


def test_counts_survive_json_whose_keys_are_text() -> None:
    histogram = LatencyHistogram()
    histogram.add_counts({"100": 3, "200": 1})

    assert histogram.count == 4
    assert histogram.percentile_us(50) == 100


def test_the_distribution_ascends_to_one() -> None:
    points = histogram_of(*range(1, 3000)).distribution()

    assert points == sorted(points)
    assert points[-1][1] == 1.0


def test_an_empty_histogram_has_no_latencies() -> None:
    assert set(LatencyHistogram().percentiles_us().values()) == {0}

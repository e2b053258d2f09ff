"""Counting what was committed, by the write."""

from __future__ import annotations

from broker.partition.committed_bytes import CommittedBytes


def test_a_write_counts_when_the_high_watermark_passes_its_end() -> None:
    counted = CommittedBytes()
    counted.written(0, 10, 1000)
    counted.written(10, 12, 300)
    counted.committed(10)
    assert counted.count == 1000
    counted.committed(12)
    assert counted.count == 1300


def test_a_high_watermark_inside_a_write_counts_for_its_share_and_the_whole_is_exact() -> None:
    """A follower that fetched the half of a write must not leave a consumer waiting who asked for one byte."""
    counted = CommittedBytes()
    counted.written(0, 10, 7)
    seen = []
    for end_offset in (1, 4, 4, 9, 10):
        counted.committed(end_offset)
        seen.append(counted.count)
    assert seen[0] >= 1
    assert seen == sorted(seen)
    assert seen[-1] == 7


def test_what_is_forgotten_is_never_counted() -> None:
    counted = CommittedBytes()
    counted.written(0, 10, 1000)
    counted.forget()
    counted.committed(10)
    assert counted.count == 0

"""Stored slices: the bytes that a read would bring, whatever the index says; none where the log has changed since."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from log_harness import batch
from log_harness.batches import NOW_MS, keyed_batch
from log_harness.logs import LogOnDisk

from broker.log import LogConfig, ReadResult, StoredSlice
from broker.log.offset_index import OFFSET_ENTRY
from protocol.errors import ErrorCode, KafkaError
from protocol.records import iterate_batches
from wal import CorruptionError, StorageError

STORED_BYTES_MIN = 1000


def filled(config: LogConfig | None = None, count: int = 60, *, size: int = 200) -> LogOnDisk:
    on_disk = LogOnDisk(config or LogConfig(index_interval_bytes=500))
    for number in range(count):
        on_disk.append(batch(bytes(size), timestamp=NOW_MS + number), now_ms=NOW_MS + number)
    return on_disk


def of_many_sizes(chance: random.Random, config: LogConfig) -> LogOnDisk:
    """Stretches of small batches and of large ones, so that index entries are spread unevenly."""
    on_disk = LogOnDisk(config)
    for _ in range(12):
        size = chance.choice((10, 100, 1000, 3000))
        for _ in range(chance.randrange(1, 60)):
            values = [chance.randbytes(chance.randrange(size)) for _ in range(chance.randrange(1, 4))]
            on_disk.append(batch(*values))
    return on_disk


def read(on_disk: LogOnDisk, offset: int, max_bytes: int = 5000, max_offset: int = 1 << 40) -> ReadResult:
    log = on_disk.log
    return log.read(offset, max_bytes=max_bytes, max_offset=max_offset, stored_bytes_min=STORED_BYTES_MIN)


def stored(on_disk: LogOnDisk, offset: int = 0, max_bytes: int = 5000, max_offset: int = 1 << 40) -> StoredSlice:
    found = read(on_disk, offset, max_bytes, max_offset).stored
    assert found is not None
    return found


def both_ways(on_disk: LogOnDisk, offset: int, max_bytes: int, max_offset: int) -> tuple[bool, bytes, bytes]:
    """(whether a slice was stored, its bytes, those of a read): what both tell agrees with their bytes."""
    log = on_disk.log
    plain = log.read(offset, max_bytes=max_bytes, max_offset=max_offset)
    found = read(on_disk, offset, max_bytes, max_offset)
    data = bytes(found.records) if found.stored is None else found.stored.read()
    assert found.stored is None or len(found.stored) == len(data) >= STORED_BYTES_MIN
    headers = [header for _, header in iterate_batches(data)]
    assert sum([header.size_bytes for header in headers]) == len(data)
    assert found.end_offset == (headers[-1].next_offset if headers else offset) <= max(max_offset, offset)
    return found.stored is not None, data, bytes(plain.records)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_stored_slice_is_what_a_read_brings(seed: int, sealed: bool) -> None:
    """For any offset, limit, and end of what may be seen (high watermark or last stable offset), the index in memory or
    in its file."""
    chance = random.Random(seed)
    segment_bytes = chance.choice((20_000, 1 << 30))
    interval_bytes = chance.choice((100, 500, 1500))
    on_disk = of_many_sizes(chance, LogConfig(segment_bytes=segment_bytes, index_interval_bytes=interval_bytes))
    if sealed:
        on_disk.restart()
    end = on_disk.log.log_end_offset
    slices = 0
    for _ in range(150):
        offset = chance.randrange(end)
        max_offset = chance.choice((end, chance.randrange(offset, end + 1)))
        is_stored, data, plain = both_ways(on_disk, offset, chance.randrange(1, 40_000), max_offset)
        assert data == plain
        slices += is_stored
    assert slices > 50


@pytest.mark.parametrize("damage", ["removed", "half", "zeros", "places", "low", "high", "chance"])
def test_an_index_that_lies_corrupts_no_slice(damage: str) -> None:
    chance = random.Random(damage)
    on_disk = of_many_sizes(chance, LogConfig(index_interval_bytes=500, segment_bytes=60_000))
    on_disk.logs.close()
    path = on_disk.log.segments[0].offset_index.path
    content = on_disk.disk.content(path)
    entries = list(OFFSET_ENTRY.iter_unpack(content))
    if damage == "removed":
        on_disk.disk.remove(path)
    elif damage == "half":
        del content[len(content) // 2 + 1 :]
    else:
        lies = {
            "zeros": [(0, 0) for _ in entries],
            "places": [(offset, position + 7) for offset, position in entries],
            "low": [(offset // 2, position) for offset, position in entries],
            "high": [(offset + 1, position) for offset, position in entries],
            "chance": [(chance.randrange(-(1 << 31), 1 << 31), chance.randrange(-9, 1 << 31)) for _ in entries],
        }
        content[:] = b"".join([OFFSET_ENTRY.pack(*entry) for entry in lies[damage]])
    on_disk.start()
    end = on_disk.log.segments[1].base_offset
    # The first batch is found without the index; a search for another one would notice the lies, and make it anew.
    for offset in [0] * 60 + [chance.randrange(end) for _ in range(60)]:
        max_offset = chance.choice((end, chance.randrange(offset, end + 1)))
        _, data, plain = both_ways(on_disk, offset, chance.randrange(1, 40_000), max_offset)
        assert plain.startswith(data)
        assert bool(plain) == bool(data)


def test_slices_one_behind_the_other_are_the_whole_compacted_log() -> None:
    """Compaction leaves gaps between offsets; a consumer asks for the one behind the last that it got."""
    config = LogConfig(
        segment_bytes=30_000, cleanup_policy=("compact",), min_cleanable_dirty_ratio=0.0, index_interval_bytes=500
    )
    on_disk = LogOnDisk(config)
    for number in range(300):
        on_disk.append(keyed_batch([(b"%d" % (number % 7 if number % 3 else number), bytes(200))]))
    assert on_disk.compact(NOW_MS)
    found: list[int] = []
    offset, slices = 0, 0
    while offset < on_disk.log.log_end_offset:
        got = read(on_disk, offset)
        slices += got.stored is not None
        data = got.records if got.stored is None else got.stored.read()
        found += [header.base_offset for _, header in iterate_batches(data)]
        offset = max(found[-1] + 1, offset + 1)
    assert found == [header.base_offset for segment in on_disk.log.segments for _, header in segment.scan()]
    assert len(found) < 300
    assert slices > 3


def test_a_consumer_that_goes_on_behind_a_slice_needs_no_search() -> None:
    on_disk = filled()
    first = read(on_disk, 0)
    assert first.stored is not None
    assert on_disk.log.read_positions.use(first.end_offset) is not None


def test_short_reads_and_readers_that_look_at_the_bytes_get_bytes() -> None:
    on_disk = filled()
    assert read(on_disk, 0, max_bytes=STORED_BYTES_MIN - 1).stored is None
    assert on_disk.log.read(0, max_bytes=5000, max_offset=60).stored is None


def test_what_is_appended_behind_a_slice_does_not_change_it() -> None:
    on_disk = filled()
    slice_, before = stored(on_disk), stored(on_disk).read()
    on_disk.append(batch(b"later"))
    assert slice_.read() == before
    assert slice_.without(100).read() == before[100:]


def _truncate(on_disk: LogOnDisk) -> None:
    on_disk.log.truncate_to(3)
    for _ in range(60):
        on_disk.append(batch(bytes(170)))


def _retain(on_disk: LogOnDisk) -> None:
    assert on_disk.log.apply_retention(NOW_MS + 10_000_000_000, on_disk.log.log_end_offset)


def _compact(on_disk: LogOnDisk) -> None:
    assert on_disk.compact(NOW_MS)


def _delete(on_disk: LogOnDisk) -> None:
    on_disk.logs.delete(on_disk.log)


@pytest.mark.parametrize("change", [_truncate, _retain, _compact, _delete])
def test_nothing_is_taken_from_a_log_that_was_changed_since(change: Callable[[LogOnDisk], None]) -> None:
    """Another file may have the path, or other bytes the place."""
    policy = ("compact",) if change is _compact else ("delete",)
    on_disk = LogOnDisk(
        LogConfig(segment_bytes=6000, cleanup_policy=policy, min_cleanable_dirty_ratio=0.0, index_interval_bytes=500)
    )
    for _ in range(60):
        on_disk.append(keyed_batch([(b"key", bytes(170))]))
    whole = stored(on_disk)
    rest = whole.without(300)
    change(on_disk)
    for slice_ in (whole, rest, whole.without(300)):
        with pytest.raises(StorageError):
            slice_.read()
        with pytest.raises(StorageError):
            slice_.descriptor()


def test_a_file_that_ends_before_the_slice_is_corruption() -> None:
    on_disk = filled()
    slice_ = stored(on_disk)
    del on_disk.disk.content(on_disk.log.active.log_path)[len(slice_) // 2 :]
    with pytest.raises(CorruptionError):
        slice_.read()


def test_damage_at_the_place_itself_is_told_and_behind_it_is_the_clients_to_notice() -> None:
    on_disk = filled()
    batch_bytes = len(on_disk.log.read(0, max_bytes=1, max_offset=60).records)
    path = on_disk.log.active.log_path
    on_disk.disk.damage(path, batch_bytes, bytes(40))
    slice_ = stored(on_disk)
    assert slice_.read()[batch_bytes : batch_bytes + 40] == bytes(40)
    on_disk.disk.damage(path, 0, bytes(40))
    with pytest.raises(KafkaError) as refused:
        read(on_disk, 0)
    assert refused.value.code is ErrorCode.CORRUPT_MESSAGE

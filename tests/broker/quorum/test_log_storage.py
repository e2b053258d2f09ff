"""Raft's log on a disk that crashes: what was written is there, in the order and with the truncations of its life."""

from __future__ import annotations

import random

import pytest
from simulation import SimulatedCrash, SimulatedFilesystem

from broker.metadata import MetadataImage
from broker.quorum import log_storage
from broker.quorum.log_storage import LogStorage
from broker.quorum.quorum import LIMITS
from broker.quorum.snapshots import snapshot_of
from raft import Configuration, Entry, EntryKind, HardState, Ready, SnapshotChunk
from wal import CorruptionError, Filesystem, JournalLimits

DIRECTORY = "metadata"
SMALL = JournalLimits(commit_bytes_max=1 << 20, commit_entries_max=4096, segment_bytes=2048, spare_segments_max=1)
MEMBERS = Configuration.of(1, 2, 3)


def open_log(disk: Filesystem, limits: JournalLimits = LIMITS) -> LogStorage:
    return LogStorage(disk, DIRECTORY, bootstrap=MEMBERS, limits=limits)


def entry(index: int, term: int) -> Entry:
    return Entry(term, index, EntryKind.NORMAL, f"{index} of {term}".encode())


def write(log: LogStorage, ready: Ready) -> None:
    """What the driver's loop does with one Ready."""
    snapshot = log.stage(ready)
    if snapshot is not None:
        log.write_snapshot(snapshot)
    log.commit()
    log.written(ready, snapshot)


def append(log: LogStorage, first: int, last: int, term: int) -> None:
    state = HardState(term, 1, 0)
    write(log, Ready(1, hard_state=state, entries=[entry(i, term) for i in range(first, last + 1)], must_sync=True))


def own_snapshot(log: LogStorage, index: int) -> None:
    term = log.term(index)
    assert term is not None
    snapshot = snapshot_of(MetadataImage(metadata_offset=index), index=index, term=term, configuration=MEMBERS)
    log.write_snapshot(snapshot)
    log.commit_and_trim(log.install_own(snapshot))


def receive(log: LogStorage, index: int, term: int) -> None:
    """A snapshot of the leader, in two chunks."""
    sent = snapshot_of(MetadataImage(metadata_offset=index), index=index, term=term, configuration=MEMBERS)
    half = len(sent.content) // 2
    chunks = [
        SnapshotChunk(term, 2, 1, sent.metadata, position, part)
        for position, part in ((0, sent.content[:half]), (half, sent.content[half:]))
    ]
    ready = Ready(1, hard_state=HardState(term, -1, 0), snapshot_chunks=chunks, snapshot=sent.metadata, must_sync=True)
    write(log, ready)


def held(log: LogStorage) -> list[tuple[int, int]]:
    """(index, term) of what the log holds."""
    return [(e.index, e.term) for e in log.entries(log.first_index(), log.last_index() + 1, 1 << 20)]


def reopened(log: LogStorage, disk: Filesystem, limits: JournalLimits = LIMITS) -> LogStorage:
    log.close()
    return open_log(disk, limits)


def test_a_new_log_has_the_bootstrap_configuration_and_nothing_else() -> None:
    log = open_log(SimulatedFilesystem())
    assert (log.first_index(), log.last_index(), log.term(0), log.term(1)) == (1, 0, 0, None)
    assert log.snapshot().configuration == MEMBERS
    assert log.hard_state() == HardState()


def test_entries_take_the_place_of_those_from_their_index_on() -> None:
    disk = SimulatedFilesystem()
    log = open_log(disk)
    append(log, 1, 6, 1)
    append(log, 4, 5, 2)
    append(log, 6, 6, 3)
    for now in (log, reopened(log, disk)):
        assert held(now) == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3)]
        assert now.hard_state() == HardState(3, 1, 0)


def test_a_snapshot_keeps_the_entries_behind_the_one_before_it() -> None:
    disk = SimulatedFilesystem()
    log = open_log(disk)
    append(log, 1, 10, 1)
    own_snapshot(log, 6)
    assert log.first_index() == 1
    append(log, 11, 20, 2)
    own_snapshot(log, 15)
    for now in (log, reopened(log, disk)):
        assert (now.snapshot().index, now.snapshot().term) == (15, 2)
        assert held(now)[-14:] == [(i, 1 if i < 11 else 2) for i in range(7, 21)]
        assert now.hard_state().term == 2
    assert log.term(6) == 1, "the last that is gone keeps its term, for the consistency check"


def test_trimmed_segments_take_neither_vote_nor_entries_with_them() -> None:
    disk = SimulatedFilesystem()
    log = open_log(disk, SMALL)
    last = 0
    for _ in range(12):
        append(log, last + 1, last + 20, 1)
        last += 20
        own_snapshot(log, last - 5)
    files = len([name for name in disk.list(DIRECTORY) if name.endswith(".wal")])
    assert files < 6, "most of the log is gone"
    log = reopened(log, disk, SMALL)
    assert log.hard_state() == HardState(1, 1, 0)
    assert (log.snapshot().index, log.last_index()) == (last - 5, last)
    append(log, last + 1, last + 1, 2)
    assert held(reopened(log, disk, SMALL))[-1] == (last + 1, 2)


def test_a_received_snapshot_takes_the_place_of_the_whole_log() -> None:
    disk = SimulatedFilesystem()
    log = open_log(disk)
    append(log, 1, 8, 1)
    receive(log, 20, 3)
    append(log, 21, 23, 3)
    for now in (log, reopened(log, disk)):
        assert (now.first_index(), now.term(20), now.term(8)) == (21, 3, None)
        assert held(now) == [(21, 3), (22, 3), (23, 3)]


def test_a_received_snapshot_takes_the_place_of_a_longer_log_that_differs() -> None:
    """The entries behind it were never verified, though one of them follows on it by its number."""
    disk = SimulatedFilesystem()
    log = open_log(disk)
    append(log, 1, 30, 1)
    receive(log, 20, 3)
    assert held(reopened(log, disk)) == []


def test_an_own_snapshot_that_a_received_one_overtook_is_not_written_over_it() -> None:
    disk = SimulatedFilesystem()
    log = open_log(disk)
    append(log, 1, 8, 1)
    own = snapshot_of(MetadataImage(metadata_offset=5), index=5, term=1, configuration=MEMBERS)
    receive(log, 20, 3)
    log.write_snapshot(own)
    assert reopened(log, disk).snapshot().index == 20


def test_a_received_snapshot_that_is_not_what_was_sent_is_refused() -> None:
    log = open_log(SimulatedFilesystem())
    sent = snapshot_of(MetadataImage(metadata_offset=9), index=9, term=1, configuration=MEMBERS)
    chunk = SnapshotChunk(1, 2, 1, sent.metadata, 0, bytes(len(sent.content)))
    with pytest.raises(CorruptionError, match="not what was written"):
        log.stage(Ready(1, snapshot_chunks=[chunk], snapshot=sent.metadata, must_sync=True))


def test_a_snapshot_without_the_log_it_was_taken_of_is_refused() -> None:
    """The vote was in there: a node that forgot it could vote twice."""
    disk = SimulatedFilesystem()
    log = open_log(disk)
    append(log, 1, 8, 1)
    own_snapshot(log, 6)
    log.close()
    for name in disk.list(DIRECTORY):
        if name.endswith(".wal"):
            disk.remove(f"{DIRECTORY}/{name}")
    with pytest.raises(CorruptionError, match="restore them"):
        open_log(disk)


class Model:
    """What must be there: everything that a `write` returned from."""

    def __init__(self) -> None:
        self.snapshot_index = 0
        self.entries: dict[int, int] = {}
        self.term = 1

    def last(self) -> int:
        return max(self.entries, default=self.snapshot_index)


def live(log: LogStorage, model: Model, rng: random.Random) -> None:
    """Write until the machine stops."""
    while True:
        choice = rng.random()
        last = model.last()
        if choice < 0.65:
            first = last + 1 if rng.random() < 0.7 else rng.randint(model.snapshot_index + 1, last + 1)
            model.term += first <= last
            end = first + rng.randint(0, 4)
            append(log, first, end, model.term)
            model.entries = {i: t for i, t in model.entries.items() if i < first}
            model.entries |= dict.fromkeys(range(first, end + 1), model.term)
        elif choice < 0.85:
            if last > model.snapshot_index:
                index = rng.randint(model.snapshot_index + 1, last)
                own_snapshot(log, index)
                model.snapshot_index = index
        else:
            model.term += 1
            index = last + rng.randint(1, 5)
            receive(log, index, model.term)
            model.snapshot_index, model.entries = index, {}


def check(log: LogStorage, model: Model) -> None:
    """Everything acknowledged, and at most the write under way beside it."""
    assert log.hard_state().term >= max(model.entries.values(), default=0)
    assert log.snapshot().index >= model.snapshot_index
    if log.snapshot().index > model.last():
        return  # the received snapshot that was under way became durable
    known = dict(held(log))
    for index, term in model.entries.items():
        if index >= log.first_index():
            assert known.get(index, log.term(index)) is not None
            if known.get(index) != term:
                # Replaced by the write that was under way, which had a higher term.
                assert known.get(index, model.term + 1) >= term
                break


@pytest.mark.parametrize("seed", range(60))
def test_a_crash_anywhere_leaves_what_was_written_and_a_log_that_opens(seed: int) -> None:
    rng = random.Random(seed)
    disk = SimulatedFilesystem(seed)
    model = Model()
    for _ in range(4):
        disk.crash_at = disk.operations + rng.randrange(5, 150)
        log: LogStorage | None = None
        try:
            log = open_log(disk, SMALL)
            check(log, model)
            model = after_crash(log, model)
            live(log, model, rng)
        except SimulatedCrash:
            pass
        disk = disk.power_loss() if rng.random() < 0.8 else disk.kill()
    check(open_log(disk, SMALL), model)


def after_crash(log: LogStorage, model: Model) -> Model:
    """Go on from what is there: the write under way may be."""
    fresh = Model()
    fresh.snapshot_index = log.snapshot().index
    fresh.entries = {index: term for index, term in held(log) if index > fresh.snapshot_index}
    fresh.term = max(log.hard_state().term, model.term, log.snapshot().term) + 1
    return fresh


def test_the_bytes_of_each_kind_are_what_they_were() -> None:
    """Metadata logs of earlier versions are read by these; a change here is another kind of entry."""
    number = bytes(7) + b"\5"
    assert (log_storage.ENTRY, log_storage.HARD_STATE, log_storage.RESTORED) == (2, 3, 4)
    assert log_storage.unpack_entry(number + bytes(7) + b"\x09" + b"\0data") == Entry(5, 9, EntryKind.NORMAL, b"data")
    assert log_storage.unpack_hard_state(number + b"\0\0\0\2" + number) == HardState(5, 2, 5)
    assert log_storage.unpack_restored(number + bytes(7) + b"\x09") == (5, 9)

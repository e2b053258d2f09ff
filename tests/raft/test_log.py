"""The log's stable and unstable part: etcd's log, log_unstable and storage cases that a single face has."""

from __future__ import annotations

import pytest
from raft_harness.members import entries, storage_with

from raft import Configuration, Entry, EntryKind, HardState, MemoryStorage, SnapshotMetadata
from raft.log import RaftLog

ONE = Configuration.of(1)


def log_of(*terms: int, committed: int = 0) -> RaftLog:
    """Everything durable."""
    log = RaftLog(storage_with(ONE, *terms))
    log.commit_to(committed)
    return log


def unstable_log(*terms: int) -> RaftLog:
    """Nothing durable."""
    log = log_of()
    for entry in entries(*terms):
        log.append(entry)
    return log


def terms_of(log: RaftLog) -> list[int]:
    held = log.entries(log.first_index, log.last_index + 1, 1 << 30)
    assert held is not None
    return [entry.term for entry in held]


def compacted(last: int, to: int) -> RaftLog:
    storage = storage_with(ONE, *range(1, last + 1))
    storage.create_snapshot(to, ONE, b"")
    storage.compact(to)
    return RaftLog(storage)


@pytest.mark.parametrize(
    ("first", "terms", "position"),
    [
        (1, [1, 2, 3], 3),
        (2, [2, 3], 2),
        (3, [3], 1),
        (1, [1, 2, 3, 4, 4], 3),
        (2, [2, 3, 4, 5], 2),
        (3, [3, 4, 4], 1),
        (4, [4, 4], 0),
        (1, [4, 4], 0),
        (2, [1, 4, 4], 0),
        (3, [1, 2, 4, 4], 0),
    ],
)
def test_the_first_conflict_or_new_entry_is_found(first: int, terms: list[int], position: int) -> None:
    assert log_of(1, 2, 3).first_conflict(entries(*terms, first=first)) == position


@pytest.mark.parametrize(
    ("log_terms", "index", "term", "found"),
    [
        ((2, 2, 5, 5, 5), 5, 5, 5),
        ((2, 2, 5, 5, 5), 5, 4, 2),
        ((2, 2, 5, 5, 5), 5, 2, 2),
        ((2, 2, 5, 5, 5), 2, 2, 2),
        ((2, 2, 5, 5, 5), 2, 1, 0),
        ((2, 2, 5, 5, 5), 5, 1, 0),
        ((2, 4, 4, 6), 4, 5, 3),
    ],
)
def test_back_off_skips_whole_terms(log_terms: tuple[int, ...], index: int, term: int, found: int) -> None:
    assert log_of(*log_terms).agreement_hint(index, term)[0] == found


def test_back_off_says_so_where_the_log_is_compacted() -> None:
    assert compacted(5, 4).agreement_hint(3, 1) == (3, 0)


@pytest.mark.parametrize(
    ("index", "term", "up_to_date"),
    [
        (2, 4, True),
        (3, 4, True),
        (4, 4, True),
        (2, 2, False),
        (3, 2, False),
        (4, 2, False),
        (2, 3, False),
        (3, 3, True),
        (4, 3, True),
    ],
)
def test_a_log_is_compared_by_last_term_then_length(index: int, term: int, up_to_date: bool) -> None:
    assert log_of(1, 2, 3).is_up_to_date(index, term) is up_to_date


@pytest.mark.parametrize(
    ("first", "terms", "result", "stable"),
    [
        (3, [2], [1, 2, 2], 2),
        (1, [2], [2], 0),  # conflicts with index 1
        (2, [3, 3], [1, 3, 3], 1),  # conflicts with index 2
    ],
)
def test_replacing_cuts_the_tail_and_what_was_durable(
    first: int, terms: list[int], result: list[int], stable: int
) -> None:
    log = log_of(1, 2)
    log.replace_from(entries(*terms, first=first))
    assert terms_of(log) == result
    assert log.stable_index == stable
    assert [entry.index for entry in log.take_unpersisted()[0]] == list(range(first, len(result) + 1))


def test_replacing_in_the_middle_of_the_unstable_tail() -> None:
    log = unstable_log(1, 1, 1)
    log.replace_from(entries(2, 2, first=2))
    assert terms_of(log) == [1, 2, 2]


def test_nothing_committed_is_ever_cut() -> None:
    log = log_of(1, 1, 1, committed=2)
    with pytest.raises(AssertionError, match="replace a committed one"):
        log.replace_from(entries(2, first=2))


def test_a_gap_is_refused() -> None:
    with pytest.raises(AssertionError, match="gap"):
        log_of(1).replace_from(entries(1, first=3))


def test_commit_moves_forward_within_the_log() -> None:
    log = log_of(1, 1, 1, committed=2)
    log.commit_to(1)
    assert log.committed == 2
    with pytest.raises(AssertionError, match="beyond the log's end"):
        log.commit_to(4)


def test_terms_are_known_from_the_snapshot_to_the_end() -> None:
    log = compacted(5, 3)
    log.append(Entry(9, 6, EntryKind.NORMAL, b""))
    assert [log.term(index) for index in range(1, 8)] == [None, None, 3, 4, 5, 9, None]


def test_entries_span_storage_and_tail_within_the_limit() -> None:
    storage = storage_with(ONE)
    storage.append(entries(1, 1, data=b"x" * 10))
    log = RaftLog(storage)
    for entry in entries(1, 1, first=3, data=b"y" * 10):
        log.append(entry)

    def indexes(first: int, end: int, bytes_max: int) -> list[int] | None:
        found = log.entries(first, end, bytes_max)
        return None if found is None else [entry.index for entry in found]

    assert indexes(1, 5, 1000) == [1, 2, 3, 4]
    assert indexes(2, 4, 1000) == [2, 3]
    assert indexes(1, 5, 30) == [1, 2, 3]
    assert indexes(1, 5, 20) == [1, 2]
    assert indexes(1, 5, 0) == [1]  # never nothing, or nothing would ever be sent
    assert indexes(3, 5, 10) == [3]
    assert indexes(5, 5, 10) == []


def test_compacted_entries_are_not_there() -> None:
    assert compacted(5, 3).entries(3, 6, 1000) is None


class TestPersisting:
    def test_each_entry_is_handed_out_once(self) -> None:
        log = unstable_log(1, 1)
        assert [entry.index for entry in log.take_unpersisted()[0]] == [1, 2]
        assert log.take_unpersisted()[0] == []
        log.append(Entry(1, 3, EntryKind.NORMAL, b""))
        assert [entry.index for entry in log.take_unpersisted()[0]] == [3]

    def test_durable_when_that_ready_is_done_and_not_before(self) -> None:
        log = unstable_log(1, 1)
        log.take_unpersisted()
        log.append(Entry(1, 3, EntryKind.NORMAL, b""))
        assert log.stable_index == 0
        log.persisted(None)
        assert log.stable_index == 2

    def test_an_overtaken_write_does_not_count_even_if_the_entry_returns(self) -> None:
        """Index 2 is written with term 1, then with term 2, then with term 1 again (by a leader of term 3).
        The first write is done: on disk the second one will still overwrite it."""
        log = unstable_log(1, 1)
        log.take_unpersisted()
        log.replace_from(entries(2, first=2))
        log.take_unpersisted()
        log.replace_from(entries(1, first=2))
        log.take_unpersisted()
        log.persisted(None)
        assert log.stable_index == 1
        log.persisted(None)
        assert log.stable_index == 1
        log.persisted(None)
        assert log.stable_index == 2

    def test_a_snapshot_replaces_what_was_being_written(self) -> None:
        log = unstable_log(1, 1)
        log.take_unpersisted()
        snapshot = SnapshotMetadata(9, 3, ONE)
        log.restore(snapshot)
        log.persisted(None)
        assert (log.stable_index, log.last_index, log.first_index, log.committed) == (0, 9, 10, 9)
        assert log.take_unpersisted() == ([], snapshot)
        log.persisted(snapshot)
        assert log.stable_index == 9

    def test_old_entries_in_storage_are_not_seen_behind_a_pending_snapshot(self) -> None:
        log = log_of(1, 1, 1)
        log.restore(SnapshotMetadata(9, 3, ONE))
        assert log.term(2) is None
        assert log.term(9) == 3
        assert log.entries(2, 4, 100) is None

    def test_a_snapshot_of_what_is_committed_is_refused(self) -> None:
        with pytest.raises(AssertionError, match="committed already"):
            log_of(1, 1, committed=2).restore(SnapshotMetadata(2, 1, ONE))


class TestApplying:
    def test_committed_entries_come_once_in_order_and_in_portions(self) -> None:
        storage = storage_with(ONE)
        storage.append(entries(1, 1, 1, data=b"x" * 10))
        log = RaftLog(storage)
        log.commit_to(3)
        portions = []
        while log.has_committed():
            portions.append([entry.index for entry in log.take_committed(20)])
        assert portions == [[1, 2], [3]]

    def test_uncommitted_entries_are_not_applied(self) -> None:
        log = log_of(1, 1, committed=1)
        log.take_committed(100)
        assert not log.has_committed()
        assert log.take_committed(100) == []

    def test_nothing_is_applied_before_the_snapshot_is_in_place(self) -> None:
        log = log_of()
        log.restore(SnapshotMetadata(5, 1, ONE))
        log.append(Entry(1, 6, EntryKind.NORMAL, b""))
        log.commit_to(6)
        assert not log.has_committed()
        _, snapshot = log.take_unpersisted()
        log.persisted(snapshot)
        assert log.has_committed()


class TestRestart:
    def test_the_log_begins_where_it_was(self) -> None:
        log = RaftLog(storage_with(ONE, 1, 2, committed=1))
        assert (log.first_index, log.last_index, log.last_term, log.committed, log.applying) == (1, 2, 2, 1, 0)

    def test_after_a_snapshot_too(self) -> None:
        log = compacted(5, 3)
        assert (log.first_index, log.last_index, log.committed, log.applying) == (4, 5, 3, 3)

    def test_a_log_that_lost_what_was_durable_is_refused(self) -> None:
        """It may have acknowledged those entries: only an empty disk with a new directory id may go on."""
        storage = storage_with(ONE, 1, 1)
        storage.set_hard_state(HardState(1, 1, 7))
        with pytest.raises(AssertionError, match="lost entries that were durable"):
            RaftLog(storage)


class TestMemoryStorage:
    def storage(self) -> MemoryStorage:
        storage = storage_with(ONE, 3, 4, 5)
        storage.create_snapshot(1, ONE, b"one")
        storage.compact(1)
        return storage

    def test_terms(self) -> None:
        assert [self.storage().term(index) for index in (0, 1, 2, 3, 4)] == [None, 3, 4, 5, None]

    @pytest.mark.parametrize(
        ("appended", "terms"),
        [
            (entries(4, 5, first=2), [4, 5]),
            (entries(6, 6, first=2), [6, 6]),
            (entries(4, 5, 5, first=2), [4, 5, 5]),
            (entries(5, first=2), [5]),
            (entries(5, first=4), [4, 5, 5]),
        ],
    )
    def test_appending_replaces_from_the_first_index(self, appended: list[Entry], terms: list[int]) -> None:
        storage = self.storage()
        storage.append(appended)
        assert [entry.term for entry in storage.entries(2, 9, 1000)] == terms

    def test_a_gap_or_compacted_entries_are_refused(self) -> None:
        for first in (1, 5):
            with pytest.raises(AssertionError):
                self.storage().append(entries(9, first=first))

    def test_compaction_needs_a_snapshot(self) -> None:
        with pytest.raises(AssertionError, match="needs a snapshot"):
            self.storage().compact(2)

    def test_compacting_again_changes_nothing(self) -> None:
        storage = self.storage()
        storage.compact(0)
        assert storage.first_index() == 2

    def test_a_snapshot_is_read_in_chunks_and_only_the_newest(self) -> None:
        storage = self.storage()
        old = storage.snapshot()
        assert storage.snapshot_chunk(old, 1, 10) == b"ne"
        storage.create_snapshot(2, ONE, b"two")
        assert storage.snapshot_chunk(old, 0, 10) is None

    def test_a_damaged_snapshot_is_not_installed(self) -> None:
        metadata = MemoryStorage(ONE)
        metadata.append(entries(1))
        sent = metadata.create_snapshot(1, ONE, b"content")
        for content in (b"conten", b"CONTENT"):
            with pytest.raises(AssertionError):
                MemoryStorage(ONE).install_snapshot(sent, content)

    def test_installing_drops_the_log(self) -> None:
        storage, other = self.storage(), storage_with(ONE, *[1] * 9)
        storage.install_snapshot(other.create_snapshot(9, ONE, b"nine"), b"nine")
        assert (storage.first_index(), storage.last_index(), storage.term(9)) == (10, 9, 1)

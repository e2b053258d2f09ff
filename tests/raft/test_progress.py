"""What a leader knows of a member: etcd's tracker cases."""

from __future__ import annotations

import pytest
from raft_harness.members import entries

from raft import Configuration, SnapshotMetadata
from raft.progress import Inflights, Progress, ProgressState


def progress(match: int = 0, following: int = 1, state: ProgressState = ProgressState.PROBE) -> Progress:
    made = Progress(following, 3, 1000)
    made.match, made.state = match, state
    return made


class TestInflights:
    def test_full_by_number(self) -> None:
        window = Inflights(2, 1000)
        window.add(1, 10)
        assert not window.is_full()
        window.add(2, 10)
        assert window.is_full()

    def test_full_by_bytes_after_the_message_that_goes_over(self) -> None:
        window = Inflights(100, 15)
        window.add(1, 10)
        assert not window.is_full()
        window.add(2, 10)
        assert window.is_full()

    def test_beyond_the_window_is_a_defect(self) -> None:
        window = Inflights(1, 1000)
        window.add(1, 10)
        with pytest.raises(AssertionError, match="beyond the window"):
            window.add(2, 10)

    def test_one_acknowledgement_frees_all_before_it(self) -> None:
        window = Inflights(3, 1000)
        for index in (1, 3, 5):
            window.add(index, 10)
        window.free_to(0)
        assert len(window) == 3
        window.free_to(4)
        assert len(window) == 1
        window.free_to(5)
        assert len(window) == 0

    def test_bytes_are_given_back(self) -> None:
        window = Inflights(100, 15)
        window.add(1, 20)
        window.free_to(1)
        assert not window.is_full()


@pytest.mark.parametrize(
    ("acknowledged", "match", "following", "news"),
    [(2, 3, 5, False), (3, 3, 5, False), (4, 4, 5, True), (5, 5, 6, True)],
)
def test_acknowledgements_only_move_forward(acknowledged: int, match: int, following: int, news: bool) -> None:
    member = progress(3, 5)
    assert member.acknowledge(acknowledged) is news
    assert (member.match, member.next) == (match, following)


@pytest.mark.parametrize(
    ("state", "match", "following", "rejected", "hint", "moved", "result"),
    [
        # REPLICATE: at or below what matches it is an old answer; else back to behind the match.
        ("replicate", 5, 10, 5, 5, False, 10),
        ("replicate", 5, 10, 4, 4, False, 10),
        ("replicate", 5, 10, 9, 9, True, 6),
        # PROBE: only the answer to the last probe counts.
        ("probe", 0, 0, 0, 0, False, 0),
        ("probe", 0, 10, 5, 5, False, 10),
        ("probe", 0, 10, 9, 9, True, 9),
        ("probe", 0, 2, 1, 1, True, 1),
        ("probe", 0, 1, 0, 0, True, 1),
        ("probe", 0, 10, 9, 2, True, 3),
        ("probe", 0, 10, 9, 0, True, 1),
        ("probe", 4, 10, 9, 2, True, 5),  # never below what matches
    ],
)
def test_rejections_back_off(
    state: str, match: int, following: int, rejected: int, hint: int, moved: bool, result: int
) -> None:
    member = progress(match, following, ProgressState(state))
    assert member.reject(rejected, hint) is moved
    assert member.next == result


def test_probing_begins_behind_what_matches_or_the_snapshot_under_way() -> None:
    member = progress(1, 5, ProgressState.REPLICATE)
    member.become_probe()
    assert (member.state, member.next) == (ProgressState.PROBE, 2)
    member.become_snapshot(SnapshotMetadata(10, 1, Configuration.of(1)))
    member.become_probe()
    assert member.next == 11


def test_replicating_begins_behind_what_matches_with_an_empty_window() -> None:
    member = progress(1, 5)
    member.paused = True
    member.become_replicate()
    assert (member.next, member.is_paused(), len(member.inflights)) == (2, False, 0)


def test_a_probe_waits_for_its_answer() -> None:
    member = progress(0, 1)
    member.sent(entries(1))
    assert member.is_paused()
    assert member.next == 1
    member.acknowledge(1)
    assert not member.is_paused()


def test_a_replicating_member_is_sent_until_the_window_is_full() -> None:
    member = progress(0, 1, ProgressState.REPLICATE)
    for index in (1, 2, 3):
        assert not member.is_paused()
        member.sent(entries(1, first=index))
    assert member.is_paused()
    assert member.next == 4


def test_nothing_is_sent_beside_a_snapshot() -> None:
    member = progress()
    member.become_snapshot(SnapshotMetadata(10, 1, Configuration.of(1)))
    assert member.is_paused()


def test_a_commit_is_told_once_and_only_if_it_can_be_used() -> None:
    member = progress(5, 8, ProgressState.REPLICATE)
    assert member.wants_commit(6)
    member.sent_commit = 6
    assert not member.wants_commit(6)
    assert member.wants_commit(9)
    member.sent_commit = 7
    assert not member.wants_commit(9)  # it has been sent nothing beyond 7


def test_a_rejection_takes_back_what_was_told_of_the_commit() -> None:
    """A rejected message moved no commit, whatever it carried."""
    member = progress(3, 10, ProgressState.REPLICATE)
    member.sent_commit = 8
    member.reject(9, 4)
    assert member.sent_commit == 3

"""Every accepted proposal settles exactly once, and truly; what is refused changed nothing."""

from __future__ import annotations

import pytest
from raft_harness.members import Member, Network, entries

from raft import Configuration, Outcome, RaftNode, Refusal, Refused, Settled
from raft.messages import AppendRequest, Heartbeat, SnapshotChunk, SnapshotMetadata


def outcomes(member: Member) -> list[tuple[int, Outcome]]:
    return [(settled.index, settled.outcome) for settled in member.settled]


def deposed_with_a_pending_proposal() -> Member:
    """Node 1 led term 1 and appended index 2; nobody else has it as far as it knows."""
    member = Member()
    member.become_leader()
    member.commit_no_op()
    member.propose()
    member.step(Heartbeat(2, 2, 1, 0))
    return member


def test_ok_comes_with_the_entry_to_apply() -> None:
    member = Member(1, Configuration.of(1))
    member.become_leader()
    proposal_id = member.node.propose(b"x")
    while (ready := member.node.ready()) is not None:
        if ready.settled:
            assert ready.settled == [Settled(proposal_id, Outcome.OK, 2)]
            assert [entry.data for entry in ready.committed_entries] == [b"x"]
        member.persist(ready)
        member.finish(ready)
    assert outcomes(member) == [(2, Outcome.OK)]


def test_a_deposed_leader_waits_for_the_next_ones_word() -> None:
    assert outcomes(deposed_with_a_pending_proposal()) == []


def test_the_entry_may_survive_its_leader() -> None:
    member = deposed_with_a_pending_proposal()
    member.step(AppendRequest(2, 2, 1, 2, 1, 2))
    assert outcomes(member) == [(2, Outcome.OK)]


def test_or_another_takes_its_place() -> None:
    member = deposed_with_a_pending_proposal()
    member.step(AppendRequest(2, 2, 1, 1, 1, 2, entries(2, first=2)))
    assert outcomes(member) == [(2, Outcome.NOT_LEADER)]


def test_truncated_is_not_yet_lost() -> None:
    """Some other node may still hold it and lead."""
    member = deposed_with_a_pending_proposal()
    member.step(AppendRequest(2, 2, 1, 1, 1, 1, entries(2, first=2)))
    assert outcomes(member) == []


def test_without_word_for_two_election_timeouts_it_is_unknown() -> None:
    member = deposed_with_a_pending_proposal()
    member.tick(19)
    assert outcomes(member) == []
    member.tick(1)
    assert outcomes(member) == [(2, Outcome.UNKNOWN)]


def test_a_snapshot_over_it_leaves_it_unknown() -> None:
    member = deposed_with_a_pending_proposal()
    other = Member(2, None, 1, 2, 2, committed=3)
    other.drain()
    metadata: SnapshotMetadata = other.snapshot(b"state")
    member.step(SnapshotChunk(2, 2, 1, metadata, 0, b"state"))
    assert outcomes(member) == [(2, Outcome.UNKNOWN)]


def test_leading_again_with_the_entry_still_there_commits_it() -> None:
    member = deposed_with_a_pending_proposal()
    member.node.forget_leader()
    member.become_leader()
    assert outcomes(member) == []
    member.commit_no_op()
    assert outcomes(member) == [(2, Outcome.OK)]


def test_leading_again_without_it_is_unknown() -> None:
    """It may be in another log whose node leads next."""
    member = deposed_with_a_pending_proposal()
    member.step(AppendRequest(2, 2, 1, 1, 1, 1, entries(2, first=2)))
    member.node.forget_leader()
    member.become_leader()
    assert outcomes(member) == [(2, Outcome.UNKNOWN)]
    member.node.propose(b"new")
    member.commit_no_op()
    assert [outcome for _, outcome in outcomes(member)] == [Outcome.UNKNOWN, Outcome.OK]


@pytest.mark.parametrize("node_id", [2, 3])
def test_followers_refuse_and_name_the_leader(node_id: int) -> None:
    network = Network(1, 2, 3)
    network.campaign(1)
    with pytest.raises(Refused) as caught:
        network[node_id].node.propose(b"x")
    assert (caught.value.reason, caught.value.leader) == (Refusal.NOT_LEADER, 1)
    assert network[node_id].last_index == 1


def test_the_queue_is_bounded_by_number() -> None:
    member = Member(proposals_pending_max=3)
    member.become_leader()
    for _ in range(3):
        member.node.propose(b"")
    assert refusal(member.node, b"") is Refusal.BUSY
    member.commit_no_op()
    member.node.propose(b"")


def test_and_by_bytes() -> None:
    member = Member(proposals_pending_bytes_max=1024)
    member.become_leader()
    for _ in range(128):
        member.node.propose(b"testdata")
    assert refusal(member.node, b"x") is Refusal.BUSY
    member.node.propose(b"")  # weighs nothing
    member.drain()
    member.commit_no_op()
    assert member.state.proposals.pending_bytes == 0
    assert refusal(member.node, b"x" * 1025) is Refusal.BUSY
    member.node.propose(b"x" * 1024)


def refusal(node: RaftNode, data: bytes) -> Refusal:
    with pytest.raises(Refused) as caught:
        node.propose(data)
    return caught.value.reason


class TestReady:
    """The contract of Ready and advance."""

    def test_nothing_to_do_is_none(self) -> None:
        member = Member()
        member.drain()
        assert member.node.ready() is None

    def test_the_commit_alone_needs_no_sync(self) -> None:
        member = Member(1, None, 1, term=1)
        member.drain()
        member.node.step(Heartbeat(1, 2, 1, 1))
        ready = member.node.ready()
        assert ready is not None
        assert ready.hard_state is not None
        assert (ready.hard_state.committed, ready.must_sync) == (1, False)

    def test_the_commit_kept_is_never_ahead_of_the_entries_kept(self) -> None:
        """Seed 11087: the hint became durable, the entries did not, and what was there before them (of a
        deposed leader) was taken for committed after the restart."""
        follower = Member(1, None, 1, 1, term=2)
        follower.drain()
        follower.node.step(AppendRequest(2, 2, 1, 1, 1, 2, entries(2, first=2)))
        ready = follower.node.ready()
        assert ready is not None
        assert [entry.term for entry in ready.entries] == [2]
        assert ready.hard_state is not None
        assert ready.hard_state.committed == 1
        follower.persist(ready)
        follower.finish(ready)
        follower.tick()
        follower.step(Heartbeat(2, 2, 1, 2))
        assert follower.storage.hard_state().committed == 2

    def test_several_may_be_under_way_and_are_advanced_in_order(self) -> None:
        member = Member(1, Configuration.of(1))
        member.become_leader()
        member.node.propose(b"one")
        one = member.node.ready()
        member.node.propose(b"two")
        two = member.node.ready()
        assert one is not None
        assert two is not None
        with pytest.raises(AssertionError, match="is to be advanced before"):
            Member.finish(member, two)

    def test_advance_without_a_ready_is_a_defect(self) -> None:
        member = Member()
        ready = member.node.ready()
        assert ready is not None
        member.node.advance(ready)
        with pytest.raises(AssertionError, match="without a Ready"):
            member.node.advance(ready)

    def test_the_state_for_watchers_comes_when_it_changes(self) -> None:
        member = Member(1, Configuration.of(1))
        first = member.node.ready()
        assert first is not None
        assert first.soft_state is not None
        member.node.advance(first)
        member.campaign()
        assert member.node.is_leader
        assert member.node.leader == 1

    def test_applying_is_portioned(self) -> None:
        member = Member(1, Configuration.of(1), committed_bytes_per_ready=10)
        member.become_leader()
        for _ in range(5):
            member.node.propose(b"x" * 6)
        portions = []
        while (ready := member.node.ready()) is not None:
            member.persist(ready)
            portions.append(len(ready.committed_entries))
            member.finish(ready)
        assert [count for count in portions if count] == [1] * 5

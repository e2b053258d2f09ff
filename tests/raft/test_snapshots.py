"""Snapshots: sent in chunks, resumed, installed; etcd's snapshot cases (named in raft_harness.etcd_cases)."""

from __future__ import annotations

from typing import Any

import pytest
from raft_harness.members import Member, Network, entries, only

from raft import Configuration, Message, Role, SnapshotMetadata
from raft.messages import (
    AppendRequest,
    AppendResponse,
    Heartbeat,
    SnapshotChunk,
    SnapshotResponse,
)
from raft.progress import ProgressState

TWO = Configuration.of(1, 2)
CONTENT = bytes(range(100))


def compacted_leader(**config: Any) -> Member:
    """Leads with a snapshot of everything; node 2 is alive and needs it."""
    leader = Member(1, TWO, *[1] * 10, committed=10, term=1, **config)
    leader.drain()
    leader.snapshot(CONTENT)
    leader.become_leader()
    leader.beat_answered_by(2)
    return leader


def offer(leader: Member) -> list[SnapshotChunk]:
    """The member says that it has nothing."""
    return only(SnapshotChunk, leader.step(AppendResponse(leader.term, 2, 1, 10, True, 0, 0)))


class TestSending:
    def test_a_member_behind_the_log_is_sent_a_snapshot(self) -> None:
        leader = compacted_leader()
        [chunk] = offer(leader)
        assert chunk.metadata == leader.storage.snapshot()
        assert (chunk.position, chunk.data) == (0, CONTENT)
        assert leader.peer(2).state is ProgressState.SNAPSHOT

    def test_a_silent_member_is_not(self) -> None:
        leader = compacted_leader()
        leader.peer(2).next = 5
        leader.peer(2).paused = leader.peer(2).is_recently_active = False
        assert only(SnapshotChunk, leader.propose()) == []

    def test_nothing_else_is_sent_to_it_meanwhile(self) -> None:
        leader = compacted_leader()
        offer(leader)
        assert [message for message in leader.propose() if message.recipient == 2] == []

    def test_once_installed_it_is_sent_what_follows(self) -> None:
        leader = compacted_leader()
        offer(leader)
        leader.propose()
        sent = only(AppendRequest, leader.step(AppendResponse(leader.term, 2, 1, 10)))
        assert leader.peer(2).state is ProgressState.REPLICATE
        assert [entry.index for message in sent for entry in message.entries] == [11, 12]

    def test_an_acknowledgement_that_reaches_the_log_ends_it(self) -> None:
        """The member got the entries from elsewhere: an append that was late, or a leader before."""
        leader = compacted_leader()
        offer(leader)
        leader.step(AppendResponse(leader.term, 2, 1, 11))
        assert (leader.peer(2).state, leader.peer(2).match) == (ProgressState.REPLICATE, 11)

    def test_one_that_does_not_reach_the_log_does_not(self) -> None:
        leader = compacted_leader()
        offer(leader)
        leader.step(AppendResponse(leader.term, 2, 1, 9))
        assert leader.peer(2).state is ProgressState.SNAPSHOT

    def test_a_newer_snapshot_takes_the_place_of_the_one_under_way(self) -> None:
        leader = compacted_leader(snapshot_chunk_bytes=40)
        offer(leader)
        leader.storage.create_snapshot(11, TWO, b"newer")
        [chunk] = only(SnapshotChunk, leader.step(SnapshotResponse(leader.term, 2, 1, 10, 40)))
        assert (chunk.metadata.index, chunk.position, chunk.data) == (11, 0, b"newer")


class TestChunks:
    def network(self, chunk_bytes: int = 30) -> Network:
        """Node 3 was away; nodes 1 and 2 compacted their logs."""
        network = Network(1, 2, 3, snapshot_chunk_bytes=chunk_bytes)
        network.campaign(1)
        network.isolate(3)
        for _ in range(5):
            network.propose(1)
        for node_id in (1, 2):
            network[node_id].snapshot(CONTENT)
        network.heal()
        return network

    def test_the_content_arrives_whole_and_in_order(self) -> None:
        network = self.network()
        positions = []

        def watch(message: Message) -> bool:
            positions.extend([message.position] if isinstance(message, SnapshotChunk) else [])
            return True

        network.hook = watch
        network.tick(1, 2)
        assert positions == [0, 30, 60, 90]
        assert bytes(network[3].snapshot_content) == CONTENT
        assert network[3].committed == 6
        network.propose(1)
        assert network[3].applied[-1].index == 7

    def test_a_lost_chunk_is_repeated_after_a_heartbeat(self) -> None:
        network = self.network()
        lost: list[Message] = []

        def lose_one(message: Message) -> bool:
            if isinstance(message, SnapshotChunk) and message.position == 60 and not lost:
                lost.append(message)
                return False
            return True

        network.hook = lose_one
        network.tick(1, 1)
        assert network[3].state.incoming_position == 60
        network.tick(1, 3)
        assert lost
        assert network[3].committed == 6

    def test_another_leader_with_the_same_snapshot_resumes_it(self) -> None:
        network = self.network()
        network.hook = lambda message: not (isinstance(message, SnapshotChunk) and message.position >= 60)
        network.tick(1, 1)
        assert network[3].state.incoming_position == 60
        sent = []

        def watch(message: Message) -> bool:
            sent.extend([message] if isinstance(message, SnapshotChunk) else [])
            return True

        network.hook = watch
        network.transfer(1, 2)
        network.tick(2, 3)
        assert [(chunk.sender, chunk.position) for chunk in sent] == [(2, 0), (2, 60), (2, 90)]
        assert network[3].storage.snapshot() == network[2].storage.snapshot()

    def test_a_restarted_member_begins_again(self) -> None:
        network = self.network()
        network.hook = lambda message: not (isinstance(message, SnapshotChunk) and message.position >= 60)
        network.tick(1, 1)
        network.members[3] = Member(3, storage=network[3].storage)
        network.hook = lambda message: True
        network.tick(1, 6)
        assert network[3].committed == 6

    def test_a_late_answer_does_not_start_a_second_stream(self) -> None:
        leader = compacted_leader(snapshot_chunk_bytes=30)
        offer(leader)
        leader.step(SnapshotResponse(leader.term, 2, 1, 10, 30))
        assert only(SnapshotChunk, leader.step(SnapshotResponse(leader.term, 2, 1, 10, 60)))
        for late in (30, 60):
            assert leader.step(SnapshotResponse(leader.term, 2, 1, 10, late)) == []

    def test_a_chunk_out_of_order_is_answered_with_the_place_to_go_on_from(self) -> None:
        follower = Member(2, TWO)
        metadata = SnapshotMetadata(5, 1, TWO, 100, 1)
        [answer] = follower.step(SnapshotChunk(1, 1, 2, metadata, 30, b"x" * 30))
        assert answer == SnapshotResponse(1, 2, 1, 5, 0)

    def test_chunks_are_written_before_they_are_acknowledged(self) -> None:
        follower = Member(2, TWO, term=1)
        follower.node.step(SnapshotChunk(1, 1, 2, SnapshotMetadata(5, 1, TWO, 100, 1), 0, b"x" * 30))
        ready = follower.node.ready()
        assert ready is not None
        assert [chunk.position for chunk in ready.snapshot_chunks] == [0]
        assert ready.early_messages == []
        assert ready.messages == [SnapshotResponse(1, 2, 1, 5, 30)]


def whole(index: int, term: int, configuration: Configuration = TWO) -> SnapshotChunk:
    """A snapshot in one chunk from node 1, which leads term 11."""
    other = Member(1, configuration, *[term] * index, committed=index)
    other.drain()
    metadata = other.snapshot(b"state")
    return SnapshotChunk(11, 1, 2, SnapshotMetadata(index, term, configuration, 5, metadata.checksum), 0, b"state")


class TestReceiving:
    def test_it_replaces_log_and_configuration(self) -> None:
        follower = Member(2, TWO)
        answers = follower.step(whole(11, 11, Configuration.of(1, 2, 3)))
        assert answers == [AppendResponse(11, 2, 1, 11)]
        assert (follower.last_index, follower.state.log.term(11), follower.committed) == (11, 11, 11)
        assert follower.state.voters == (1, 2, 3)
        assert follower.state.leader == 1

    def test_again_it_is_old_news(self) -> None:
        follower = Member(2, TWO)
        follower.step(whole(11, 11))
        assert follower.step(whole(11, 11)) == [AppendResponse(11, 2, 1, 11)]
        assert follower.storage.snapshot().index == 11

    @pytest.mark.parametrize(
        ("configuration", "is_voter"),
        [
            (Configuration.of(1, 2), True),
            (Configuration({1: bytes(16)}, {2: bytes(16)}), False),
        ],
    )
    def test_it_may_promote_or_demote(self, configuration: Configuration, is_voter: bool) -> None:
        for before in (Configuration.of(1, 2), Configuration({1: bytes(16)}, {2: bytes(16)})):
            follower = Member(2, before)
            follower.step(whole(11, 11, configuration))
            assert follower.state.is_voter() is is_voter

    def test_no_campaign_before_it_is_in_place(self) -> None:
        follower = Member(2, TWO)
        follower.node.step(whole(11, 11))
        for _ in range(30):
            follower.node.tick()
        assert follower.role is Role.FOLLOWER
        follower.drain()
        follower.tick(1)
        assert follower.role is Role.PRE_CANDIDATE

    def test_a_learner_takes_one(self) -> None:
        learners = Configuration({1: bytes(16)}, {2: bytes(16)})
        leader = Member(1, learners, *[1] * 5, committed=5, term=1)
        leader.drain()
        leader.snapshot(CONTENT)
        network = Network(leader, Member(2, learners))
        network.campaign(1)
        network.tick(1, 3)
        assert network[2].committed == network[1].committed

    def test_what_is_committed_already_is_ignored(self) -> None:
        follower = Member(2, TWO, 1, 1, 1, committed=3)
        assert follower.step(whole(2, 1)) == [AppendResponse(11, 2, 1, 3)]
        assert follower.log_terms() == [1, 1, 1]

    def test_where_the_log_agrees_only_the_commit_moves(self) -> None:
        follower = Member(2, TWO, 1, 1, 1, committed=1)
        assert follower.step(whole(2, 1)) == [AppendResponse(11, 2, 1, 2)]
        assert (follower.committed, follower.log_terms()) == (2, [1, 1, 1])

    def test_the_commit_does_not_reach_over_a_tail_that_nothing_verified(self) -> None:
        """The log agrees at the snapshot's index; what is behind may be of any leader."""
        follower = Member(2, TWO, 1, 1, 2, 2)
        follower.step(whole(2, 1))
        assert follower.committed == 2

    def test_a_tail_that_nothing_verified_does_not_survive_an_installation(self) -> None:
        follower = Member(2, TWO, 1, 1, 2, 2, 2)
        follower.step(whole(3, 3))
        assert (follower.last_index, follower.committed, follower.log_terms()) == (3, 3, [])

    def test_the_leader_it_comes_from_is_followed(self) -> None:
        follower = Member(2, TWO)
        follower.step(whole(11, 11))
        assert follower.state.leader == 1

    def test_a_slow_member_is_brought_up_to_date(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network.isolate(3)
        for _ in range(100):
            network.propose(1)
        network[1].snapshot(CONTENT)
        network.heal()
        network.tick(1, 2)
        network.propose(1)
        assert network[3].committed == network[1].committed == 102

    def test_entries_behind_it_are_applied_after_it(self) -> None:
        follower = Member(2, TWO)
        follower.node.step(whole(11, 11))
        follower.node.step(AppendRequest(11, 1, 2, 11, 11, 12, entries(11, first=12)))
        ready = follower.node.ready()
        assert ready is not None
        assert ready.snapshot is not None
        assert ready.committed_entries == []
        follower.persist(ready)
        follower.finish(ready)
        follower.drain()
        assert [entry.index for entry in follower.applied] == [12]


def test_a_restart_from_a_snapshot_applies_only_what_follows() -> None:
    member = Member(1, TWO, 1, 1, 1, committed=2)
    member.drain()
    member.snapshot()
    member.step(Heartbeat(1, 2, 1, 3))
    again = Member(storage=member.storage)
    again.drain()
    assert [entry.index for entry in again.applied] == [3]


def test_no_snapshot_is_asked_for_below_one_on_its_way_in() -> None:
    """Seed 401: the state machine was still at 17 when a snapshot of 20 had been received."""
    follower = Member(2, TWO, 1, 1, committed=2)
    follower.drain()
    follower.node.step(whole(11, 11))
    assert follower.node.configuration_at(2) is None
    assert follower.node.configuration_at(11) == TWO

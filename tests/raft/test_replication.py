"""Replication: etcd's cases on appends, acknowledgements, flow control, commit (named in raft_harness.etcd_cases)."""

from __future__ import annotations

import pytest
from raft_harness.members import TWO, Member, Network, entries, leader, only, replicating

from raft import Change, ChangeKind, Configuration, Message, Role
from raft.messages import AppendRequest, AppendResponse, Heartbeat, HeartbeatResponse
from raft.replication import maybe_commit


class TestCommit:
    @pytest.mark.parametrize(
        ("size", "dead", "committed"), [(3, (), 2), (3, (3,), 2), (1, (), 2), (5, (2, 3), 2), (5, (2,), 2)]
    )
    def test_a_proposal_reaches_whoever_lives(self, size: int, dead: tuple[int, ...], committed: int) -> None:
        network = Network(*range(1, size + 1))
        network.dead.update(dead)
        network.campaign(1)
        network.propose(1, b"somedata")
        alive = [member for node_id, member in network.members.items() if node_id not in dead]
        assert {member.committed for member in alive} == {committed}
        assert {member.applied[-1].data for member in alive} == {b"somedata"}

    def test_across_a_change_of_leaders(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network.propose(1, b"one")
        network.transfer(1, 2)
        network.propose(2, b"two")
        for member in network.members.values():
            assert member.committed == 4
            assert [entry.data for entry in member.applied if entry.data] == [b"one", b"two"]

    def test_without_a_majority_nothing_is(self) -> None:
        network = Network(1, 2, 3, 4, 5)
        network.campaign(1)
        for node_id in (3, 4, 5):
            network.cut(1, node_id)
        network.propose(1)
        network.propose(1)
        assert network[1].committed == 1

    def test_entries_of_earlier_terms_wait_for_one_of_the_own(self) -> None:
        network = Network(1, 2, 3, 4, 5)
        network.campaign(1)
        for node_id in (3, 4, 5):
            network.cut(1, node_id)
        network.propose(1)
        network.propose(1)
        network.heal()
        network.ignored.add(AppendRequest)
        network.transfer(1, 2)
        assert network[2].role is Role.LEADER
        assert network[2].committed == 1
        network.heal()
        network.tick(2)
        network.propose(2)
        assert network[2].committed == 5

    def test_the_first_entry_of_a_term_commits_them_without_a_proposal(self) -> None:
        network = Network(1, 2, 3, 4, 5)
        network.campaign(1)
        for node_id in (3, 4, 5):
            network.cut(1, node_id)
        network.propose(1)
        network.propose(1)
        network.heal()
        network.transfer(1, 2)
        assert network[2].committed == 4

    @pytest.mark.parametrize(
        ("match", "terms", "term", "committed"),
        [
            ([1], (1,), 1, 1),
            ([1], (1,), 2, 0),
            ([2], (1, 2), 2, 2),
            ([1], (2,), 2, 1),
            ([2, 1, 1], (1, 2), 2, 0),
            ([2, 1, 1], (1, 1), 2, 0),
            ([2, 1, 2], (1, 2), 2, 2),
            ([2, 1, 2], (1, 1), 2, 0),
            ([2, 1, 1, 1], (1, 1), 1, 1),
            ([2, 1, 1, 1], (1, 1), 2, 0),
            ([2, 1, 1, 2], (1, 1), 1, 1),
            ([2, 1, 1, 2], (1, 1), 2, 0),
            ([2, 1, 2, 2], (1, 2), 2, 2),
            ([2, 1, 2, 2], (1, 1), 2, 0),
        ],
    )
    def test_by_table(self, match: list[int], terms: tuple[int, ...], term: int, committed: int) -> None:
        configuration = Configuration.of(*range(1, len(match) + 1))
        member = Member(1, configuration, *terms, term=term)
        for node_id, index in enumerate(match, 1):
            member.state.peers[node_id] = member.state.new_progress(index + 1)
            member.state.peers[node_id].match = index
        maybe_commit(member.state)
        assert member.committed == committed

    def test_the_leader_counts_itself_only_when_its_log_is_durable(self) -> None:
        member = leader(Configuration.of(1))
        member.node.propose(b"x")
        ready = member.node.ready()
        assert ready is not None
        assert member.committed == 1
        member.persist(ready)
        member.finish(ready)
        assert member.committed == 2

    def test_followers_may_commit_before_the_leader_is_durable(self) -> None:
        """It sends in parallel with its own write."""
        member = leader(Configuration.of(1, 2, 3))
        member.commit_no_op()
        member.drain()
        member.node.propose(b"x")
        ready = member.node.ready()
        assert ready is not None
        assert len(only(AppendRequest, ready.early_messages)) == 2
        member.node.step(AppendResponse(1, 2, 1, 2))
        assert member.committed == 1
        member.node.step(AppendResponse(1, 3, 1, 2))
        assert member.committed == 2

    def test_a_self_acknowledgement_after_a_change_of_terms_is_ignored(self) -> None:
        member = leader(Configuration.of(1, 2, 3))
        member.node.propose(b"x")
        ready = member.node.ready()
        assert ready is not None
        member.node.step(Heartbeat(2, 2, 1, 0))
        member.persist(ready)
        member.finish(ready)
        assert (member.role, member.committed) == (Role.FOLLOWER, 0)

    def test_a_learner_gets_everything_and_does_not_count(self) -> None:
        network = Network(1, 2, learners=[2])
        network.campaign(1)
        network.propose(1)
        assert network[1].committed == network[2].committed == network[1].peer(2).match == 2
        network.isolate(2)
        network.propose(1)
        assert network[1].committed == 3

    def test_a_voter_made_a_learner_keeps_its_progress(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        progress = network[1].peer(3)
        network[1].node.propose_configuration_change([Change(ChangeKind.ADD_LEARNER, 3)])
        network.pump()
        assert network[1].peer(3) is progress


class TestFollower:
    @pytest.mark.parametrize(
        ("term", "index", "log_term", "committed", "sent", "last", "commits", "rejected"),
        [
            (2, 2, 3, 3, (), 2, 0, True),  # another term there
            (2, 3, 3, 3, (), 2, 0, True),  # nothing there
            (2, 1, 1, 1, (), 2, 1, False),
            (2, 0, 0, 1, (2,), 1, 1, False),
            (2, 2, 2, 3, (2, 2), 4, 3, False),
            (2, 2, 2, 4, (2,), 3, 3, False),
            (2, 1, 1, 4, (2,), 2, 2, False),
            (2, 1, 1, 3, (), 2, 1, False),  # commits only what this message verified
            (2, 1, 1, 3, (2,), 2, 2, False),
            (2, 2, 2, 3, (), 2, 2, False),
            (2, 2, 2, 4, (), 2, 2, False),
        ],
    )
    def test_appends_by_table(
        self,
        term: int,
        index: int,
        log_term: int,
        committed: int,
        sent: tuple[int, ...],
        last: int,
        commits: int,
        rejected: bool,
    ) -> None:
        follower = Member(1, Configuration.of(1, 2), 1, 2)
        message = AppendRequest(term, 2, 1, index, log_term, committed, entries(*sent, first=index + 1))
        [answer] = only(AppendResponse, follower.step(message))
        assert (follower.last_index, follower.committed, answer.rejected) == (last, commits, rejected)

    def test_a_matching_suffix_is_never_cut(self) -> None:
        """A late, shorter message must not take back what was acknowledged since."""
        follower = Member()
        follower.step(AppendRequest(1, 2, 1, 0, 0, 0, entries(1, 1, 1)))
        answer = follower.step(AppendRequest(1, 2, 1, 0, 0, 0, entries(1)))
        assert follower.log_terms() == [1, 1, 1]
        assert follower.state.log.stable_index == 3
        assert answer == [AppendResponse(1, 1, 2, 1)]

    def test_a_commit_does_not_reach_over_an_unverified_tail(self) -> None:
        """The tail is of another leader; only what this message names is known to be the leader's."""
        follower = Member(1, None, 1, 1, 2, 2)
        follower.step(AppendRequest(3, 2, 1, 2, 1, 4))
        assert follower.committed == 2

    def test_old_appends_below_the_commit_are_answered_with_it(self) -> None:
        follower = Member(1, None, 1, 1, 1, committed=3)
        assert follower.step(AppendRequest(1, 2, 1, 1, 1, 1)) == [AppendResponse(1, 1, 2, 3)]

    def test_messages_of_a_deposed_leader_are_ignored(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network.transfer(1, 2)
        network.transfer(2, 1)
        network.deliver([AppendRequest(2, 2, 1, 2, 2, 2, entries(2, first=3))])
        network.propose(1)
        assert [member.log_terms() for member in network.members.values()] == [[1, 2, 3, 3]] * 3

    @pytest.mark.parametrize(("told", "committed"), [(3, 3), (1, 2)])
    def test_heartbeats_move_the_commit_forward_only(self, told: int, committed: int) -> None:
        follower = Member(1, TWO, 1, 2, 3, committed=2)
        answers = follower.step(Heartbeat(3, 2, 1, told, read_sequence=7))
        assert follower.committed == committed
        assert answers == [HeartbeatResponse(3, 1, 2, 7)]

    def test_the_acknowledgement_waits_for_the_disk(self) -> None:
        follower = Member(term=1)
        follower.node.step(AppendRequest(1, 2, 1, 0, 0, 0, entries(1)))
        ready = follower.node.ready()
        assert ready is not None
        assert ready.early_messages == []
        assert ready.messages == [AppendResponse(1, 1, 2, 1)]
        assert ready.must_sync

    def test_a_heartbeat_is_answered_at_once_if_the_term_is_durable(self) -> None:
        """A slow disk alone does not make a follower look dead."""
        follower = Member(term=1)
        follower.node.step(AppendRequest(1, 2, 1, 0, 0, 0, entries(1)))
        follower.node.ready()
        follower.node.step(Heartbeat(1, 2, 1, 0))
        ready = follower.node.ready()
        assert ready is not None
        assert ready.early_messages == [HeartbeatResponse(1, 1, 2)]

    def test_and_not_before_if_it_is_not(self) -> None:
        follower = Member()
        follower.node.step(Heartbeat(1, 2, 1, 0))
        ready = follower.node.ready()
        assert ready is not None
        assert ready.early_messages == []
        assert ready.messages == [HeartbeatResponse(1, 1, 2)]


def test_a_leader_keeps_the_messages_of_a_turn_in_order() -> None:
    member = replicating()
    member.node.propose(b"x")
    first: list[Message] = member.drain()
    member.node.propose(b"y")
    indexes = [message.previous_index for message in only(AppendRequest, first + member.drain())]
    assert indexes == sorted(indexes)

"""Changes of membership: the tables of etcd's confchange tests as they apply to one change at a time, and the
rules that make single-server changes safe.

Written `v1` (voter), `l1` (learner), `r1` (remove), as there. What differs: `joint_*` have no counterpart, a
learner demoted from voter keeps its progress (checked in test_replication), `u1` (update) is adding a member
again, and node 0 is a node like any other in Kafka.
"""

from __future__ import annotations

import pytest
from raft_harness.members import TOO_MANY, Member, Network, changes, only

from raft import Change, ChangeKind, Configuration, Outcome, Refusal, Refused, Role, apply_changes
from raft.encoding import encode_configuration
from raft.membership import ConfigurationError, ConfigurationHistory
from raft.messages import (
    AppendRequest,
    AppendResponse,
    Entry,
    EntryKind,
    Heartbeat,
    SnapshotMetadata,
    TimeoutNow,
    VoteResponse,
)

EMPTY = Configuration()


def describe(configuration: Configuration) -> str:
    members = " ".join(map(str, sorted(configuration.voters)))
    learners = " ".join(map(str, sorted(configuration.learners)))
    return f"({members}) ({learners})" if learners else f"({members})"


def play(*steps: tuple[str, str]) -> None:
    """Each step: the changes, and the configuration after them or the reason they are refused."""
    configuration = EMPTY
    for text, expected in steps:
        try:
            configuration = apply_changes(configuration, changes(text))
            assert describe(configuration) == expected, text
        except ConfigurationError as error:
            assert str(error) == expected, text


NO_VOTERS = "removed all voters"


def test_changes_are_idempotent() -> None:
    play(
        ("v1", "(1)"),
        ("v1", "(1)"),
        ("v2", "(1 2)"),
        ("l1", "(2) (1)"),
        ("l1", "(2) (1)"),
        ("r1", "(2)"),
        ("r1", "(2)"),
        ("v3", "(2 3)"),
        ("r3", "(2)"),
        ("r3", "(2)"),
        ("r4", "(2)"),
    )


def test_voters_are_promoted_and_demoted() -> None:
    play(
        ("v1", "(1)"),
        ("v2", "(1 2)"),
        ("v3", "(1 2 3)"),
        ("l1 v1", "(1 2 3)"),
        ("l2", "(1 3) (2)"),
        ("v2 l2", "(1 3) (2)"),
        ("v2", "(1 2 3)"),
    )


def test_unsafe_changes_are_refused() -> None:
    play(
        ("l1", NO_VOTERS),
        ("v1", "(1)"),
        ("v2 l3", "(1 2) (3)"),
        ("r1 v5", TOO_MANY),
        ("r1 r2", NO_VOTERS),
        ("v3 v4", TOO_MANY),
        ("l1 v5", TOO_MANY),
        ("l1 l2", NO_VOTERS),
        ("l2 l3 l4 l5", "(1) (2 3 4 5)"),
        ("r1", NO_VOTERS),
        ("r2 r3 r4 r5", "(1)"),
    )


def test_adding_a_member_again_changes_nothing() -> None:
    play(("v1", "(1)"), ("v2 v1", "(1 2)"), ("v1 v2 v1 v2", "(1 2)"))


def test_what_would_take_a_joint_configuration_is_refused() -> None:
    """The changes by which etcd's joint tables enter one."""
    play(("v1", "(1)"), ("v2 v3", TOO_MANY), ("r1 r2 r9 v2 v3 v4 l2", TOO_MANY), ("v2 l1", TOO_MANY))


def test_a_negative_id_is_nobody() -> None:
    with pytest.raises(ConfigurationError, match="negative"):
        apply_changes(Configuration.of(1), [Change(ChangeKind.ADD_VOTER, -1)])


class TestHistory:
    def history(self) -> ConfigurationHistory:
        history = ConfigurationHistory(SnapshotMetadata(5, 1, Configuration.of(1)))
        history.appended([self.entry(7, 1, 2), self.entry(9, 1, 2, 3)])
        return history

    def entry(self, index: int, *voters: int) -> Entry:
        return Entry(1, index, EntryKind.CONFIGURATION, encode_configuration(Configuration.of(*voters)))

    def test_the_last_one_appended_is_in_force(self) -> None:
        assert self.history().current == Configuration.of(1, 2, 3)
        assert self.history().current_index == 9

    def test_truncation_brings_back_the_one_before(self) -> None:
        history = self.history()
        assert not history.truncated(10)
        assert history.truncated(8)
        assert history.current == Configuration.of(1, 2)

    def test_a_snapshot_gets_the_one_of_its_index(self) -> None:
        history = self.history()
        assert [history.at(index) for index in (5, 6, 7, 8, 9)] == [
            *[Configuration.of(1)] * 2,
            *[Configuration.of(1, 2)] * 2,
            Configuration.of(1, 2, 3),
        ]
        assert history.at(4) is None

    def test_compaction_forgets_only_what_is_behind_it(self) -> None:
        history = self.history()
        history.compacted(8)
        assert history.at(8) == Configuration.of(1, 2)
        assert history.at(6) is None


def refusal(member: Member, text: str) -> Refusal:
    with pytest.raises(Refused) as caught:
        member.node.propose_configuration_change(changes(text))
    return caught.value.reason


class TestOneAtATime:
    def leader(self, *voters: int) -> Member:
        leader = Member(1, Configuration.of(*voters))
        leader.become_leader()
        return leader

    def test_none_before_an_entry_of_the_own_term_commits(self) -> None:
        """The bug of 2015."""
        leader = self.leader(1, 2)
        assert refusal(leader, "v3") is Refusal.TERM_NOT_COMMITTED
        leader.commit_no_op()
        leader.node.propose_configuration_change(changes("v3"))

    def test_a_second_change_waits_for_the_first(self) -> None:
        leader = self.leader(1, 2)
        leader.commit_no_op()
        leader.node.propose_configuration_change(changes("v3"))
        leader.drain()
        assert refusal(leader, "v4") is Refusal.PENDING_CHANGE
        leader.step(AppendResponse(1, 2, 1, 2))
        assert leader.committed == 2
        leader.node.propose_configuration_change(changes("v4"))

    def test_a_new_leader_takes_over_the_pending_change(self) -> None:
        configuration_entry = Entry(1, 1, EntryKind.CONFIGURATION, encode_configuration(Configuration.of(1, 2, 3)))
        leader = Member(1, Configuration.of(1, 2), term=1)
        leader.storage.append([configuration_entry])
        leader = Member(1, storage=leader.storage)
        leader.become_leader()
        assert refusal(leader, "v4") is Refusal.PENDING_CHANGE

    def test_only_leaders_change_it(self) -> None:
        assert refusal(Member(), "v4") is Refusal.NOT_LEADER

    def test_an_invalid_change_leaves_no_trace(self) -> None:
        leader = self.leader(1)
        assert refusal(leader, "r1") is Refusal.INVALID
        assert leader.last_index == 1

    def test_in_force_from_the_moment_it_is_appended(self) -> None:
        leader = self.leader(1)
        leader.node.propose_configuration_change(changes("v2"))
        leader.drain()
        assert leader.committed == 1  # two of two are needed now
        leader.step(AppendResponse(1, 2, 1, 2))
        assert leader.committed == 2
        assert leader.settled[-1].outcome is Outcome.OK

    def test_a_truncated_change_is_out_of_force(self) -> None:
        follower = Member(2, Configuration.of(1, 2, 3))
        change = Entry(1, 1, EntryKind.CONFIGURATION, encode_configuration(Configuration.of(1, 2, 3, 4)))
        follower.step(AppendRequest(1, 1, 2, 0, 0, 0, [change]))
        assert 4 in follower.state.voters
        follower.step(AppendRequest(2, 3, 2, 0, 0, 0, [Entry(2, 1, EntryKind.NO_OP, b"")]))
        assert 4 not in follower.state.voters

    def test_a_restart_finds_the_configuration_in_the_log(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network[1].node.propose_configuration_change(changes("l4"))
        network.pump()
        assert 4 in Member(2, storage=network[2].storage).node.status().configuration.learners


class TestMembersComeAndGo:
    def test_a_new_member_is_sent_the_log(self) -> None:
        leader = Member(1, Configuration.of(1))
        leader.become_leader()
        leader.node.propose_configuration_change(changes("l2"))
        sent = only(AppendRequest, leader.drain())
        assert [message.recipient for message in sent] == [2]
        sent = only(AppendRequest, leader.step(AppendResponse(1, 2, 1, sent[0].previous_index, True, 0, 0)))
        assert [entry.index for entry in sent[0].entries] == [1, 2]

    def test_adding_a_silent_voter_does_not_depose_the_leader_at_once(self) -> None:
        leader = Member(1, Configuration.of(1))
        leader.become_leader()
        leader.tick(9)
        leader.node.propose_configuration_change(changes("v2"))
        leader.tick(1)
        assert leader.role is Role.LEADER
        leader.tick(10)
        assert leader.role is Role.FOLLOWER

    def test_a_removed_member_is_not_sent_anything_more(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network[1].node.propose_configuration_change(changes("r3"))
        network.pump()
        assert {message.recipient for message in network[1].tick()} == {2}

    def test_removing_a_silent_voter_lets_the_rest_commit(self) -> None:
        """etcd commits with the old quorum first; here the smaller one counts at once."""
        leader = Member(1, Configuration.of(1, 2))
        leader.become_leader()
        leader.commit_no_op()
        leader.node.propose_configuration_change(changes("r2"))
        leader.node.propose(b"hello")
        leader.drain()
        assert leader.committed == 3
        assert [entry.data for entry in leader.applied if entry.kind is EntryKind.NORMAL] == [b"hello"]

    def test_a_removed_leader_commits_without_itself_hands_over_and_steps_down(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network[1].node.propose_configuration_change(changes("r1"))
        network.cut(1, 3)
        sent = network[1].drain()
        assert network[1].role is Role.LEADER  # not committed yet, by either of the two that count
        network.heal()
        network.deliver(sent)
        assert network[1].role is Role.FOLLOWER
        assert sum(network[node_id].role is Role.LEADER for node_id in (2, 3)) == 1
        assert network[1].settled[-1].outcome is Outcome.OK
        network[1].tick(100)
        assert network[1].role is Role.FOLLOWER  # and never campaigns again

    def test_a_removed_leader_is_not_counted(self) -> None:
        leader = Member(1, Configuration.of(1, 2, 3))
        leader.become_leader()
        leader.commit_no_op()
        leader.node.propose_configuration_change(changes("r1"))
        leader.drain()
        leader.step(AppendResponse(1, 2, 1, 2))
        assert leader.committed == 1
        sent = leader.step(AppendResponse(1, 3, 1, 2))
        assert leader.committed == 2
        assert [message.recipient for message in only(TimeoutNow, sent)] == [2]

    def test_a_voter_that_only_an_uncommitted_entry_removes_may_lead_once_more(self) -> None:
        """Thesis §4.2.2: it may be the only one that holds that entry."""
        last = Entry(1, 2, EntryKind.CONFIGURATION, encode_configuration(Configuration.of(2)))
        old = Member(1, Configuration.of(1, 2), 1)
        old.storage.append([last])
        old = Member(1, storage=old.storage)
        old.become_candidate()
        old.step(VoteResponse(2, 2, 1, True))
        assert old.role is Role.LEADER
        old.step(AppendResponse(2, 2, 1, 3))
        assert old.role is Role.FOLLOWER

    def test_a_demoted_leader_steps_down(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network[1].node.propose_configuration_change(changes("l1"))
        network.pump()
        assert network[1].role is Role.FOLLOWER
        assert 1 in network[2].node.status().configuration.learners
        assert any(network[node_id].role is Role.LEADER for node_id in (2, 3))

    def test_a_snapshot_brings_its_configuration(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network.isolate(3)
        network[1].node.propose_configuration_change(changes("l4"))
        network.pump()
        network[1].snapshot()
        network.heal()
        network.tick(1, 4)
        assert 4 in network[3].node.status().configuration.learners
        assert 4 in Member(3, storage=network[3].storage).node.status().configuration.learners


def test_a_leader_that_is_no_member_of_ours_is_followed() -> None:
    """Whoever lags does not know the newest members."""
    follower = Member(1, Configuration.of(1, 2))
    follower.step(Heartbeat(3, 9, 1, 0))
    assert follower.state.leader == 9

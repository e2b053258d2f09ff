"""Roles, check-quorum and leader stickiness: who may become what, and who may disturb whom."""

from __future__ import annotations

import pytest
from raft_harness.members import CANDIDATE, FOLLOWER, LEADER, PRE_CANDIDATE, Member, Network

from raft import NO_NODE, Configuration, Role
from raft.messages import (
    AppendRequest,
    AppendResponse,
    Heartbeat,
    HeartbeatResponse,
    Message,
    TimeoutNow,
    VoteRequest,
    VoteResponse,
)
from raft.state import TRANSITIONS


class TestRoles:
    @pytest.mark.parametrize("origin", list(Role))
    @pytest.mark.parametrize("role", list(Role))
    def test_only_moves_of_the_table_are_possible(self, origin: Role, role: Role) -> None:
        state = Member().state
        state.role = origin
        if role in TRANSITIONS[origin]:
            state.change_role(role)
        else:
            with pytest.raises(AssertionError):
                state.change_role(role)

    def test_followers_do_not_become_leaders_without_an_election(self) -> None:
        assert LEADER not in TRANSITIONS[FOLLOWER] | TRANSITIONS[PRE_CANDIDATE]
        assert TRANSITIONS[LEADER] == {FOLLOWER}

    @pytest.mark.parametrize("role", list(Role))
    def test_everyone_steps_down_for_a_higher_term(self, role: Role) -> None:
        for message, leader in (
            (VoteRequest(3, 2, 1, 0, 3, transfer=True), NO_NODE),
            (AppendRequest(3, 2, 1, 0, 0, 0), 2),
        ):
            member = Member()
            if role is PRE_CANDIDATE:
                member.campaign()
            elif role is CANDIDATE:
                member.become_candidate()
            elif role is LEADER:
                member.become_leader()
            last_index = member.last_index
            member.step(message)
            assert (member.role, member.term, member.state.leader) == (FOLLOWER, 3, leader)
            assert member.last_index == last_index

    @pytest.mark.parametrize("kind", [Heartbeat, AppendRequest])
    def test_a_candidate_returns_to_the_leader_of_its_term(self, kind: type[Message]) -> None:
        network = Network(1, 2, 3)
        network.isolate(3)
        network.campaign(1)
        network[3].become_candidate()
        network.heal()
        message = Heartbeat(1, 1, 3, 0) if kind is Heartbeat else AppendRequest(1, 1, 3, 0, 0, 0)
        network.deliver([message])
        assert (network[3].role, network[3].state.leader, network[3].term) == (FOLLOWER, 1, 1)

    def test_a_leader_ignores_being_asked_to_campaign(self) -> None:
        leader = Member(1, Configuration.of(1))
        leader.campaign()
        before = leader.node.status()
        assert leader.campaign() == []
        assert leader.node.status() == before

    @pytest.mark.parametrize(("voters", "promotable"), [((1,), True), ((1, 2, 3), True), ((2, 3), False)])
    def test_only_voters_campaign(self, voters: tuple[int, ...], promotable: bool) -> None:
        member = Member(1, Configuration.of(*voters))
        member.tick(30)
        assert (member.role is not FOLLOWER) is promotable

    def test_a_learner_never_campaigns(self) -> None:
        network = Network(1, 2, learners=[2])
        network[2].tick(50)
        network.campaign(2)
        assert network[2].role is FOLLOWER
        network.campaign(1)
        network[2].step(TimeoutNow(1, 1, 2))
        assert network.roles() == {1: LEADER, 2: FOLLOWER}

    def test_a_promoted_learner_does(self) -> None:
        from raft import Change, ChangeKind

        network = Network(1, 2, learners=[2])
        network.campaign(1)
        network[1].node.propose_configuration_change([Change(ChangeKind.ADD_VOTER, 2)])
        network.pump()
        network.transfer(1, 2)
        assert network.roles() == {1: FOLLOWER, 2: LEADER}

    def test_two_leaders_of_one_term_are_a_defect(self) -> None:
        leader = Member()
        leader.become_leader()
        with pytest.raises(AssertionError, match="both lead term 1"):
            leader.step(Heartbeat(1, 2, 1, 0))

    def test_messages_for_others_are_not_ours(self) -> None:
        member = Member()
        assert member.step(VoteRequest(9, 2, 3, 0, 0)) == []
        assert member.term == 0


class TestQuorumAndStickiness:
    def test_a_leader_that_hears_a_majority_stays(self) -> None:
        leader = Member()
        leader.become_leader()
        for _ in range(30):
            leader.step(HeartbeatResponse(1, 2, 1))
            leader.tick()
        assert leader.role is LEADER

    def test_a_leader_that_does_not_steps_down(self) -> None:
        leader = Member()
        leader.become_leader()
        leader.tick(11)
        assert (leader.role, leader.term) == (FOLLOWER, 1)

    def test_who_hears_a_leader_does_not_help_to_depose_it(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network[2].tick(9)
        assert network[2].step(VoteRequest(9, 3, 2, 99, 99)) == []
        assert network[2].term == 1

    def test_who_has_not_heard_one_for_an_election_timeout_does(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        for node_id in (2, 3):
            network[node_id].state.election_timeout = 99
            network[node_id].tick(10)
        network.campaign(3)
        assert network[3].role is LEADER
        assert network[1].role is FOLLOWER or network[1].term < network[3].term

    def test_a_follower_that_lost_its_leader_votes_at_once(self) -> None:
        """The connection closed: with it the failover need not wait for the timeout."""
        network = Network(1, 2, 3)
        network.campaign(1)
        network.isolate(1)
        for node_id in (2, 3):
            network[node_id].node.forget_leader()
        network.tick(2, 1)
        assert network[2].role is LEADER

    def test_forgetting_a_leader_that_is_not_known_changes_nothing(self) -> None:
        member = Member()
        before = member.node.status()
        member.node.forget_leader()
        assert member.node.status() == before

    def test_a_stuck_candidate_with_a_higher_term_is_freed(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network.isolate(3)
        network[3].node.forget_leader()
        network[3].become_candidate()
        network[3].become_candidate()
        assert (network[3].role, network[3].term) == (CANDIDATE, 3)
        network.heal()
        network.tick(1)
        assert network[1].role is FOLLOWER
        assert network[1].term == network[3].term == 3
        network[2].node.forget_leader()
        network.campaign(1)
        assert network[1].role is LEADER
        assert network[3].role is FOLLOWER

    def test_a_cut_off_follower_does_not_disturb_when_it_returns(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network.isolate(3)
        for _ in range(3):
            network.propose(1)
        network[3].tick(50)
        assert (network[3].role, network[3].term) == (PRE_CANDIDATE, 1)
        network.heal()
        network.campaign(3)
        network.tick(1)
        assert network.roles() == {1: LEADER, 2: FOLLOWER, 3: FOLLOWER}
        assert network[1].term == 1

    def test_a_non_member_follows_and_does_not_campaign(self) -> None:
        network = Network(Member(1, Configuration.of(1)), Member(2, Configuration.of(1)))
        network[2].tick(30)
        network.campaign(1)
        network.deliver([Heartbeat(1, 1, 2, 0)])
        assert (network[2].role, network[2].state.leader) == (FOLLOWER, 1)

    @pytest.mark.parametrize(
        "message", [Heartbeat(1, 2, 1, 0), AppendRequest(1, 2, 1, 0, 0, 0), VoteRequest(1, 2, 1, 0, 0)]
    )
    def test_who_lags_is_told_the_term(self, message: Message) -> None:
        answers = Member(term=5).step(message)
        assert [answer.term for answer in answers] == [5]

    def test_answers_from_the_past_are_not_answered(self) -> None:
        member = Member(term=5)
        assert member.step(AppendResponse(1, 2, 1, 9)) == []
        assert member.step(VoteResponse(1, 2, 1, True)) == []

"""Elections: etcd's cases on votes, pre-votes, check-quorum and stepping down (named in raft_harness.etcd_cases)."""

from __future__ import annotations

import pytest
from raft_harness.members import (
    CANDIDATE,
    FIVE,
    FOLLOWER,
    LEADER,
    PRE_CANDIDATE,
    THREE,
    Member,
    Network,
    entries,
    only,
    storage_with,
)

from raft import Configuration, HardState, Role
from raft.messages import (
    Heartbeat,
    VoteRequest,
    VoteResponse,
)


class TestWinning:
    @pytest.mark.parametrize(
        ("size", "dead", "role", "term"),
        [
            (3, (), LEADER, 1),
            (3, (3,), LEADER, 1),
            (3, (2, 3), PRE_CANDIDATE, 0),
            (4, (2, 3), PRE_CANDIDATE, 0),
            (5, (2, 3), LEADER, 1),
            (1, (), LEADER, 1),
        ],
    )
    def test_a_majority_that_answers_elects(self, size: int, dead: tuple[int, ...], role: Role, term: int) -> None:
        network = Network(*range(1, size + 1))
        network.dead.update(dead)
        network.campaign(1)
        assert (network[1].role, network[1].term) == (role, term)

    def test_a_shorter_log_loses_and_learns_the_term(self) -> None:
        longer = [Member(node_id, FIVE, 1) for node_id in (2, 3)]
        network = Network(Member(1, FIVE), *longer, Member(4, FIVE, 1, 1), Member(5, FIVE))
        network.campaign(1)
        assert (network[1].role, network[1].term) == (FOLLOWER, 1)

    def test_each_node_can_be_elected_in_turn(self) -> None:
        network = Network(1, 2, 3)
        for campaigner in (1, 2, 3):
            for member in network.members.values():
                member.node.forget_leader()
            network.campaign(campaigner)
            roles = network.roles()
            assert [each for each in roles if roles[each] is LEADER and each == campaigner] == [campaigner]
            leaders = [each for each in (1, 2, 3) if network[each].role is LEADER]
            assert leaders == [campaigner]

    def test_the_winner_may_overwrite_entries_of_a_higher_term_that_were_never_committed(self) -> None:
        members = [Member(1, FIVE, 1), Member(2, FIVE, 1), Member(3, FIVE, 2)]
        members += [Member(node_id, FIVE, term=2, vote=3) for node_id in (4, 5)]
        network = Network(*members)
        network.campaign(1)
        assert (network[1].role, network[1].term) == (FOLLOWER, 2)
        network.campaign(1)
        assert (network[1].role, network[1].term) == (LEADER, 3)
        assert [member.log_terms() for member in members] == [[1, 3]] * 5

    def test_dueling_candidates(self) -> None:
        """The loser of the first round asks again later: it disturbs nobody, its log is too short."""
        network = Network(1, 2, 3)
        network.cut(1, 3)
        network.campaign(1)
        network.campaign(3)
        assert network.roles() == {1: LEADER, 2: FOLLOWER, 3: FOLLOWER}
        network.heal()
        network.campaign(3)
        assert network.roles()[1] is LEADER
        assert [network[each].term for each in (1, 2, 3)] == [1, 1, 1]

    def test_a_cut_off_candidate_concedes(self) -> None:
        network = Network(1, 2, 3)
        network.isolate(1)
        network.campaign(1)
        network.campaign(3)
        network.heal()
        network.tick(3)
        network.propose(3, b"force follower")
        assert (network[1].role, network[1].term) == (FOLLOWER, 1)
        assert all(member.log_terms() == [1, 1] for member in network.members.values())

    def test_split_votes_are_retried(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network.isolate(1)
        for node_id in (2, 3):
            network[node_id].node.forget_leader()
        requests = {node_id: network[node_id].campaign() for node_id in (2, 3)}
        # Each has heard the other's request before its answer.
        answers = [answer for each in (2, 3) for answer in network[5 - each].step(requests[each][-1])]
        both = [message for answer in answers for message in network[answer.recipient].step(answer)]
        assert [network[each].role for each in (2, 3)] == [CANDIDATE, CANDIDATE]
        network.deliver(both)
        assert [network[each].term for each in (2, 3)] == [2, 2]
        network.campaign(2)
        assert network[2].role is LEADER
        assert [network[each].term for each in (2, 3)] == [3, 3]

    def test_a_node_with_a_smaller_term_completes_an_election(self) -> None:
        """One was cut off, comes back with an old term, and just then the leader is cut off."""
        network = Network(1, 2, 3)
        network.cut(1, 3)
        network.cut(2, 3)
        network.campaign(1)
        network[3].campaign()
        network.transfer(1, 2)
        assert network.roles() == {1: FOLLOWER, 2: LEADER, 3: PRE_CANDIDATE}
        network.heal()
        network.cut(2, 1)
        network.cut(2, 3)
        for node_id in (1, 3):
            network[node_id].tick(10)
        for _ in range(2):
            network.campaign(3)
            network.campaign(1)
        assert LEADER in (network[1].role, network[3].role)


class TestVoting:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("pre_vote", [False, True])
    def test_a_better_candidate_has_the_vote_from_any_role(self, role: Role, pre_vote: bool) -> None:
        """Once nothing is heard of a leader; a leader itself gives way only to a transfer."""
        member = Member(1, term=1)
        if role is PRE_CANDIDATE:
            member.campaign()
        elif role is CANDIDATE:
            member.become_candidate()
        elif role is LEADER:
            member.become_leader()
        term = member.term
        answers = only(VoteResponse, member.step(VoteRequest(term + 1, 2, 1, 42, term + 1, pre_vote, role is LEADER)))
        assert answers == [VoteResponse(term + 1, 1, 2, True, pre_vote)]
        if pre_vote:
            assert (member.role, member.term) == (role, term)
        else:
            assert (member.role, member.term, member.state.voted_for) == (FOLLOWER, term + 1, 2)

    @pytest.mark.parametrize("pre_vote", [False, True])
    @pytest.mark.parametrize("index", [0, 1, 2, 3])
    @pytest.mark.parametrize("term", [0, 1, 2, 3])
    def test_the_log_decides(self, index: int, term: int, pre_vote: bool) -> None:
        member = Member(1, Configuration.of(1, 2), 2, 2, term=3)
        [answer] = only(VoteResponse, member.step(VoteRequest(3, 2, 1, index, term, pre_vote)))
        assert answer.granted is (term == 3 or (term == 2 and index >= 2))

    @pytest.mark.parametrize(("voted_for", "granted"), [(2, True), (1, False)])
    def test_a_vote_that_was_given_stays_given(self, voted_for: int, granted: bool) -> None:
        member = Member(1, Configuration.of(1, 2), 2, 2, term=2, vote=voted_for)
        assert member.step(VoteRequest(2, 2, 1, 3, 2)) == [VoteResponse(2, 1, 2, granted)]

    @pytest.mark.parametrize("role", [PRE_CANDIDATE, CANDIDATE, LEADER])
    def test_who_stands_for_election_has_voted_for_itself(self, role: Role) -> None:
        member = Member(1)
        member.become_candidate() if role is not LEADER else member.become_leader()
        if role is PRE_CANDIDATE:
            member.campaign()
        [answer] = only(VoteResponse, member.step(VoteRequest(member.term, 2, 1, 99, 99)))
        assert not answer.granted

    def test_the_vote_survives_stepping_down_in_the_same_term(self) -> None:
        """Wiping it elects two leaders in one term without any crash."""
        member = Member()
        member.become_candidate()
        member.step(Heartbeat(1, 2, 1, 0))
        assert (member.role, member.state.voted_for) == (FOLLOWER, 1)
        assert member.storage.hard_state().voted_for == 1
        member.node.forget_leader()
        [answer] = only(VoteResponse, member.step(VoteRequest(1, 3, 1, 9, 9)))
        assert not answer.granted

    def test_the_vote_survives_a_restart(self) -> None:
        member = Member()
        member.step(VoteRequest(1, 2, 1, 0, 0))
        member = Member(storage=member.storage)
        assert member.step(VoteRequest(1, 3, 1, 9, 9)) == [VoteResponse(1, 1, 3, False)]

    def test_the_vote_is_durable_before_the_answer_leaves(self) -> None:
        member = Member()
        member.node.step(VoteRequest(1, 2, 1, 0, 0))
        ready = member.node.ready()
        assert ready is not None
        assert (ready.hard_state, ready.must_sync) == (HardState(1, 2, 0), True)
        assert ready.early_messages == []
        assert ready.messages == [VoteResponse(1, 1, 2, True)]

    def test_a_duplicated_vote_counts_once(self) -> None:
        candidate = Member(1, FIVE)
        candidate.become_candidate()
        for _ in range(5):
            candidate.step(VoteResponse(1, 2, 1, True))
        assert candidate.role is CANDIDATE

    def test_a_vote_for_an_earlier_term_does_not_count(self) -> None:
        candidate = Member(term=5)
        candidate.become_candidate()
        candidate.step(VoteResponse(5, 2, 1, True))
        assert candidate.role is CANDIDATE

    def test_a_pre_vote_of_an_earlier_round_does_not_count(self) -> None:
        candidate = Member()
        candidate.become_candidate()
        candidate.campaign()
        candidate.step(VoteResponse(1, 2, 1, True, pre_vote=True))
        assert (candidate.role, candidate.term) == (PRE_CANDIDATE, 1)

    def test_a_learner_votes_if_asked(self) -> None:
        """It may have been promoted and not know yet."""
        learner = Member(2, Configuration({1: bytes(16)}, {2: bytes(16)}))
        assert only(VoteResponse, learner.step(VoteRequest(2, 1, 2, 11, 11)))[0].granted


class TestOwnVote:
    """A candidate's own vote counts once it is durable."""

    def waiting_candidate(self) -> tuple[Member, object]:
        member = Member()
        member.campaign()
        for voter in (2, 3):
            member.node.step(VoteResponse(1, voter, 1, True, pre_vote=True))
        ready = member.node.ready()
        assert ready is not None
        assert member.role is CANDIDATE
        return member, ready

    def test_it_is_ignored_once_the_election_is_lost(self) -> None:
        member, ready = self.waiting_candidate()
        member.node.step(Heartbeat(1, 2, 1, 0))
        member.persist(ready)  # type: ignore[arg-type]
        member.finish(ready)  # type: ignore[arg-type]
        assert (member.role, member.state.votes) == (FOLLOWER, {})

    def test_a_candidate_does_not_lead_before_it(self) -> None:
        member, ready = self.waiting_candidate()
        for voter in (2, 3):
            member.node.step(VoteResponse(1, voter, 1, True))
        assert member.role is CANDIDATE
        member.persist(ready)  # type: ignore[arg-type]
        member.finish(ready)  # type: ignore[arg-type]
        assert member.role is LEADER

    def test_one_other_vote_suffices_with_it(self) -> None:
        member, ready = self.waiting_candidate()
        member.node.step(VoteResponse(1, 2, 1, True))
        assert member.role is CANDIDATE
        member.finish(ready)  # type: ignore[arg-type]
        assert member.role is LEADER


@pytest.mark.parametrize(("elapsed", "chance"), [(5, 0), (10, 1), (13, 4), (15, 6), (18, 9), (20, 10)])
def test_timeouts_are_spread_over_one_interval(elapsed: int, chance: int) -> None:
    """With each of the ten jitters equally likely."""
    timeouts = [Member(jitter=lambda bound, draw=draw: draw % bound).state.election_timeout for draw in range(10)]  # type: ignore[misc]
    assert sum(elapsed >= timeout for timeout in timeouts) == chance


def test_a_restarted_node_is_a_follower_with_its_log_and_term() -> None:
    member = Member(storage=storage_with(THREE, 1, 1, 2, term=4, vote=3, committed=2))
    status = member.node.status()
    assert (status.role, status.term, status.voted_for) == (FOLLOWER, 4, 3)
    assert (status.last_index, status.committed) == (3, 2)
    member.drain()
    assert [entry.index for entry in member.applied] == [1, 2]


def test_entries_of_a_term_that_is_not_durable_are_a_defect() -> None:
    storage = storage_with(THREE)
    storage.append(entries(7))
    with pytest.raises(AssertionError, match="hard state must be written before"):
        Member(storage=storage)

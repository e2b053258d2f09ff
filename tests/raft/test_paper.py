"""The Raft paper, sentence by sentence: the 26 cases of etcd's raft_paper_test, by section.

Where pre-vote changes the wire (a campaign asks first), the assertion is on what the sentence promises.
"""

from __future__ import annotations

from random import Random

import pytest
from raft_harness.members import Member, Network, entries, only

from raft import NO_NODE, Configuration, Role
from raft.messages import AppendRequest, AppendResponse, Heartbeat, Message, VoteRequest, VoteResponse

IDS = (1, 2, 3)


def in_role(role: Role) -> Member:
    member = Member()
    if role is Role.FOLLOWER:
        member.become_follower(1, 2)
    elif role is Role.CANDIDATE:
        member.become_candidate()
    else:
        member.become_leader()
    assert (member.role, member.term) == (role, 1)
    return member


class TestTerms:
    """§5.1."""

    @pytest.mark.parametrize("role", [Role.FOLLOWER, Role.CANDIDATE, Role.LEADER])
    def test_a_higher_term_is_entered_as_a_follower(self, role: Role) -> None:
        """If one server's current term is smaller than the other's, then it updates its current term to the
        larger value; a candidate or leader that discovers this immediately reverts to follower."""
        member = in_role(role)
        member.step(AppendRequest(2, 2, 1, 0, 0, 0))
        assert (member.term, member.role) == (2, Role.FOLLOWER)

    def test_a_stale_term_is_rejected(self) -> None:
        member = Member(term=2)
        before = member.node.status()
        member.step(AppendRequest(1, 2, 1, 0, 0, 0, entries(1)))
        assert member.node.status() == before


class TestElections:
    """§5.2."""

    def test_servers_start_as_followers(self) -> None:
        assert Member().role is Role.FOLLOWER

    def test_leaders_send_heartbeats_to_everyone(self) -> None:
        leader = in_role(Role.LEADER)
        assert only(Heartbeat, leader.tick()) == [Heartbeat(1, 1, 2, 0), Heartbeat(1, 1, 3, 0)]

    @pytest.mark.parametrize("role", [Role.FOLLOWER, Role.CANDIDATE])
    def test_silence_for_an_election_timeout_begins_an_election(self, role: Role) -> None:
        """It increments its current term, votes for itself and asks for votes in parallel; so does a
        candidate that fails to obtain a majority."""
        member = in_role(role)
        member.tick(10)
        sent = [message for voter in (2, 3) for message in member.step(VoteResponse(2, voter, 1, True, True))]
        assert (member.term, member.role, member.state.voted_for) == (2, Role.CANDIDATE, 1)
        assert member.state.votes == {1: True}
        assert sent == [VoteRequest(2, 1, 2, 0, 0), VoteRequest(2, 1, 3, 0, 0)]

    @pytest.mark.parametrize(
        ("size", "votes", "role"),
        [
            (1, {}, Role.LEADER),
            (3, {2: True, 3: True}, Role.LEADER),
            (3, {2: True}, Role.LEADER),
            (5, {2: True, 3: True, 4: True, 5: True}, Role.LEADER),
            (5, {2: True, 3: True, 4: True}, Role.LEADER),
            (5, {2: True, 3: True}, Role.LEADER),
            (3, {2: False, 3: False}, Role.FOLLOWER),
            (5, {2: False, 3: False, 4: False, 5: False}, Role.FOLLOWER),
            (5, {2: True, 3: False, 4: False, 5: False}, Role.FOLLOWER),
            (3, {}, Role.CANDIDATE),
            (5, {2: True}, Role.CANDIDATE),
            (5, {2: False, 3: False}, Role.CANDIDATE),
            (5, {}, Role.CANDIDATE),
        ],
    )
    def test_one_round_wins_loses_or_leaves_it_open(self, size: int, votes: dict[int, bool], role: Role) -> None:
        member = Member(1, Configuration.of(*range(1, size + 1)))
        member.become_candidate()
        for voter, granted in votes.items():
            member.step(VoteResponse(1, voter, 1, granted))
        assert (member.role, member.term) == (role, 1)

    @pytest.mark.parametrize(
        ("voted_for", "candidate", "granted"),
        [(NO_NODE, 2, True), (NO_NODE, 3, True), (2, 2, True), (3, 3, True), (2, 3, False), (3, 2, False)],
    )
    def test_one_vote_per_term_first_come_first_served(self, voted_for: int, candidate: int, granted: bool) -> None:
        member = Member(term=1, vote=voted_for)
        assert member.step(VoteRequest(1, candidate, 1, 0, 0)) == [VoteResponse(1, 1, candidate, granted)]

    @pytest.mark.parametrize("term", [1, 2])
    def test_a_candidate_recognises_a_leader_of_its_term_or_later(self, term: int) -> None:
        member = in_role(Role.CANDIDATE)
        member.step(AppendRequest(term, 2, 1, 0, 0, 0))
        assert (member.role, member.term, member.state.leader) == (Role.FOLLOWER, term, 2)

    @pytest.mark.parametrize("role", [Role.FOLLOWER, Role.CANDIDATE])
    def test_election_timeouts_are_random_over_the_whole_interval(self, role: Role) -> None:
        member = Member(jitter=Random(1).randrange)
        timeouts = set()
        for _ in range(300):
            if role is Role.FOLLOWER:
                member.become_follower(member.term + 1, 2)
            else:
                member.become_candidate()
            ticks = 0
            while not only(VoteRequest, member.tick()):
                ticks += 1
            timeouts.add(ticks + 1)
        assert timeouts == set(range(10, 20))

    @pytest.mark.parametrize("role", [Role.FOLLOWER, Role.CANDIDATE])
    def test_in_most_cases_only_one_server_times_out(self, role: Role) -> None:
        jitter = Random(2).randrange
        members = [Member(node_id, Configuration.of(*range(1, 6)), jitter=jitter) for node_id in range(1, 6)]
        conflicts = 0
        for _ in range(200):
            for member in members:
                if role is Role.FOLLOWER:
                    member.step(VoteResponse(member.term + 1, 9, member.id, False))
                else:
                    member.become_candidate()
            timed_out = 0
            while not timed_out:
                timed_out = sum(bool(only(VoteRequest, member.tick())) for member in members)
            conflicts += timed_out > 1
        assert conflicts / 200 <= 0.35


class TestReplication:
    """§5.3."""

    def leader(self, size: int = 3) -> Member:
        leader = Member(1, Configuration.of(*range(1, size + 1)))
        leader.become_leader()
        leader.commit_no_op()
        leader.drain()
        return leader

    def test_a_proposal_is_appended_and_sent_in_parallel_with_what_precedes_it(self) -> None:
        leader = self.leader()
        leader.node.propose(b"some data")
        ready = leader.node.ready()
        assert ready is not None
        assert [(entry.index, entry.term, entry.data) for entry in ready.entries] == [(2, 1, b"some data")]
        assert ready.early_messages == [AppendRequest(1, 1, follower, 1, 1, 1, ready.entries) for follower in (2, 3)]
        assert leader.committed == 1

    def test_a_replicated_entry_is_committed_applied_and_told_of(self) -> None:
        leader = self.leader()
        sent = leader.propose(b"some data")
        told: list[Message] = []
        for message in only(AppendRequest, sent):
            told += leader.acknowledge(message)
        assert leader.committed == 2
        assert leader.applied[-1].data == b"some data"
        assert {(each.recipient, each.committed) for each in only(AppendRequest, told)} == {(2, 2), (3, 2)}

    @pytest.mark.parametrize(
        ("size", "acceptors", "committed"),
        [
            (1, (), True),
            (3, (), False),
            (3, (2,), True),
            (3, (2, 3), True),
            (5, (), False),
            (5, (2,), False),
            (5, (2, 3), True),
            (5, (2, 3, 4), True),
            (5, (2, 3, 4, 5), True),
        ],
    )
    def test_committed_once_a_majority_has_it(self, size: int, acceptors: tuple[int, ...], committed: bool) -> None:
        leader = self.leader(size)
        for message in only(AppendRequest, leader.propose()):
            if message.recipient in acceptors:
                leader.acknowledge(message)
        assert (leader.committed > 1) is committed

    @pytest.mark.parametrize("terms", [(), (2,), (1, 2), (1,)])
    def test_all_that_precedes_it_is_committed_too(self, terms: tuple[int, ...]) -> None:
        leader = Member(1, Configuration.of(*IDS), *terms, term=2)
        leader.acknowledge_all(leader.become_leader())
        leader.acknowledge_all(leader.propose(b"some data"))
        last = len(terms)
        assert [(entry.term, entry.index) for entry in leader.applied] == [
            *((term, index) for index, term in enumerate(terms, 1)),
            (3, last + 1),
            (3, last + 2),
        ]

    @pytest.mark.parametrize(("count", "committed"), [(1, 1), (2, 2), (2, 1)])
    def test_a_follower_applies_what_it_learns_is_committed(self, count: int, committed: int) -> None:
        follower = Member()
        follower.step(AppendRequest(1, 2, 1, 0, 0, committed, entries(*[1] * count)))
        assert follower.committed == committed
        assert [entry.index for entry in follower.applied] == list(range(1, committed + 1))

    @pytest.mark.parametrize(
        ("term", "index", "answer"),
        [
            (0, 0, AppendResponse(2, 1, 2, 1)),
            (1, 1, AppendResponse(2, 1, 2, 1)),
            (2, 2, AppendResponse(2, 1, 2, 2)),
            (1, 2, AppendResponse(2, 1, 2, 2, True, 1, 1)),
            (3, 3, AppendResponse(2, 1, 2, 3, True, 2, 2)),
        ],
    )
    def test_an_append_must_follow_on_what_the_follower_has(
        self, term: int, index: int, answer: AppendResponse
    ) -> None:
        follower = Member(1, None, 1, 2, committed=1)
        assert follower.step(AppendRequest(2, 2, 1, index, term, 0)) == [answer]

    @pytest.mark.parametrize(
        ("index", "term", "sent", "result", "written"),
        [
            (2, 2, (3,), [1, 2, 3], [3]),
            (1, 1, (3, 4), [1, 3, 4], [3, 4]),
            (0, 0, (1,), [1, 2], []),
            (0, 0, (3,), [3], [3]),
        ],
    )
    def test_conflicting_entries_and_all_behind_them_are_replaced_and_no_others(
        self, index: int, term: int, sent: tuple[int, ...], result: list[int], written: list[int]
    ) -> None:
        follower = Member(1, None, 1, 2)
        follower.become_follower(4, 2)
        follower.node.step(AppendRequest(4, 2, 1, index, term, 0, entries(*sent, first=index + 1)))
        ready = follower.node.ready()
        assert ready is not None
        assert [entry.term for entry in ready.entries] == written
        assert follower.log_terms() == result

    @pytest.mark.parametrize(
        "terms",
        [
            (1, 1, 1, 4, 4, 5, 5, 6, 6),
            (1, 1, 1, 4),
            (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
            (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
            (1, 1, 1, 4, 4, 4, 4),
            (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
        ],
    )
    def test_the_leader_brings_any_log_into_line_with_its_own(self, terms: tuple[int, ...]) -> None:
        """Figure 7."""
        configuration = Configuration.of(*IDS)
        leader = Member(1, configuration, 1, 1, 1, 4, 4, 5, 5, 6, 6, 6, term=8)
        follower = Member(2, configuration, *terms, term=7)
        network = Network(leader, follower, Member(3, configuration))
        network.campaign(1)
        network.propose(1)
        assert leader.role is Role.LEADER
        assert follower.log_terms() == leader.log_terms()
        assert follower.committed == leader.committed == 12


class TestSafety:
    """§5.4."""

    @pytest.mark.parametrize(("terms", "asked"), [((1,), 2), ((1, 2), 3)])
    def test_vote_requests_say_where_the_log_ends(self, terms: tuple[int, ...], asked: int) -> None:
        """§5.4.1."""
        member = Member()
        member.step(AppendRequest(asked - 1, 2, 1, 0, 0, 0, entries(*terms)))
        requests = only(VoteRequest, member.tick(10))
        assert [(each.recipient, each.term) for each in requests] == [(2, asked), (3, asked)]
        assert {(each.last_index, each.last_term) for each in requests} == {(len(terms), terms[-1])}

    @pytest.mark.parametrize("pre_vote", [False, True])
    @pytest.mark.parametrize(
        ("terms", "term", "index", "granted"),
        [
            ((1,), 1, 1, True),
            ((1,), 1, 2, True),
            ((1, 1), 1, 1, False),
            ((1,), 2, 1, True),
            ((1,), 2, 2, True),
            ((1, 1), 2, 1, True),
            ((2,), 1, 1, False),
            ((2,), 1, 2, False),
            ((2, 2), 1, 1, False),
            ((1, 1), 1, 1, False),
        ],
    )
    def test_no_vote_for_a_log_that_lacks_something(
        self, terms: tuple[int, ...], term: int, index: int, granted: bool, pre_vote: bool
    ) -> None:
        """§5.4.1."""
        member = Member(1, Configuration.of(1, 2), *terms)
        [answer] = only(VoteResponse, member.step(VoteRequest(3, 2, 1, index, term, pre_vote)))
        assert answer.granted is granted

    def test_only_entries_of_the_own_term_are_committed_by_counting(self) -> None:
        """§5.4.2."""
        for acknowledged, committed in ((1, 0), (2, 0), (3, 3)):
            leader = Member(1, Configuration.of(1, 2), 1, 2, term=2)
            leader.become_leader()
            leader.step(AppendResponse(3, 2, 1, acknowledged))
            assert leader.committed == committed

    def test_figure_8(self) -> None:
        """(a) S1 leads term 2 and gets its entry to S2. (b) S5 leads term 3 with another. (c) S1 leads term 4
        and gets the entry of term 2 to a majority, but no entry of its own: nothing is committed, because
        (d) S5 may still overwrite it."""

        def without_the_own_entry(message: Message) -> bool:
            if isinstance(message, AppendRequest):
                message.entries = [entry for entry in message.entries if entry.term != 4]
            return True

        configuration = Configuration.of(1, 2, 3, 4, 5)
        members = [
            Member(1, configuration, 1, 2, term=3),
            Member(2, configuration, 1, 2, term=3),
            Member(3, configuration, 1, term=3),
            Member(4, configuration, 1, term=3),
            Member(5, configuration, 1, 3),
        ]
        network = Network(*members)
        network.hook = without_the_own_entry
        network.isolate(5)
        network.campaign(1)
        network.tick(1, 3)
        s1, s5 = members[0], members[4]
        assert s1.role is Role.LEADER
        assert members[2].log_terms()[:2] == [1, 2]
        assert s1.committed == 0
        network.heal()
        network.isolate(1)
        for member in members[1:4]:
            member.tick(10)
        network.campaign(5)
        if s5.role is not Role.LEADER:  # it had to learn of term 4 first
            network.campaign(5)
        assert s5.role is Role.LEADER
        assert members[2].log_terms()[:2] == [1, 3]

"""The leader's view of a member: windows, probing, backing off, starting again."""

from __future__ import annotations

import pytest
from raft_harness.members import TWO, Member, Network, leader, only, replicating

from raft import Configuration, MemoryStorage
from raft.messages import AppendRequest, AppendResponse, Heartbeat
from raft.progress import ProgressState


class TestLeaderAndMember:
    @pytest.mark.parametrize(
        ("index", "rejected", "match", "following", "previous", "committed"),
        [
            (3, True, 0, 3, None, 0),
            (2, True, 0, 2, 1, 0),
            (2, False, 2, 4, 2, 0),
            (0, False, 0, 4, 0, 0),
        ],
    )
    def test_answers_move_next(
        self, index: int, rejected: bool, match: int, following: int, previous: int | None, committed: int
    ) -> None:
        member = leader(Configuration.of(1, 2, 3), 1, 1)
        term = member.term
        # The probe under way follows on index 2.
        sent = only(AppendRequest, member.step(AppendResponse(term, 2, 1, index, rejected, index)))
        assert (member.peer(2).match, member.peer(2).next) == (match, following)
        assert [message.previous_index for message in sent] == ([] if previous is None else [previous])
        assert member.committed == committed

    def test_heartbeats_promise_no_more_than_the_member_has(self) -> None:
        member = leader(Configuration.of(1, 2, 3))
        member.step(AppendResponse(1, 3, 1, 1))
        assert member.committed == 1
        assert only(Heartbeat, member.tick()) == [Heartbeat(1, 1, 2, 0), Heartbeat(1, 1, 3, 1)]

    def test_only_leaders_send_heartbeats(self) -> None:
        follower, candidate = Member(), Member()
        candidate.become_candidate()
        assert only(Heartbeat, follower.tick(3) + candidate.tick(3)) == []

    def test_a_heartbeat_answer_brings_out_what_may_be_lost(self) -> None:
        member = leader()
        for _ in range(2):
            [again] = only(AppendRequest, member.beat_answered_by(2))
            assert [entry.index for entry in again.entries] == [1]
        member.acknowledge(again)
        assert only(AppendRequest, member.beat_answered_by(2)) == []

    def test_a_heartbeat_answer_recovers_a_member_from_probing(self) -> None:
        """It has everything, and its acknowledgement was lost."""
        member = replicating()
        member.node.report_unreachable(2)
        [probe] = only(AppendRequest, member.beat_answered_by(2))
        assert probe.entries == []
        member.acknowledge(probe)
        assert member.peer(2).state is ProgressState.REPLICATE

    def test_only_the_answering_member_is_sent_more(self) -> None:
        member = leader(Configuration.of(1, 2, 3))
        member.step(AppendResponse(1, 2, 1, 1))
        assert [message.recipient for message in only(AppendRequest, member.propose())] == [2]
        sent = only(AppendRequest, member.step(AppendResponse(1, 3, 1, 1)))
        assert [(message.recipient, [entry.index for entry in message.entries]) for message in sent] == [(3, [2])]

    def test_an_unreachable_member_is_probed(self) -> None:
        member = replicating()
        member.propose()
        assert member.peer(2).next == 3
        member.node.report_unreachable(2)
        assert (member.peer(2).state, member.peer(2).next) == (ProgressState.PROBE, 2)

    def test_a_member_that_lost_its_disk_is_sent_everything_again(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        for _ in range(5):
            network.propose(1)
        network.members[3] = Member(3, Configuration.of(1, 2, 3), storage=MemoryStorage(Configuration.of(1, 2, 3)))
        network.tick(1, 3)
        assert network[3].log_terms() == network[1].log_terms()
        assert network[3].committed == network[1].committed == 6

    def test_reordered_messages_and_a_late_rejection(self) -> None:
        network = Network(1, 2)
        network.campaign(1)
        one, other = network[1], network[2]
        [first] = only(AppendRequest, one.propose())
        [second] = only(AppendRequest, one.propose())
        [rejection] = only(AppendResponse, other.step(second))
        assert (rejection.rejected, rejection.index) == (True, 2)
        [accepted] = only(AppendResponse, other.step(first))
        one.step(accepted)
        assert one.peer(2).match == 2
        one.node.report_unreachable(2)
        [again] = only(AppendRequest, one.step(rejection))
        assert again.previous_index == 2


class TestBackOff:
    @pytest.mark.parametrize(
        ("leader_log", "follower_log", "hint_term", "hint_index", "next_term", "next_index"),
        [
            ((1, 2, 2, 4, 4, 4, 4), (1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3), 3, 7, 2, 3),
            ((1, 2, 2, 3, 4, 4, 4, 5), (1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3), 3, 8, 3, 4),
            ((1, 1, 1, 1), (1, 2, 2, 4), 1, 1, 1, 1),
            ((1, 1, 1, 1, 1, 1), (1, 2, 2, 4), 1, 1, 1, 1),
            ((1, 1, 1, 1), (1, 2, 2, 4, 4, 4), 1, 1, 1, 1),
            ((1, 1, 1, 4, 5), (1, 1, 1, 4), 4, 4, 4, 4),
            ((2, 5, 5, 5, 5, 5, 5, 5, 5), (2, 4, 4, 4, 4, 4), 4, 6, 2, 1),
            ((2, 2, 2, 2, 2), (2, 4, 4, 4, 4, 4, 4, 4), 2, 1, 2, 1),
        ],
    )
    def test_one_rejection_skips_a_term_on_either_side(
        self,
        leader_log: tuple[int, ...],
        follower_log: tuple[int, ...],
        hint_term: int,
        hint_index: int,
        next_term: int,
        next_index: int,
    ) -> None:
        configuration = Configuration.of(1, 2, 3)
        # Elected by node 3, in a term above all of these.
        one = Member(1, configuration, *leader_log, term=8)
        other = Member(2, configuration, *follower_log)
        [probe] = [message for message in only(AppendRequest, one.become_leader()) if message.recipient == 2]
        [answer] = only(AppendResponse, other.step(probe))
        assert (answer.rejected, answer.hint_term, answer.hint_index) == (True, hint_term, hint_index)
        [again] = only(AppendRequest, one.step(answer))
        assert (again.previous_term, again.previous_index) == (next_term, next_index)

    def test_an_unknown_term_steps_back_by_one(self) -> None:
        """The follower compacted that place: it has nothing to say about terms."""
        member = leader(TWO, 1, 1, 3)
        member.peer(2).paused = True
        [again] = only(AppendRequest, member.step(AppendResponse(member.term, 2, 1, 3, True, 2, 0)))
        assert again.previous_index == 2


class TestFlowControl:
    def test_a_probe_is_one_message_until_it_is_answered(self) -> None:
        member = leader()
        for _ in range(3):
            assert only(AppendRequest, member.propose()) == []
        assert member.peer(2).paused
        [again] = only(AppendRequest, member.beat_answered_by(2))
        assert again.previous_index == 0
        assert member.peer(2).paused

    def test_a_heartbeat_alone_does_not_resume_it(self) -> None:
        member = leader()
        member.tick()
        assert member.peer(2).paused

    def test_replicating_sends_every_proposal_at_once(self) -> None:
        member = replicating()
        for index in range(2, 8):
            [sent] = only(AppendRequest, member.propose())
            assert sent.previous_index == index - 1
        assert member.peer(2).next == 8

    def test_proposals_of_one_turn_are_one_message(self) -> None:
        member = replicating()
        for _ in range(64):
            member.node.propose(b"x")
        [sent] = only(AppendRequest, member.drain())
        assert len(sent.entries) == 64

    def test_a_full_window_stops_and_an_acknowledgement_moves_it(self) -> None:
        member = replicating(inflight_messages_max=3)
        sent = [message for _ in range(5) for message in only(AppendRequest, member.propose())]
        assert [message.previous_index for message in sent] == [1, 2, 3]
        [more] = only(AppendRequest, member.step(AppendResponse(1, 2, 1, 2)))
        assert [entry.index for entry in more.entries] == [5, 6]
        member.propose()
        assert only(AppendRequest, member.step(AppendResponse(1, 2, 1, 2))) == []  # no news
        [more] = only(AppendRequest, member.step(AppendResponse(1, 2, 1, 6)))
        assert [entry.index for entry in more.entries] == [7]

    def test_a_heartbeat_answer_lets_one_empty_message_through_a_full_window(self) -> None:
        member = replicating(inflight_messages_max=1)
        member.propose()
        assert member.peer(2).is_paused()
        for _ in range(3):
            [sent] = only(AppendRequest, member.beat_answered_by(2))
            assert sent.entries == []

    def test_messages_and_window_keep_to_their_bytes(self) -> None:
        member = leader(TWO, append_bytes_max=2048, inflight_messages_max=3, inflight_bytes_max=9000)
        for number in range(22):
            member.node.propose(b"b" * 5000 if 10 <= number < 16 else b"a" * 1000)
        member.drain()

        def acknowledge(index: int) -> tuple[list[int], int]:
            sent = only(AppendRequest, member.step(AppendResponse(1, 2, 1, index)))
            return [len(message.entries) for message in sent], sent[-1].entries[-1].index

        sizes, index = acknowledge(1)
        assert sizes == [2, 2, 2]
        sizes, index = acknowledge(index)
        assert sizes == [2, 2, 1]
        sizes, index = acknowledge(index)
        assert sizes == [1, 1]
        sizes, index = acknowledge(index)
        assert sizes == [1, 1]
        sizes, index = acknowledge(index)
        assert sizes == [1, 2, 2]
        sizes, index = acknowledge(index)
        assert (sizes, index) == ([2], 23)

    def test_a_commit_is_told_to_idle_members_at_once(self) -> None:
        network = Network(1, 2, 3)
        network.campaign(1)
        network.propose(1)
        assert [member.committed for member in network.members.values()] == [2, 2, 2]

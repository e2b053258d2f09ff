"""Each promise about offsets, leaders and metadata is kept by a right history, and broken by one that is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulation import invariants_of_groups_and_metadata as invariants
from simulation.evidence import Evidence
from simulation.history import Commit, CommittedRead, Fetch, History, LeaderView, Outcome, Place

PLACE: Place = ("orders", 0)
GROUP = "billing"
TOPIC_ID = b"t" * 16


class Run:
    def __init__(self) -> None:
        self.time_s = 0.0
        self.history = History(self._now)
        self.images: dict[int, dict[str, object]] = {
            node_id: {"topic orders": 1, "partition orders-0": (1, 2, 3)} for node_id in (1, 2, 3)
        }
        self.topics = {"orders"}

    def _now(self) -> float:
        self.time_s += 0.001
        return self.time_s

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.history, {}, self.images, frozenset(self.topics))

    def commit(self, offset: int, outcome: Outcome = Outcome.ACKNOWLEDGED) -> Commit:
        commit = self.history.begin_commit(GROUP, PLACE, offset)
        if outcome is not Outcome.PENDING:
            self.history.end_commit(commit, outcome)
        return commit

    def read(self, commit: Commit | None, *, began_before: Commit | None = None) -> None:
        """The group's offset, as it was committed so, or nothing; asked for before that other commit where one is."""
        began = self.history.moment() if began_before is None else began_before.began
        offset, label = (-1, "") if commit is None else (commit.offset, commit.label)
        self.history.committed_reads.append(
            CommittedRead("reader", GROUP, PLACE, offset, label, began, self.history.moment())
        )

    def view(self, leader_id: int, epoch: int, *, connection: int = 1, topic_id: bytes = TOPIC_ID) -> None:
        now = self.history.moment()
        self.history.leader_views.append(LeaderView("c", connection, 1, PLACE, topic_id, leader_id, epoch, now))

    def fetch(self, node_id: int, epoch: int) -> None:
        began, ended = self.history.moment(), self.history.moment()
        self.history.fetches.append(Fetch("c", node_id, PLACE, epoch, 0, 0, 0, (), began, ended))

    def change(self, name: str, outcome: Outcome = Outcome.ACKNOWLEDGED, *, creates: bool) -> None:
        change = self.history.begin_topic_change("operator", name, creates=creates)
        if outcome is not Outcome.PENDING:
            self.history.end_topic_change(change, outcome)


def right_run() -> Run:
    run = Run()
    run.read(None)
    first = run.commit(10)
    run.read(first)
    lost = run.commit(20, Outcome.UNKNOWN)
    run.commit(25, Outcome.FAILED)
    run.read(first)
    run.read(lost)
    last = run.commit(30)
    run.read(last)
    run.view(1, 4)
    run.view(-1, 5)
    run.view(2, 5)
    run.view(1, 4, connection=2)
    run.fetch(1, 4)
    run.fetch(2, 5)
    run.change("a", creates=True)
    run.change("a", creates=False)
    run.change("orders", creates=True)
    run.history.producer_ids += [("p1", PLACE, 1), ("p1", ("orders", 1), 2), ("p2", PLACE, 3)]
    return run


def breach_of(invariant: Callable[[Evidence], str | None], run: Run) -> str:
    why = invariant(run.evidence)
    assert why is not None, f"{invariant.__name__} saw nothing"
    return why


@pytest.mark.parametrize("invariant", invariants.INVARIANTS, ids=lambda invariant: invariant.__name__)
def test_a_right_run_keeps_it(invariant: Callable[[Evidence], str | None]) -> None:
    assert invariant(right_run().evidence) is None


class TestCommittedOffsets:
    def test_an_older_commit_is_read(self) -> None:
        run = Run()
        older, newer = run.commit(10), run.commit(20)
        run.read(older)
        why = breach_of(invariants.committed_offsets_never_regress, run)
        assert why.startswith(f"{newer.offset} was committed for billing") and "reader read 10" in why

    def test_a_rewound_offset_is_newer_than_a_higher_one(self) -> None:
        run = Run()
        run.commit(20)
        run.read(run.commit(10))
        assert invariants.committed_offsets_never_regress(run.evidence) is None

    def test_nothing_is_read_where_something_was_committed(self) -> None:
        run = Run()
        run.commit(10)
        run.read(None)
        assert "reader read -1 (nothing)" in breach_of(invariants.committed_offsets_never_regress, run)

    @pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PENDING])
    def test_one_without_an_answer_may_come_late(self, outcome: Outcome) -> None:
        run = Run()
        unanswered = run.commit(10, outcome)
        run.commit(20)
        run.read(unanswered)
        assert invariants.committed_offsets_never_regress(run.evidence) is None

    def test_a_read_that_was_under_way_may_miss_the_newest(self) -> None:
        run = Run()
        older = run.commit(10)
        newer = run.commit(20)
        run.read(older, began_before=newer)
        assert invariants.committed_offsets_never_regress(run.evidence) is None

    @pytest.mark.parametrize("what_then", ["the older", "nothing"])
    def test_what_was_read_is_not_read_any_more(self, what_then: str) -> None:
        """Nobody was told that the newer one is committed, but somebody saw it."""
        run = Run()
        older = run.commit(10)
        run.read(run.commit(20, Outcome.UNKNOWN))
        run.read(older if what_then == "the older" else None)
        assert "reader read 20" in breach_of(invariants.a_group_that_read_a_commit_never_reads_an_older_one, run)

    def test_of_two_without_an_answer_the_older_may_come_last(self) -> None:
        run = Run()
        older = run.commit(10, Outcome.UNKNOWN)
        run.read(run.commit(20, Outcome.UNKNOWN))
        run.read(older)
        assert invariants.a_group_that_read_a_commit_never_reads_an_older_one(run.evidence) is None

    def test_an_offset_that_nobody_committed(self) -> None:
        run = Run()
        commit = run.commit(10)
        commit.offset = 11
        run.read(commit)
        commit.offset = 10
        assert "reader read 11" in breach_of(invariants.a_group_reads_only_what_was_committed_for_it, run)

    def test_a_commit_that_was_refused_is_read(self) -> None:
        run = Run()
        run.read(run.commit(10, Outcome.FAILED))
        assert "reader read 10" in breach_of(invariants.a_group_reads_only_what_was_committed_for_it, run)


class TestLeaders:
    def test_two_leaders_of_one_epoch(self) -> None:
        run = right_run()
        run.view(3, 5, connection=9)
        why = breach_of(invariants.one_leader_per_epoch, run)
        assert "epoch 5 of orders-0" in why and "node 2" in why and "node 3" in why

    def test_a_topic_of_the_same_name_begins_anew(self) -> None:
        run = right_run()
        run.view(3, 5, connection=9, topic_id=b"u" * 16)
        assert invariants.one_leader_per_epoch(run.evidence) is None
        assert invariants.the_leader_epoch_never_goes_back_on_a_connection(run.evidence) is None

    def test_two_nodes_that_serve_one_epoch(self) -> None:
        run = right_run()
        run.fetch(3, 5)
        assert "epoch 5" in breach_of(invariants.one_node_serves_an_epoch, run)

    def test_an_epoch_that_goes_back_on_a_connection(self) -> None:
        run = right_run()
        run.view(1, 4)
        assert "epoch 5" in breach_of(invariants.the_leader_epoch_never_goes_back_on_a_connection, run)


class TestMetadata:
    def test_images_that_differ_in_a_value(self) -> None:
        run = right_run()
        run.images[3]["partition orders-0"] = (1, 2)
        why = breach_of(invariants.metadata_images_converge, run)
        assert why == "partition orders-0 is (1, 2, 3) on node 1 and (1, 2) on node 3"

    @pytest.mark.parametrize("node_id", [1, 2])
    def test_images_of_which_one_has_more(self, node_id: int) -> None:
        run = right_run()
        run.images[node_id]["broker 4"] = "there"
        assert "broker 4" in breach_of(invariants.metadata_images_converge, run)

    def test_a_topic_that_was_created_and_is_not_there(self) -> None:
        run = right_run()
        run.topics.clear()
        assert "orders was created" in breach_of(invariants.a_topic_is_there_exactly_if_it_was_created_last, run)

    def test_a_topic_that_was_deleted_and_is_there(self) -> None:
        run = right_run()
        run.topics.add("a")
        assert "a was deleted" in breach_of(invariants.a_topic_is_there_exactly_if_it_was_created_last, run)

    @pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PENDING])
    def test_a_change_without_an_answer_may_have_undone_it(self, outcome: Outcome) -> None:
        run = right_run()
        run.change("orders", outcome, creates=False)
        run.topics.clear()
        assert invariants.a_topic_is_there_exactly_if_it_was_created_last(run.evidence) is None

    def test_a_change_that_took_its_time_may_have_been_forwarded_twice(self) -> None:
        run = right_run()
        run.time_s += 1
        slow = run.history.begin_topic_change("operator", "a", creates=True)
        run.time_s += 1
        run.history.end_topic_change(slow, Outcome.ACKNOWLEDGED)
        run.change("a", creates=False)
        run.topics.add("a")
        assert invariants.a_topic_is_there_exactly_if_it_was_created_last(run.evidence) is None

    def test_a_producer_id_that_two_have(self) -> None:
        run = right_run()
        run.history.producer_ids.append(("p3", PLACE, 2))
        assert "2 was given to p1 for orders-1 and to p3" in breach_of(invariants.a_producer_id_is_given_once, run)

"""Moving partitions, and giving that up (KIP-455): the rules, on images made by hand."""

from __future__ import annotations

import pytest
from harness.images import TOPIC, Given, change_of, cluster_of

from broker.controller.elections import decide_elections
from broker.controller.reassignment import ReassignmentWish, decide_reassignments
from broker.metadata import NO_LEADER, PartitionImage
from protocol.errors import ErrorCode


def reassign(given: Given, target: list[int] | None, *, brokers: int = 5) -> PartitionImage | ErrorCode:
    image = cluster_of(brokers, partitions=[given])
    records, (outcome,) = decide_reassignments(image, [ReassignmentWish(TOPIC, 0, target)])
    if outcome is not None:
        assert not records
        return outcome.code
    return change_of(image, records)


def parts(partition: PartitionImage | ErrorCode) -> tuple[object, ...]:
    assert isinstance(partition, PartitionImage)
    return partition.replicas, partition.adding_replicas, partition.removing_replicas, partition.isr, partition.leader


def test_while_it_runs_a_partition_has_the_replicas_of_both_sides() -> None:
    now = reassign(((1, 2, 3), (1, 2, 3), 1), [4, 5, 1])
    assert parts(now) == ((4, 5, 1, 2, 3), (4, 5), (2, 3), (1, 2, 3), 1)


def test_another_order_alone_is_done_at_once_and_moves_no_leader() -> None:
    assert parts(reassign(((1, 2, 3), (1, 2, 3), 1), [3, 2, 1])) == ((3, 2, 1), (), (), (1, 2, 3), 1)


def test_fewer_replicas_are_done_at_once_and_another_leads_where_the_leader_goes() -> None:
    assert parts(reassign(((1, 2, 3), (1, 2, 3), 1), [2, 3])) == ((2, 3), (), (), (2, 3), 2)


def test_a_new_target_takes_the_place_of_the_one_that_runs() -> None:
    now = reassign(((4, 1, 2, 3), (1, 2, 3), 1, (4,), (2, 3)), [5, 1])
    assert parts(now) == ((5, 1, 2, 3), (5,), (2, 3), (1, 2, 3), 1)


def test_to_cancel_drops_what_was_added_and_keeps_the_rest() -> None:
    now = reassign(((4, 5, 1, 2), (1, 2, 4), 1, (4, 5), (2,)), None)
    assert parts(now) == ((1, 2), (), (), (1, 2), 1)


def test_to_cancel_takes_the_leadership_from_an_added_replica() -> None:
    now = reassign(((4, 1, 2), (1, 4), 4, (4,), (2,)), None)
    assert parts(now) == ((1, 2), (), (), (1,), 1)


@pytest.mark.parametrize(
    ("given", "target", "code"),
    [
        (((1, 2), (1, 2), 1), None, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS),
        (((4, 1), (4,), 4, (4,), ()), None, ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (((1, 2), (1, 2), 1), [], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (((1, 2), (1, 2), 1), [1, 1], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (((1, 2), (1, 2), 1), [1, 9], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
    ],
)
def test_what_cannot_be_is_refused(given: Given, target: list[int] | None, code: ErrorCode) -> None:
    assert reassign(given, target) is code


def test_a_partition_that_is_not_there_is_refused_alone() -> None:
    image = cluster_of(3, partitions=[((1, 2), (1, 2), 1)])
    wishes = [ReassignmentWish(TOPIC, 0, [2, 3]), ReassignmentWish(TOPIC, 7, [2]), ReassignmentWish("none", 0, [2])]
    records, outcomes = decide_reassignments(image, wishes)
    assert len(records) == 1
    assert [outcome and outcome.code for outcome in outcomes] == [
        None,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]


def test_another_number_of_replicas_can_be_forbidden() -> None:
    """KIP-860."""
    image = cluster_of(3, partitions=[((1, 2), (1, 2), 1)])
    wish = ReassignmentWish(TOPIC, 0, [1, 2, 3])
    _, (outcome,) = decide_reassignments(image, [wish], may_change_factor=False)
    assert outcome is not None and outcome.code is ErrorCode.INVALID_REPLICATION_FACTOR


def test_elections_say_of_each_partition_why_nothing_changed() -> None:
    given = [((1, 2), (1, 2), 2), ((1, 2), (1, 2), 1), ((1, 2), (2,), 2), ((3, 2), (3, 2), 2)]
    image = cluster_of(3, fenced={3}, partitions=given)
    places = [(TOPIC, index) for index in range(4)] + [("none", 0)]
    records, outcomes = decide_elections(image, places, unclean=False)
    assert change_of(image, records).leader == 1
    assert [outcome and outcome.code for outcome in outcomes] == [
        None,
        ErrorCode.ELECTION_NOT_NEEDED,
        ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
        ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]


def test_an_unclean_election_takes_who_is_there_where_nobody_leads() -> None:
    given = [((1, 2), (1,), NO_LEADER), ((1, 2), (1, 2), 2), ((1,), (1,), NO_LEADER)]
    image = cluster_of(2, fenced={1}, partitions=given)
    records, outcomes = decide_elections(image, [(TOPIC, index) for index in range(3)], unclean=True)
    now = change_of(image, records)
    assert (now.leader, now.isr) == (2, (2,))
    assert [outcome and outcome.code for outcome in outcomes] == [
        None,
        ErrorCode.ELECTION_NOT_NEEDED,
        ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
    ]

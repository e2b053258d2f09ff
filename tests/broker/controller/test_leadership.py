"""Who leads when brokers go, come back and want to go: the rules, on images made by hand."""

from __future__ import annotations

from harness.images import change_of, cluster_of

from broker.controller.leadership import (
    decide_broker_back,
    decide_broker_gone,
    decide_preferred_leaders,
    leads_anything_that_others_could,
)
from broker.metadata import NO_LEADER


def never(topic: str) -> bool:
    return False


def always(topic: str) -> bool:
    return True


def test_the_next_replica_that_is_in_sync_and_active_leads() -> None:
    image = cluster_of(4, fenced={2}, partitions=[((1, 2, 3, 4), (1, 2, 3, 4), 1)])
    (record,) = decide_broker_gone(image, 1, may_be_unclean=never)
    assert (record.leader, record.isr) == (3, [2, 3, 4])


def test_a_follower_that_goes_leaves_the_in_sync_set_and_no_new_epoch() -> None:
    image = cluster_of(3, partitions=[((1, 2, 3), (1, 2, 3), 1)])
    (record,) = decide_broker_gone(image, 3, may_be_unclean=never)
    assert (record.leader, record.isr) == (None, [1, 2])


def test_the_last_of_an_in_sync_set_stays_in_it_and_nobody_leads() -> None:
    image = cluster_of(3, partitions=[((1, 2, 3), (1,), 1)])
    (record,) = decide_broker_gone(image, 1, may_be_unclean=never)
    assert (record.leader, record.isr) == (NO_LEADER, None)


def test_where_that_is_allowed_a_replica_that_is_behind_leads_alone() -> None:
    image = cluster_of(3, partitions=[((1, 2, 3), (1,), 1)])
    (record,) = decide_broker_gone(image, 1, may_be_unclean=always)
    assert (record.leader, record.isr) == (2, [2])


def test_a_broker_that_comes_back_at_once_keeps_what_only_it_can_lead() -> None:
    image = cluster_of(2, partitions=[((1,), (1,), 1), ((1, 2), (1, 2), 1)])
    (record,) = decide_broker_gone(image, 1, may_be_unclean=never, comes_back=True)
    assert (record.partition, record.leader, record.isr) == (1, 2, [2])


def test_a_broker_that_is_back_leads_what_had_no_leader_and_its_own_in_a_new_epoch() -> None:
    image = cluster_of(
        2, partitions=[((1,), (1,), NO_LEADER), ((1,), (1,), 1), ((2, 1), (2,), NO_LEADER), ((2, 1), (2, 1), 2)]
    )
    records = decide_broker_back(image, 1, may_be_unclean=never)
    assert [(record.partition, record.leader) for record in records] == [(0, 1), (1, 1)]


def test_only_partitions_with_their_preferred_leader_in_sync_and_active_go_back_to_it() -> None:
    image = cluster_of(
        3,
        fenced={3},
        partitions=[((1, 2), (1, 2), 2), ((1, 2), (2,), 2), ((3, 2), (3, 2), 2), ((2, 1), (1, 2), 2)],
    )
    assert [(r.partition, r.leader) for r in decide_preferred_leaders(image)] == [(0, 1)]


def test_a_broker_may_go_when_it_leads_nothing_that_another_could() -> None:
    image = cluster_of(2, partitions=[((1,), (1,), 1)])
    assert not leads_anything_that_others_could(image, 1)
    image = cluster_of(2, partitions=[((1, 2), (1, 2), 1)])
    assert leads_anything_that_others_could(image, 1)


def test_a_record_raises_the_leader_epoch_exactly_where_it_names_a_leader() -> None:
    image = cluster_of(3, partitions=[((1, 2, 3), (1, 2, 3), 1)])
    gone = change_of(image, decide_broker_gone(image, 1, may_be_unclean=never))
    assert (gone.leader, gone.leader_epoch, gone.partition_epoch) == (2, 1, 1)
    shrunk = change_of(image, decide_broker_gone(image, 3, may_be_unclean=never))
    assert (shrunk.leader, shrunk.leader_epoch, shrunk.partition_epoch) == (1, 0, 1)

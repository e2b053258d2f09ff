"""Where replicas go: each broker leads its share, racks are mixed, a broker's load spreads when it fails."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.controller.placement import place_replicas
from broker.metadata import BrokerRegistration
from protocol.errors import ErrorCode, KafkaError


def brokers(count: int, racks: int = 0) -> list[BrokerRegistration]:
    return [
        BrokerRegistration(node_id, {}, rack=f"r{node_id % racks}" if racks else None)
        for node_id in range(1, count + 1)
    ]


def place(
    on: list[BrokerRegistration], partitions: int, factor: int, *, first: int = 0, shift: int = 0
) -> list[list[int]]:
    return place_replicas(on, first_partition=first, partition_count=partitions, replication_factor=factor, shift=shift)


@given(st.integers(1, 9), st.data(), st.integers(0, 2**32 - 1))
def test_every_partition_has_different_brokers_and_every_broker_leads_its_share(
    count: int, data: st.DataObject, shift: int
) -> None:
    factor = data.draw(st.integers(1, count))
    rounds = data.draw(st.integers(1, 4))
    placed = place(brokers(count), count * rounds, factor, shift=shift)
    assert all(len(set(replicas)) == factor for replicas in placed)
    assert Counter(replicas[0] for replicas in placed) == {b.node_id: rounds for b in brokers(count)}


def test_replicas_are_in_different_racks() -> None:
    for replicas in place(brokers(6, racks=3), 60, 3):
        assert len({node_id % 3 for node_id in replicas}) == 3


def test_the_followers_of_a_leader_are_not_always_the_same() -> None:
    placed = place(brokers(4), 48, 2)
    followers = Counter(replicas[1] for replicas in placed if replicas[0] == 1)
    assert followers == {2: 4, 3: 4, 4: 4}


def test_added_partitions_go_on_where_the_topic_ended() -> None:
    assert place(brokers(3), 6, 2)[4:] == place(brokers(3), 2, 2, first=4)


def test_topics_of_one_partition_begin_on_different_brokers() -> None:
    assert {place(brokers(3), 1, 1, shift=shift)[0][0] for shift in range(3)} == {1, 2, 3}


def test_a_fenced_broker_gets_replicas_only_where_nobody_else_is_left_and_never_leads() -> None:
    some = [BrokerRegistration(1, {}, fenced=True), BrokerRegistration(2, {}), BrokerRegistration(3, {})]
    assert all(1 not in replicas for replicas in place(some, 9, 2))
    assert all(replicas[2] == 1 for replicas in place(some, 9, 3))


@pytest.mark.parametrize("some", [brokers(2), [BrokerRegistration(n, {}, fenced=True) for n in (1, 2, 3)]])
def test_too_few_brokers_are_an_invalid_replication_factor(some: list[BrokerRegistration]) -> None:
    with pytest.raises(KafkaError) as refused:
        place(some, 1, 3)
    assert refused.value.code is ErrorCode.INVALID_REPLICATION_FACTOR

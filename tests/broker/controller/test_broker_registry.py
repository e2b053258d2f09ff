"""Brokers that come, live and go: what each of their requests changes."""

from __future__ import annotations

import pytest
from harness.images import after, change_of, cluster_of, epoch_of

from broker.controller.broker_registry import (
    Heartbeat,
    Registration,
    decide_fence,
    decide_heartbeat,
    decide_registration,
    decide_unregistration,
)
from broker.controller.sessions import BrokerSessions
from broker.metadata import NO_LEADER, MetadataImage, MetadataRecord
from protocol.errors import ErrorCode, KafkaError


def never(topic: str) -> bool:
    return False


def register(
    image: MetadataImage,
    node_id: int,
    *,
    incarnation: bytes = b"n" * 16,
    host: str = "elsewhere",
    is_alive: bool = False,
) -> tuple[list[MetadataRecord], int]:
    endpoints = {"PLAINTEXT": (host, 9092)}
    registration = Registration(node_id, incarnation, endpoints)
    return decide_registration(image, registration, may_be_unclean=never, has_valid_session=is_alive)


def heartbeat(image: MetadataImage, node_id: int, **wishes: bool) -> Heartbeat:
    return Heartbeat(node_id, epoch_of(node_id), image.metadata_offset, **wishes)


def test_a_new_broker_is_fenced_until_it_has_seen_its_own_registration() -> None:
    image = cluster_of(1)
    records, epoch = register(image, 2)
    image = after(image, records)
    assert image.brokers[2].fenced
    behind = decide_heartbeat(image, Heartbeat(2, epoch, epoch - 1), may_be_unclean=never)
    assert (behind.records, behind.is_fenced, behind.is_caught_up) == ([], True, False)
    caught_up = decide_heartbeat(image, Heartbeat(2, epoch, epoch), may_be_unclean=never)
    assert not caught_up.is_fenced
    assert not after(image, caught_up.records).brokers[2].fenced


def test_a_registration_that_is_repeated_is_the_same_one() -> None:
    image = cluster_of(2)
    assert register(image, 2, incarnation=bytes([2]) * 16, is_alive=True) == ([], epoch_of(2))


def test_another_process_with_the_id_of_one_that_is_alive_is_refused() -> None:
    image = cluster_of(2)
    with pytest.raises(KafkaError) as refused:
        register(image, 2, is_alive=True)
    assert refused.value.code is ErrorCode.DUPLICATE_BROKER_REGISTRATION
    assert register(image, 2, is_alive=False)[0]
    assert register(cluster_of(2, fenced={2}), 2, is_alive=True)[0]


def test_a_restart_at_the_same_address_needs_no_session_to_end() -> None:
    """The process before it is gone, or this one would not have the port."""
    image = cluster_of(2, partitions=[((2, 1), (2, 1), 2)])
    records, epoch = register(image, 2, host="host-2", is_alive=True)
    assert epoch > epoch_of(2)
    assert change_of(image, records).leader == 1


def test_a_restarted_broker_leads_again_what_only_it_can_lead_in_a_new_epoch() -> None:
    image = cluster_of(1, partitions=[((1,), (1,), 1)])
    records, epoch = register(image, 1, host="host-1")
    image = after(image, records)
    decision = decide_heartbeat(image, Heartbeat(1, epoch, epoch), may_be_unclean=never)
    now = change_of(image, decision.records)
    assert (now.leader, now.leader_epoch) == (1, 1)


def test_a_broker_that_wants_to_go_hands_over_first_and_takes_nothing_new() -> None:
    image = cluster_of(2, partitions=[((2, 1), (2, 1), 2), ((2,), (2,), 2)])
    decision = decide_heartbeat(image, heartbeat(image, 2, wants_shut_down=True), may_be_unclean=never)
    assert decision.may_shut_down
    image = after(image, decision.records)
    assert not image.brokers[2].is_active
    assert [p.leader for p in image.topics_by_name["orders"].partitions] == [1, 2]
    again = decide_heartbeat(image, heartbeat(image, 2, wants_shut_down=True), may_be_unclean=never)
    assert (again.records, again.may_shut_down) == ([], True)


def test_fencing_takes_leadership_and_is_done_once() -> None:
    image = cluster_of(2, partitions=[((2, 1), (2, 1), 2), ((2,), (2,), 2)])
    image = after(image, decide_fence(image, 2, may_be_unclean=never))
    assert [p.leader for p in image.topics_by_name["orders"].partitions] == [1, NO_LEADER]
    assert decide_fence(image, 2, may_be_unclean=never) == []
    assert decide_fence(image, 9, may_be_unclean=never) == []


def test_heartbeats_of_strangers_and_of_earlier_incarnations_are_refused() -> None:
    image = cluster_of(1)
    with pytest.raises(KafkaError) as unknown:
        decide_heartbeat(image, heartbeat(image, 7), may_be_unclean=never)
    assert unknown.value.code is ErrorCode.BROKER_ID_NOT_REGISTERED
    with pytest.raises(KafkaError) as stale:
        decide_heartbeat(image, Heartbeat(1, epoch_of(1) - 1, 0), may_be_unclean=never)
    assert stale.value.code is ErrorCode.STALE_BROKER_EPOCH


def test_a_broker_that_is_unregistered_is_gone_from_the_image() -> None:
    image = cluster_of(2, partitions=[((2, 1), (2, 1), 2)])
    records = decide_unregistration(image, 2, may_be_unclean=never)
    assert change_of(image, records).leader == 1
    assert list(after(image, records).brokers) == [1]
    with pytest.raises(KafkaError) as refused:
        decide_unregistration(image, 7, may_be_unclean=never)
    assert refused.value.code is ErrorCode.BROKER_ID_NOT_REGISTERED


def test_a_session_ends_after_silence_and_not_while_nobody_could_listen() -> None:
    sessions = BrokerSessions()
    sessions.begin([1, 2], now_ms=1000)
    sessions.heard(2, now_ms=2500)
    assert sessions.expired(2999, 2000) == []
    assert sessions.expired(3000, 2000) == [1]
    assert (sessions.is_valid(1, 3000, 2000), sessions.is_valid(2, 3000, 2000)) == (False, True)
    sessions.excuse(500)
    assert sessions.expired(3000, 2000) == []
    sessions.credit_less(2, 1000)
    assert sessions.expired(4000, 2000) == [1, 2]
    sessions.forget(1)
    assert sessions.expired(9000, 2000) == [2]

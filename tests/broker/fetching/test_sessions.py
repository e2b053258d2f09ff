"""Incremental fetch sessions as KIP-227 has them."""

from __future__ import annotations

import itertools

import pytest

from broker.fetching.sessions import EVICTABLE_AFTER_MS, FetchSessions, FetchTarget
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, PartitionData

VERSION = 12


def request(
    *partitions: int, session_id: int = 0, epoch: int = 0, offset: int = 0, forgotten: tuple[int, ...] = ()
) -> FetchRequest:
    return FetchRequest(
        session_id=session_id,
        session_epoch=epoch,
        topics=[
            FetchTopic(topic="t", partitions=[FetchPartition(partition=p, fetch_offset=offset) for p in partitions])
        ],
        forgotten_topics_data=[ForgottenTopic(topic="t", partitions=list(forgotten))],
    )


def sessions(slots: int = 2) -> FetchSessions:
    ids = itertools.count(100)
    return FetchSessions(slots, choose_id=lambda: next(ids))


def indexes(targets: list[FetchTarget]) -> list[int]:
    return [target.request.partition for target in targets]


def test_a_session_remembers_its_partitions_until_they_are_forgotten() -> None:
    cache = sessions()
    session, targets = cache.open(request(0, 1), VERSION, 0)
    assert session is not None
    assert indexes(targets) == [0, 1]
    _, targets = cache.open(request(2, session_id=100, epoch=1), VERSION, 0)
    assert indexes(targets) == [0, 1, 2]
    _, targets = cache.open(request(session_id=100, epoch=2, forgotten=(0,)), VERSION, 0)
    assert indexes(targets) == [1, 2]


def test_a_partition_named_again_moves_its_offset_and_nothing_else() -> None:
    cache = sessions()
    cache.open(request(0, 1), VERSION, 0)
    _, targets = cache.open(request(0, session_id=100, epoch=1, offset=7), VERSION, 0)
    assert [(t.request.partition, t.request.fetch_offset) for t in targets] == [(0, 7), (1, 0)]


def test_a_partition_whose_records_were_sent_moves_to_the_end() -> None:
    cache = sessions()
    session, targets = cache.open(request(0, 1), VERSION, 0)
    assert session is not None
    session.sent_records(targets[0])
    _, targets = cache.open(request(session_id=100, epoch=1), VERSION, 0)
    assert indexes(targets) == [1, 0]


@pytest.mark.parametrize(
    ("session_id", "epoch", "version", "code"),
    [
        (999, 1, VERSION, ErrorCode.FETCH_SESSION_ID_NOT_FOUND),
        (100, 5, VERSION, ErrorCode.INVALID_FETCH_SESSION_EPOCH),
        (100, 1, 13, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR),
    ],
)
def test_a_request_that_does_not_continue_a_session_is_refused(
    session_id: int, epoch: int, version: int, code: ErrorCode
) -> None:
    cache = sessions()
    cache.open(request(0), VERSION, 0)
    with pytest.raises(KafkaError) as refused:
        cache.open(request(session_id=session_id, epoch=epoch), version, 0)
    assert refused.value.code is code


def test_the_final_epoch_closes_the_session_and_is_served_without_one() -> None:
    cache = sessions()
    cache.open(request(0), VERSION, 0)
    session, targets = cache.open(request(1, session_id=100, epoch=-1), VERSION, 0)
    assert session is None
    assert indexes(targets) == [1]
    assert len(cache) == 0


def test_when_all_slots_are_taken_only_a_session_long_unused_makes_room() -> None:
    cache = sessions(slots=1)
    cache.open(request(0), VERSION, 0)
    session, targets = cache.open(request(1), VERSION, 1)
    assert session is None
    assert indexes(targets) == [1]
    session, _ = cache.open(request(1), VERSION, EVICTABLE_AFTER_MS)
    assert session is not None


def test_an_incremental_answer_holds_only_what_is_news() -> None:
    target = FetchTarget("t", FetchPartition(partition=0))
    empty = PartitionData(high_watermark=5, last_stable_offset=5, log_start_offset=0, records=b"")
    assert target.is_news(empty)
    target.told(empty)
    assert not target.is_news(empty)
    assert target.is_news(PartitionData(high_watermark=6, last_stable_offset=6, log_start_offset=0, records=b""))
    assert target.is_news(PartitionData(high_watermark=5, last_stable_offset=5, log_start_offset=0, records=b"x"))
    failed = PartitionData(high_watermark=-1, error_code=ErrorCode.NOT_LEADER_OR_FOLLOWER, records=b"")
    target.told(failed)
    assert target.is_news(failed)

"""confluent-kafka (librdkafka): where a consumer stands: assignment, groups, commits, seeking and isolation."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, OFFSET_INVALID, Consumer, KafkaError, TopicPartition
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, consumer, create_topic, deliver, poll_until, producer, take


def numbers(client: Consumer, count: int) -> list[int]:
    return [int(record.value()) for record in take(client, count)]


@pytest.fixture
def ten_records(broker: BrokerProcess, topic: str) -> str:
    """A topic of one partition with the values 0 to 9, stamped a second apart from 1,000,000 on."""
    create_topic(broker.bootstrap, topic)
    records = ({"value": b"%d" % n, "timestamp": 1_000_000 + n * 1000} for n in range(10))
    deliver(producer(broker.bootstrap), topic, records)
    return topic


def test_a_group_resumes_from_what_it_committed(broker: BrokerProcess, ten_records: str) -> None:
    first = consumer(broker.bootstrap, group_id=ten_records)
    first.subscribe([ten_records])
    assert numbers(first, 10) == list(range(10))
    committed = first.commit(offsets=[TopicPartition(ten_records, 0, 4, metadata="four")], asynchronous=False)
    assert [partition.error for partition in committed] == [None]
    first.close()

    second = consumer(broker.bootstrap, group_id=ten_records)
    second.subscribe([ten_records])

    assert numbers(second, 6) == [4, 5, 6, 7, 8, 9]
    [partition] = second.committed([TopicPartition(ten_records, 0)], timeout=DEADLINE_S)
    assert (partition.offset, partition.metadata) == (4, "four")
    second.close()


def test_a_group_that_committed_nothing_has_no_offset(broker: BrokerProcess, ten_records: str) -> None:
    reader = consumer(broker.bootstrap, group_id=ten_records)

    [partition] = reader.committed([TopicPartition(ten_records, 0)], timeout=DEADLINE_S)

    assert partition.offset == OFFSET_INVALID
    assert partition.error is None
    reader.close()


def test_stored_offsets_are_committed_by_auto_commit_at_close(broker: BrokerProcess, ten_records: str) -> None:
    first = consumer(broker.bootstrap, group_id=ten_records, enable_auto_commit=True, enable_auto_offset_store=False)
    first.subscribe([ten_records])
    records = take(first, 10)
    first.store_offsets(records[6])
    first.close()

    second = consumer(broker.bootstrap, group_id=ten_records)
    second.subscribe([ten_records])

    assert numbers(second, 3) == [7, 8, 9]
    second.close()


def test_an_assigned_consumer_commits_for_a_group_without_joining_it(broker: BrokerProcess, ten_records: str) -> None:
    first = consumer(broker.bootstrap, group_id=ten_records)
    first.assign([TopicPartition(ten_records, 0, 3)])
    assert numbers(first, 7) == [3, 4, 5, 6, 7, 8, 9]
    first.commit(asynchronous=False)
    first.close()

    second = consumer(broker.bootstrap, group_id=ten_records)

    assert second.committed([TopicPartition(ten_records, 0)], timeout=DEADLINE_S)[0].offset == 10
    second.close()


def test_seek_by_timestamp(broker: BrokerProcess, ten_records: str) -> None:
    reader = consumer(broker.bootstrap)

    def offset_at(timestamp: int) -> int:
        [found] = reader.offsets_for_times([TopicPartition(ten_records, 0, timestamp)], timeout=DEADLINE_S)
        assert found.error is None
        return int(found.offset)

    assert offset_at(0) == 0
    assert offset_at(1_000_000) == 0
    assert offset_at(1_003_001) == 4
    assert offset_at(1_009_000) == 9
    assert offset_at(1_009_001) == OFFSET_END
    reader.assign([TopicPartition(ten_records, 0, offset_at(1_007_500))])
    assert numbers(reader, 2) == [8, 9]
    reader.close()


def test_seek_to_the_beginning_the_end_and_in_between(broker: BrokerProcess, ten_records: str) -> None:
    reader = consumer(broker.bootstrap)
    reader.assign([TopicPartition(ten_records, 0, OFFSET_BEGINNING)])
    assert numbers(reader, 10) == list(range(10))

    reader.seek(TopicPartition(ten_records, 0, 7))
    assert numbers(reader, 3) == [7, 8, 9]
    reader.seek(TopicPartition(ten_records, 0, OFFSET_BEGINNING))
    assert numbers(reader, 1) == [0]
    assert reader.get_watermark_offsets(TopicPartition(ten_records, 0), timeout=DEADLINE_S) == (0, 10)
    # The last three, counted from the end as librdkafka does it.
    reader.assign([TopicPartition(ten_records, 0, -2000 - 3)])
    assert numbers(reader, 3) == [7, 8, 9]
    reader.close()


def test_a_consumer_at_the_end_gets_only_what_comes_after(broker: BrokerProcess, ten_records: str) -> None:
    reader = consumer(broker.bootstrap, enable_partition_eof=True)
    reader.assign([TopicPartition(ten_records, 0, OFFSET_END)])
    ends: list[int] = []
    deadline = time.monotonic() + DEADLINE_S
    while not ends and time.monotonic() < deadline:
        message = reader.poll(0.2)
        if message is not None:
            assert message.error().code() == KafkaError._PARTITION_EOF
            ends.append(message.offset())
    assert ends == [10]

    deliver(producer(broker.bootstrap), ten_records, [{"value": b"10"}])

    assert numbers(reader, 1) == [10]
    reader.close()


def test_an_offset_out_of_range_is_an_error_when_it_may_not_be_reset(broker: BrokerProcess, ten_records: str) -> None:
    reader = consumer(broker.bootstrap, auto_offset_reset="error")
    reader.assign([TopicPartition(ten_records, 0, 500)])
    errors: list[KafkaError] = []
    deadline = time.monotonic() + DEADLINE_S
    while not errors and time.monotonic() < deadline:
        message = reader.poll(0.2)
        if message is not None:
            errors.append(message.error())
    assert [error.code() for error in errors] == [KafkaError._AUTO_OFFSET_RESET]
    reader.close()


def test_an_offset_out_of_range_is_reset_to_the_beginning(broker: BrokerProcess, ten_records: str) -> None:
    reader = consumer(broker.bootstrap)
    reader.assign([TopicPartition(ten_records, 0, 500)])

    assert numbers(reader, 10) == list(range(10))
    reader.close()


@pytest.mark.parametrize("isolation", ["read_committed", "read_uncommitted"])
def test_either_isolation_reads_records_outside_transactions(
    broker: BrokerProcess, ten_records: str, isolation: str
) -> None:
    reader = consumer(broker.bootstrap, isolation_level=isolation, enable_partition_eof=True)
    reader.assign([TopicPartition(ten_records, 0, OFFSET_BEGINNING)])

    assert numbers(reader, 10) == list(range(10))
    reader.close()


def test_paused_partitions_give_nothing_and_lose_nothing(broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, 2)
    sender = producer(broker.bootstrap)
    reader = consumer(broker.bootstrap)
    reader.assign([TopicPartition(topic, 0, 0), TopicPartition(topic, 1, 0)])
    reader.pause([TopicPartition(topic, 0)])
    deliver(sender, topic, ({"value": b"%d" % n, "partition": n % 2} for n in range(10)))

    assert sorted(numbers(reader, 5)) == [1, 3, 5, 7, 9]
    reader.resume([TopicPartition(topic, 0)])
    assert sorted(numbers(reader, 5)) == [0, 2, 4, 6, 8]
    reader.close()


def test_a_subscription_by_pattern_finds_topics_that_come_later(broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, f"{topic}.one")
    reader = consumer(broker.bootstrap, group_id=topic, topic_metadata_refresh_interval_ms=200)
    assigned: set[str] = set()
    reader.subscribe(
        [f"^{topic}\\..*"],
        on_assign=lambda client, partitions: assigned.update(partition.topic for partition in partitions),
    )
    poll_until(reader, lambda: f"{topic}.one" in assigned)

    create_topic(broker.bootstrap, f"{topic}.two")

    poll_until(reader, lambda: f"{topic}.two" in assigned)
    reader.close()

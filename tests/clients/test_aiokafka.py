"""aiokafka: the client of asyncio programs produces, consumes, commits, seeks and administers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import wraps
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, OffsetOutOfRangeError
from harness.broker_process import BrokerProcess

CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
DEADLINE_S = 30.0


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 2 * DEADLINE_S))

    return run


@asynccontextmanager
async def producing(broker: BrokerProcess, **settings: Any) -> AsyncIterator[Any]:
    client = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, **settings)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def consuming(broker: BrokerProcess, *topics: str, **settings: Any) -> AsyncIterator[Any]:
    defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "fetch_max_wait_ms": 100}
    client = AIOKafkaConsumer(*topics, bootstrap_servers=broker.bootstrap, **{**defaults, **settings})
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def take(consumer: Any, count: int) -> list[Any]:
    return [await asyncio.wait_for(consumer.getone(), DEADLINE_S) for _ in range(count)]


@pytest.mark.parametrize("acks", [0, 1, "all"])
@pytest.mark.parametrize("codec", CODECS)
@in_a_loop
async def test_every_codec_at_every_acks(broker: BrokerProcess, topic: str, codec: str | None, acks: int | str) -> None:
    values = [b"payload-%d-" % n * 20 for n in range(30)]
    async with producing(broker, compression_type=codec, acks=acks, linger_ms=5) as producer:
        futures = [await producer.send(topic, value) for value in values]
        await producer.flush()
        sent = [await future for future in futures]
    if acks != 0:
        assert [metadata.offset for metadata in sent] == list(range(30))

    async with consuming(broker, topic) as consumer:
        records = await take(consumer, 30)

    assert [record.value for record in records] == values


@pytest.mark.parametrize("codec", CODECS)
@in_a_loop
async def test_idempotent_records_are_there_once_and_in_order(
    broker: BrokerProcess, topic: str, codec: str | None
) -> None:
    async with producing(broker, compression_type=codec, enable_idempotence=True, max_batch_size=400) as producer:
        for n in range(300):
            await producer.send(topic, b"%d" % n)
        await producer.flush()

    async with consuming(broker, topic) as consumer:
        assert [int(record.value) for record in await take(consumer, 300)] == list(range(300))


@in_a_loop
async def test_keys_values_headers_and_timestamps_come_back_as_they_were(broker: BrokerProcess, topic: str) -> None:
    headers = [("a", b"1"), ("empty", b""), ("a", b"twice")]
    stamp = int(time.time() * 1000) - 60_000
    async with producing(broker) as producer:
        await producer.send_and_wait(topic, key=b"k", value=None)
        await producer.send_and_wait(topic, b"v", headers=headers, timestamp_ms=stamp)

    async with consuming(broker, topic) as consumer:
        first, second = await take(consumer, 2)

    assert (first.key, first.value) == (b"k", None)
    assert (second.key, second.value, list(second.headers), second.timestamp) == (None, b"v", headers, stamp)


@in_a_loop
async def test_a_group_commits_and_resumes(broker: BrokerProcess, topic: str) -> None:
    async with producing(broker) as producer:
        for n in range(20):
            await producer.send_and_wait(topic, b"%d" % n)
    partition = TopicPartition(topic, 0)
    async with consuming(broker, topic, group_id=topic) as consumer:
        await take(consumer, 8)
        await consumer.commit({partition: (8, "eight")})

    async with consuming(broker, topic, group_id=topic) as consumer:
        assert [int(record.value) for record in await take(consumer, 12)] == list(range(8, 20))
        assert await consumer.committed(partition) == 8


@in_a_loop
async def test_seek_by_timestamp_to_the_beginning_and_to_the_end(broker: BrokerProcess, topic: str) -> None:
    async with producing(broker) as producer:
        for n in range(10):
            await producer.send_and_wait(topic, b"%d" % n, timestamp_ms=1_000_000 + n * 1000)
    partition = TopicPartition(topic, 0)
    async with consuming(broker) as consumer:
        consumer.assign([partition])
        found = (await consumer.offsets_for_times({partition: 1_004_500}))[partition]
        assert (found.offset, found.timestamp) == (5, 1_005_000)
        consumer.seek(partition, found.offset)
        assert [int(record.value) for record in await take(consumer, 5)] == [5, 6, 7, 8, 9]
        await consumer.seek_to_beginning(partition)
        assert [int(record.value) for record in await take(consumer, 10)] == list(range(10))
        await consumer.seek_to_end(partition)
        assert await consumer.position(partition) == 10
        assert await consumer.beginning_offsets([partition]) == {partition: 0}
        assert await consumer.end_offsets([partition]) == {partition: 10}
        assert (await consumer.offsets_for_times({partition: 2_000_000}))[partition] is None


@in_a_loop
async def test_a_read_committed_consumer_reads_what_is_in_no_transaction(broker: BrokerProcess, topic: str) -> None:
    async with producing(broker) as producer:
        for n in range(10):
            await producer.send_and_wait(topic, b"%d" % n)

    async with consuming(broker, topic, isolation_level="read_committed") as consumer:
        assert [int(record.value) for record in await take(consumer, 10)] == list(range(10))
        assert consumer.highwater(TopicPartition(topic, 0)) == 10
        assert consumer.last_stable_offset(TopicPartition(topic, 0)) == 10


@in_a_loop
async def test_a_position_out_of_range_is_told_when_it_may_not_be_reset(broker: BrokerProcess, topic: str) -> None:
    async with producing(broker) as producer:
        await producer.send_and_wait(topic, b"x")

    async with consuming(broker, auto_offset_reset="none") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 100)
        with pytest.raises(OffsetOutOfRangeError):
            await take(consumer, 1)


@in_a_loop
async def test_a_message_that_is_too_large_is_refused_and_the_next_is_taken(broker: BrokerProcess, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "1000"})])
    await admin.close()

    async with producing(broker) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic, b"x" * 5000)
        assert (await producer.send_and_wait(topic, b"x")).offset == 0


@in_a_loop
async def test_members_come_and_go_and_every_partition_has_one_reader(broker: BrokerProcess, topic: str) -> None:
    class Told(ConsumerRebalanceListener):  # type: ignore[misc]
        """What each member has, as it is told; `settled` when the predicate holds."""

        def __init__(self, name: str) -> None:
            self.name = name

        async def on_partitions_revoked(self, revoked: Any) -> None:
            owned[self.name] = set()

        async def on_partitions_assigned(self, assigned: Any) -> None:
            owned[self.name] = {partition.partition for partition in assigned}
            changed.set()

    owned: dict[str, set[int]] = {}
    changed = asyncio.Event()

    async def shared_by(*members: str) -> None:
        while set(owned) < set(members) or sorted(n for name in members for n in owned[name]) != list(range(6)):
            changed.clear()
            await asyncio.wait_for(changed.wait(), DEADLINE_S)

    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 6, 1)])
    await admin.close()
    settings = {"group_id": topic, "heartbeat_interval_ms": 300, "session_timeout_ms": 6000}
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(consuming(broker, **settings))
        first.subscribe([topic], listener=Told("first"))
        await shared_by("first")
        second_stack = await stack.enter_async_context(AsyncExitStack())
        second = await second_stack.enter_async_context(consuming(broker, **settings))
        second.subscribe([topic], listener=Told("second"))
        await shared_by("first", "second")
        assert len(owned["first"]) == len(owned["second"]) == 3
        await second_stack.aclose()
        del owned["second"]
        await shared_by("first")


@in_a_loop
async def test_administration(broker: BrokerProcess, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "3600000"})])
    assert topic in await admin.list_topics()
    await admin.create_partitions({topic: NewPartitions(4)})
    [described] = await admin.describe_topics([topic])
    assert len(described["partitions"]) == 4
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "7200000"})
    await admin.alter_configs([resource])
    [configs] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    assert {entry[0]: entry[1] for entry in configs.resources[0][4]}["retention.ms"] == "7200000"
    async with producing(broker) as producer:
        for n in range(5):
            await producer.send_and_wait(topic, b"%d" % n, partition=0)
    async with consuming(broker, topic, group_id=topic) as consumer:
        await take(consumer, 5)
        await consumer.commit()
    assert topic in [group[0] for group in await admin.list_consumer_groups()]
    offsets = await admin.list_consumer_group_offsets(topic)
    assert offsets[TopicPartition(topic, 0)].offset == 5
    assert await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(3)}) == {TopicPartition(topic, 0): 3}
    assert len((await admin.describe_cluster())["brokers"]) == 1
    await admin.delete_topics([topic])
    assert topic not in await admin.list_topics()
    again = await admin.create_topics([NewTopic("not/valid", 1, 1)])
    assert again.topic_errors[0][1] == 17
    await admin.close()


@in_a_loop
async def test_an_unknown_topic_without_auto_creation(topic: str, start_broker: Any) -> None:
    running = start_broker({"auto.create.topics.enable": "false"})
    async with producing(running, request_timeout_ms=1000) as producer:
        with pytest.raises(KafkaError):
            await producer.send_and_wait(topic, b"x")

"""What a process with kafka-python 2.0.2 does for a test.

legacy_scenarios.py SCENARIO BOOTSTRAP ARGUMENTS-AS-JSON
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from typing import Any

if sys.version_info >= (3, 12):
    import six

    sys.modules["kafka.vendor.six"] = six
    sys.modules["kafka.vendor.six.moves"] = six.moves

import kafka
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError

DEADLINE_S = 30.0
assert kafka.__version__ == "2.0.2", kafka.__version__


def _version(arguments: dict[str, Any]) -> dict[str, Any]:
    version = arguments.get("api_version")
    return {"api_version": tuple(version)} if version else {}


def _take(consumer: Any, count: int) -> list[Any]:
    records: list[Any] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records"
        for batch in consumer.poll(timeout_ms=200).values():
            records.extend(batch)
    return records


def _consumer(bootstrap: str, arguments: dict[str, Any], *topics: str, **settings: Any) -> Any:
    defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "fetch_max_wait_ms": 100}
    return KafkaConsumer(*topics, bootstrap_servers=bootstrap, **{**defaults, **settings, **_version(arguments)})


def _producer(bootstrap: str, arguments: dict[str, Any], **settings: Any) -> Any:
    return KafkaProducer(bootstrap_servers=bootstrap, **settings, **_version(arguments))


def round_trip(bootstrap: str, arguments: dict[str, Any]) -> Any:
    topic, count = arguments["topic"], arguments["count"]
    producer = _producer(bootstrap, arguments, acks=arguments["acks"], compression_type=arguments["codec"], linger_ms=5)
    futures = [
        producer.send(topic, key=b"k%d" % n if n % 2 else None, value=b"value-%d" % n * 10, timestamp_ms=1_000_000 + n)
        for n in range(count)
    ]
    producer.flush(DEADLINE_S)
    sent = [future.get(DEADLINE_S).offset for future in futures]
    records = _take(_consumer(bootstrap, arguments, topic), count)
    # Message sets of magic 0, before Kafka 0.10, carry no timestamps.
    timestamped = (arguments.get("api_version") or [9]) >= [0, 10]
    for n, record in enumerate(records):
        assert record.value == b"value-%d" % n * 10
        assert record.key == (b"k%d" % n if n % 2 else None)
        assert not timestamped or record.timestamp == 1_000_000 + n
        assert record.offset == n
    return {"sent": sent, "api_version": list(producer.config["api_version"])}


def headers(bootstrap: str, arguments: dict[str, Any]) -> Any:
    producer = _producer(bootstrap, arguments)
    producer.send(arguments["topic"], b"v", headers=[("a", b"1"), ("a", b"2"), ("e", b"")]).get(DEADLINE_S)
    [record] = _take(_consumer(bootstrap, arguments, arguments["topic"]), 1)
    return [[key, value.decode()] for key, value in record.headers]


def commit_and_resume(bootstrap: str, arguments: dict[str, Any]) -> Any:
    topic = arguments["topic"]
    producer = _producer(bootstrap, arguments)
    for n in range(20):
        producer.send(topic, b"%d" % n)
    producer.flush(DEADLINE_S)
    first = _consumer(bootstrap, arguments, topic, group_id=topic, max_poll_records=8)
    assert [int(record.value) for record in _take(first, 8)] == list(range(8))
    first.commit({TopicPartition(topic, 0): OffsetAndMetadata(8, "eight")})
    first.close()
    second = _consumer(bootstrap, arguments, topic, group_id=topic)
    resumed = [int(record.value) for record in _take(second, 12)]
    return {"resumed": resumed, "committed": second.committed(TopicPartition(topic, 0))}


def seek(bootstrap: str, arguments: dict[str, Any]) -> Any:
    topic = arguments["topic"]
    producer = _producer(bootstrap, arguments)
    for n in range(10):
        producer.send(topic, b"%d" % n, timestamp_ms=1_000_000 + n * 1000)
    producer.flush(DEADLINE_S)
    consumer = _consumer(bootstrap, arguments)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    answer: dict[str, Any] = {}
    if arguments.get("api_version") != [0, 10, 0]:  # the client refuses it for a Kafka before 0.10.1
        answer["by_time"] = consumer.offsets_for_times({partition: 1_004_500})[partition].offset
    consumer.seek(partition, 7)
    answer["from_seven"] = [int(record.value) for record in _take(consumer, 3)]
    consumer.seek_to_beginning()
    answer["beginning"] = int(_take(consumer, 1)[0].value)
    consumer.seek_to_end()
    answer["end"] = consumer.position(partition)
    return answer


def admin(bootstrap: str, arguments: dict[str, Any]) -> Any:
    topic = arguments["topic"]
    client = KafkaAdminClient(bootstrap_servers=bootstrap, **_version(arguments))
    client.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "3600000"})])
    answer: dict[str, Any] = {"listed": topic in client.list_topics()}
    try:
        client.create_topics([NewTopic(topic, 2, 1)])
    except KafkaError as error:
        answer["again"] = type(error).__name__
    client.create_partitions({topic: NewPartitions(4)})
    answer["partitions"] = len(client.describe_topics([topic])[0]["partitions"])
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "7200000"})])
    [described] = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    entries = {entry[0]: entry[1] for entry in described.resources[0][4]}
    answer["retention"] = entries["retention.ms"]
    consumer = _consumer(bootstrap, arguments, topic, group_id=topic)
    producer = _producer(bootstrap, arguments)
    producer.send(topic, b"x").get(DEADLINE_S)
    _take(consumer, 1)
    consumer.commit()
    answer["group_listed"] = topic in [group[0] for group in client.list_consumer_groups()]
    [group] = client.describe_consumer_groups([topic])
    answer["state"], answer["members"] = group.state, len(group.members)
    offsets = client.list_consumer_group_offsets(topic)
    answer["committed"] = sum(value.offset for value in offsets.values())
    consumer.close()
    client.delete_topics([topic])
    answer["deleted"] = topic not in client.list_topics()
    return answer


def round_robin_group(bootstrap: str, arguments: dict[str, Any]) -> Any:
    """Consumers as threads of one process, each with settings given; returns how many partitions each one read."""
    topic, members, expected = arguments["topic"], arguments["members"], arguments["records"]
    seen: list[tuple[int, int, int]] = []  # member, partition, offset
    everything = threading.Event()
    failures: list[str] = []

    def consume(member: int) -> None:
        try:
            consumer = _consumer(
                bootstrap,
                arguments,
                topic,
                group_id=arguments["group"],
                partition_assignment_strategy=[RoundRobinPartitionAssignor],
                **arguments["consumer"],
            )
            while not everything.is_set():
                for partition, batch in consumer.poll(timeout_ms=200).items():
                    seen.extend((member, partition.partition, record.offset) for record in batch)
                    consumer.commit()
                if len({(partition, offset) for _, partition, offset in list(seen)}) >= expected:
                    everything.set()
            assignments[member] = sorted(partition.partition for partition in consumer.assignment())
            consumer.close()
        except KafkaError as error:
            failures.append(repr(error))

    assignments: dict[int, list[int]] = {}
    threads = [threading.Thread(target=consume, args=(member,), daemon=True) for member in range(members)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    counts = Counter((partition, offset) for _, partition, offset in seen)
    return {"distinct": len(counts), "assignments": list(assignments.values()), "failures": failures}


if __name__ == "__main__":
    _, scenario, bootstrap_servers, encoded = sys.argv
    print(json.dumps(globals()[scenario](bootstrap_servers, json.loads(encoded))), flush=True)

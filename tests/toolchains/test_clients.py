"""What every client must be able to do, whatever its language: the same behaviours, asked of each by name.

Not every client can do everything: rskafka has neither groups nor idempotence nor settings of topics, and
platformatic's zstd needs a newer Node than Debian has.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.broker_process import BrokerProcess
from harness.confluent import read_partition
from toolchains_harness.client_process import Client

from protocol.records import Compression, iterate_batches

# The first run installs and builds them.
pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(900)]

EVERY = ["java", "kafkajs", "platformatic", "franz-go", "rskafka"]
WITH_GROUPS = ["java", "kafkajs", "platformatic", "franz-go"]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
MINUTE_MS = 60_000


def clients(names: list[str]) -> Callable[..., Any]:
    return pytest.mark.parametrize("client", names, indirect=True)


def values(count: int, text: str = "value") -> list[dict[str, Any]]:
    return [{"value": f"{text} {number}", "partition": 0} for number in range(count)]


def written(records: list[dict[str, Any]]) -> list[str]:
    return [record["value"] for record in records]


@pytest.mark.parametrize("codec", CODECS)
@clients(EVERY)
def test_records_of_every_codec_are_written_and_read(client: Client, topic: str, codec: str) -> None:
    if client.name == "platformatic" and codec == "zstd" and not node_has_zstd():
        pytest.skip("platformatic takes zstd from Node, which has it since 22.15")
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, codec=codec, records=values(50))

    read = client.ask("read", topic=topic, partition=0, offset=0, count=50)

    assert written(read) == written(values(50))
    assert [record["offset"] for record in read] == list(range(50))
    # And so does a client of another family, which checks every batch.
    stored = [message.value() or b"" for message in read_partition(client.bootstrap, topic)]
    assert [value.decode() for value in stored] == written(values(50))


def node_has_zstd() -> bool:
    node = shutil.which("node")
    script = "process.exit(require('zlib').zstdCompressSync ? 0 : 1)"
    return node is not None and subprocess.run([node, "-e", script], check=False).returncode == 0


@pytest.mark.parametrize("codec", CODECS)
@clients(EVERY)
def test_batches_are_stored_as_the_client_compressed_them(
    client: Client, strict_broker: BrokerProcess, topic: str, codec: str
) -> None:
    if client.name == "platformatic" and codec == "zstd" and not node_has_zstd():
        pytest.skip("platformatic takes zstd from Node, which has it since 22.15")
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, codec=codec, records=values(20))

    [segment] = Path(strict_broker.data_directory).glob(f"{topic}-0/*.log")
    stored = {header.compression for _, header in iterate_batches(memoryview(segment.read_bytes()))}

    assert stored == {Compression[codec.upper()]}


@pytest.mark.parametrize("acks", [0, 1, -1])
@clients(WITH_GROUPS)
def test_records_are_written_with_every_acks(client: Client, topic: str, acks: int) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, acks=acks, records=values(3))
    # With acks=0 nobody says when the records are there: the read waits for them.
    assert written(client.ask("read", topic=topic, partition=0, offset=0, count=3)) == written(values(3))


@clients(EVERY)
def test_the_producer_is_told_partition_and_offset(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=2)
    client.ask("produce", topic=topic, records=[{"value": "first", "partition": 1}])
    answer = client.ask("produce", topic=topic, records=[{"value": "second", "partition": 1}])
    assert answer == [{"partition": 1, "offset": 1}]


@clients(WITH_GROUPS)
def test_an_idempotent_producer_writes_each_record_once(
    client: Client, strict_broker: BrokerProcess, topic: str
) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, idempotent=True, acks=-1, records=values(100))
    assert written(client.ask("read", topic=topic, partition=0, offset=0, count=100)) == written(values(100))
    [segment] = Path(strict_broker.data_directory).glob(f"{topic}-0/*.log")
    headers = [header for _, header in iterate_batches(memoryview(segment.read_bytes()))]
    assert all(header.producer_id >= 0 for header in headers)
    assert headers[0].base_sequence == 0


@clients(EVERY)
def test_keys_headers_and_timestamps_come_back(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    now_ms = int(time.time() * 1000)
    sent = {"key": "a key", "value": "a value", "timestamp": now_ms, "headers": {"h": "x", "i": "y"}, "partition": 0}
    client.ask("produce", topic=topic, records=[sent])
    [read] = client.ask("read", topic=topic, partition=0, offset=0, count=1)
    assert {name: read[name] for name in ("key", "value", "headers", "timestamp")} == {
        name: sent[name] for name in ("key", "value", "headers", "timestamp")
    }


@clients(["java", "kafkajs", "franz-go", "rskafka"])
def test_a_tombstone_has_no_value(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=[{"key": "gone", "value": None, "partition": 0}])
    [read] = client.ask("read", topic=topic, partition=0, offset=0, count=1)
    assert (read["key"], read["value"]) == ("gone", None)


@clients(EVERY)
def test_reading_begins_at_any_offset_of_a_partition(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=values(10))
    assert written(client.ask("read", topic=topic, partition=0, offset=7, count=3)) == ["value 7", "value 8", "value 9"]


@clients(EVERY)
def test_reading_begins_at_a_timestamp(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    now_ms = int(time.time() * 1000)
    for minute in range(3):
        aged = {"value": f"minute {minute}", "timestamp": now_ms + (minute - 3) * MINUTE_MS, "partition": 0}
        client.ask("produce", topic=topic, records=[aged])
    read = client.ask("read from timestamp", topic=topic, partition=0, timestamp=now_ms - 2 * MINUTE_MS, count=2)
    assert written(read) == ["minute 1", "minute 2"]


@clients(EVERY)
def test_beginning_and_end_of_a_partition_are_found(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=values(4))
    assert client.ask("offset", topic=topic, at="earliest") == 0
    assert client.ask("offset", topic=topic, at="latest") == 4


@clients(WITH_GROUPS)
def test_a_group_reads_commits_and_resumes(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=values(6))
    first = client.ask("consume", topic=topic, group=topic, count=4, commit=True)
    assert client.ask("committed", topic=topic, group=topic) == 4
    second = client.ask("consume", topic=topic, group=topic, count=2, commit=True)
    assert written(first + second) == written(values(6))


@clients(WITH_GROUPS)
def test_what_a_group_did_not_commit_is_read_again(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=values(3))
    client.ask("consume", topic=topic, group=topic, count=3, commit=False)
    assert written(client.ask("consume", topic=topic, group=topic, count=3)) == written(values(3))


@clients(WITH_GROUPS)
def test_two_members_share_the_partitions_and_one_takes_over(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=4)
    client.ask("join", topic=topic, group=topic, member="first")
    assert client.ask("assignments", topic=topic, partitions=4) == {"first": [0, 1, 2, 3]}
    client.ask("join", topic=topic, group=topic, member="second")
    shared = client.ask("assignments", topic=topic, partitions=4)
    assert sorted(len(mine) for mine in shared.values()) == [2, 2]
    client.ask("leave", member="first")
    assert {name: sorted(mine) for name, mine in client.ask("assignments", topic=topic, partitions=4).items()} == {
        "second": [0, 1, 2, 3]
    }
    client.ask("leave", member="second")


@clients(WITH_GROUPS)
def test_a_group_is_listed_described_and_deleted(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=values(1))
    client.ask("consume", topic=topic, group=topic, count=1, commit=True)
    assert topic in client.ask("groups")
    assert client.ask("describe group", group=topic)["state"].lower() == "empty"
    client.ask("delete group", group=topic)
    assert topic not in client.ask("groups")


@clients(WITH_GROUPS)
def test_offsets_of_a_group_are_set_by_hand(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=values(5))
    client.ask("set group offset", topic=topic, group=topic, partition=0, offset=3)
    assert client.ask("committed", topic=topic, group=topic) == 3
    assert written(client.ask("consume", topic=topic, group=topic, count=2)) == ["value 3", "value 4"]


@clients(EVERY)
def test_a_topic_is_created_listed_and_deleted(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=3)
    assert topic in client.ask("topics")
    assert client.ask("describe topic", topic=topic)["partitions"] == 3
    client.ask("delete topic", topic=topic)
    assert topic not in client.ask("topics")


@clients(WITH_GROUPS)
def test_partitions_are_added(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("create partitions", topic=topic, partitions=3)
    assert client.ask("describe topic", topic=topic)["partitions"] == 3


@clients(WITH_GROUPS)
def test_settings_of_a_topic_are_described_and_altered(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1, configs={"retention.ms": "3600000"})
    assert client.ask("configs", topic=topic)["retention.ms"] == "3600000"
    client.ask("alter configs", topic=topic, configs={"retention.ms": "7200000", "cleanup.policy": "compact"})
    found = client.ask("configs", topic=topic)
    assert (found["retention.ms"], found["cleanup.policy"]) == ("7200000", "compact")


@clients(EVERY)
def test_records_are_deleted_up_to_an_offset(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=values(5))
    assert client.ask("delete records", topic=topic, partition=0, offset=3) == 3
    assert client.ask("offset", topic=topic, at="earliest") == 3


@clients(WITH_GROUPS)
def test_the_cluster_is_described(client: Client) -> None:
    found = client.ask("cluster")
    assert found["nodes"] == [client.bootstrap]
    assert found["controller"] >= 0
    assert found["id"]


@clients(EVERY)
def test_a_topic_that_exists_is_not_created_again(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    assert client.error("create topic", topic=topic, partitions=1) == "TOPIC_ALREADY_EXISTS"


@clients(EVERY)
def test_an_invalid_name_is_refused(client: Client) -> None:
    error = client.error("create topic", topic="no blanks", partitions=1)
    assert error in {"INVALID_TOPIC_EXCEPTION", "INVALID_TOPIC"}


@clients(EVERY)
def test_more_replicas_than_brokers_are_refused(client: Client, topic: str) -> None:
    assert client.error("create topic", topic=topic, partitions=1, replicas=3) == "INVALID_REPLICATION_FACTOR"


@clients(EVERY)
def test_a_topic_that_is_not_there_cannot_be_deleted(client: Client, topic: str) -> None:
    assert client.error("delete topic", topic=topic) == "UNKNOWN_TOPIC_OR_PARTITION"


@clients(EVERY)
def test_a_topic_that_is_not_there_takes_no_records(client: Client, topic: str) -> None:
    error = client.error("produce", topic=topic, records=values(1))
    # Two clients have a name of their own for it: Java says that it waited for the topic in vain.
    own_names = {"java": "REQUEST_TIMED_OUT", "platformatic": "PLT_KFK_USER"}
    assert error == own_names.get(client.name, "UNKNOWN_TOPIC_OR_PARTITION")
    assert topic not in client.ask("topics")


@clients(WITH_GROUPS)
def test_a_batch_larger_than_the_topic_allows_is_refused(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1, configs={"max.message.bytes": "1000"})
    error = client.error("produce", topic=topic, records=[{"value": "x" * 2000, "partition": 0}])
    assert error == "MESSAGE_TOO_LARGE"
    client.ask("produce", topic=topic, records=[{"value": "small", "partition": 0}])
    assert client.ask("offset", topic=topic, at="latest") == 1


@clients(WITH_GROUPS)
def test_a_bad_setting_is_refused(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    assert client.error("alter configs", topic=topic, configs={"retention.ms": "-2000"}) == "INVALID_CONFIG"


@clients(WITH_GROUPS)
def test_fewer_partitions_are_refused(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=2)
    assert client.error("create partitions", topic=topic, partitions=1) == "INVALID_PARTITIONS"


@clients(["java", "franz-go", "rskafka"])
def test_an_offset_that_is_not_there_is_out_of_range(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=values(1))
    error = client.error("read", topic=topic, partition=0, offset=99, count=1)
    assert error in {"OFFSET_OUT_OF_RANGE", "OffsetOutOfRangeException"}

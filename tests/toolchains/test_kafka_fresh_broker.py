"""Kafka's tools where they need a broker of their own: after kill -9, after a compaction, on one that is empty."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from harness.broker_process import BrokerProcess
from toolchains_harness import clients
from toolchains_harness.client_process import Client
from toolchains_harness.kafka_tools import Finished, KafkaTools

pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(600)]
StartBroker = Callable[..., BrokerProcess]
DEADLINE_S = 60.0


def run(tools: KafkaTools, broker: BrokerProcess, tool: str, *arguments: str, typed: str = "") -> Finished:
    return tools.run(tool, "--bootstrap-server", broker.bootstrap, *arguments, typed=typed)


def test_kafkas_own_compatibility_test_passes(kafka_tools: KafkaTools, start_broker: StartBroker) -> None:
    """What Kafka's system tests ask of every broker version that its newest clients shall work with."""
    able = ("offsets-for-times", "cluster-id", "create-topics", "describe-configs", "idempotent-producer")
    claims = [word for name in able for word in (f"--{name}-supported", "True")]
    claims += ["--describe-acls-supported", "False", "--expect-record-too-large-exception", "False"]
    finished = run(
        kafka_tools, start_broker(), "client-compatibility", "--topic", "topic", "--num-cluster-nodes", "1", *claims
    )
    assert finished.lines[-1] == "SUCCESS."


def test_an_empty_broker_has_no_topics_groups_or_offsets(kafka_tools: KafkaTools, start_broker: StartBroker) -> None:
    broker = start_broker()
    assert run(kafka_tools, broker, "kafka-topics", "--list").lines == []
    assert run(kafka_tools, broker, "kafka-consumer-groups", "--list").lines == []
    assert run(kafka_tools, broker, "kafka-consumer-groups", "--describe", "--all-groups").lines == []


def test_everything_the_tools_made_is_there_after_kill_9(
    kafka_tools: KafkaTools, start_broker: StartBroker, topic: str
) -> None:
    broker = start_broker()
    run(kafka_tools, broker, "kafka-topics", "--create", "--topic", topic, "--config", "retention.ms=3600000")
    run(kafka_tools, broker, "kafka-configs", "--alter", "--topic", topic, "--add-config", "cleanup.policy=compact")
    keyed = ("--reader-property", "parse.key=true")
    run(kafka_tools, broker, "kafka-console-producer", "--topic", topic, *keyed, typed="k\ta\nl\tb\nm\tc\n")
    reading = ("--topic", topic, "--group", topic, "--timeout-ms", "20000")
    run(kafka_tools, broker, "kafka-console-consumer", *reading, "--from-beginning", "--max-messages", "2")
    before = run(kafka_tools, broker, "kafka-topics", "--describe", "--topic", topic).output

    broker.kill()
    broker.start()

    assert run(kafka_tools, broker, "kafka-topics", "--describe", "--topic", topic).output == before
    assert "cleanup.policy=compact" in before
    [row] = run(kafka_tools, broker, "kafka-consumer-groups", "--describe", "--group", topic).rows()
    assert (row["CURRENT-OFFSET"], row["LOG-END-OFFSET"], row["LAG"]) == ("2", "3", "1")
    resumed = run(kafka_tools, broker, "kafka-console-consumer", *reading, "--max-messages", "1")
    assert resumed.lines == ["c"]


def test_a_compacted_segment_is_what_kafkas_dump_tool_reads(
    kafka_tools: KafkaTools, start_broker: StartBroker, topic: str
) -> None:
    soon = {
        "log.cleaner.backoff.ms": "100",
        "log.flush.offset.checkpoint.interval.ms": "100",
        "log.segment.bytes": "1048576",
    }
    broker = start_broker(soon)
    process = clients.start("java")
    try:
        client = Client("java", process, broker.bootstrap)
        client.ask("create topic", topic=topic, partitions=1, configs={"cleanup.policy": "compact"})
        records = [{"key": f"key {n % 7}", "value": f"{n} ".ljust(1000, "."), "partition": 0} for n in range(1200)]
        client.ask("produce", topic=topic, records=records)
        first = first_offset_once_compacted(client, broker, topic)
    finally:
        process.close()

    [sealed, _] = sorted(broker.data_directory.glob(f"{topic}-0/*.log"))
    dumped = kafka_tools.run("kafka-dump-log", "--files", str(sealed), "--print-data-log", "--deep-iteration").output
    kept = [int(offset) for offset in re.findall(r"\| offset: (\d+) ", dumped)]
    assert kept[0] == first
    assert sorted(re.findall(r"key: (key \d)", dumped)) == [f"key {number}" for number in range(7)]
    assert all(line.endswith("isvalid: true") for line in dumped.splitlines() if line.startswith("baseOffset"))
    index = kafka_tools.run("kafka-dump-log", "--files", str(sealed.with_suffix(".timeindex"))).output
    assert "Found" not in index


def first_offset_once_compacted(client: Client, broker: BrokerProcess, topic: str) -> int:
    """Read the beginning until it is no longer the first record that was written."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        [first] = client.ask("read", topic=topic, partition=0, offset=0, count=1)
        if first["offset"] > 0:
            offset: int = first["offset"]
            return offset
    raise AssertionError(f"not compacted within {DEADLINE_S} s:\n{broker.log_text()[-4000:]}")

"""Kafka's console and performance clients, and the tools that look at offsets, log directories and segment files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from harness.broker_process import BrokerProcess
from toolchains_harness.kafka_tools import Finished, KafkaTools

pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(600)]

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# A consumer that finds fewer records than it was promised gives up after this time.
PATIENCE = ("--timeout-ms", "20000")


class Tools:
    """Kafka's tools with the bootstrap address filled in."""

    def __init__(self, tools: KafkaTools, bootstrap: str) -> None:
        self._tools = tools
        self.bootstrap = bootstrap

    def run(self, tool: str, *arguments: str, typed: str = "", succeeds: bool = True) -> Finished:
        return self._tools.run(tool, "--bootstrap-server", self.bootstrap, *arguments, typed=typed, succeeds=succeeds)

    def create(self, topic: str, *, partitions: int = 1, **configs: str) -> None:
        settings = [
            word for name, value in configs.items() for word in ("--config", f"{name.replace('_', '.')}={value}")
        ]
        self.run("kafka-topics", "--create", "--topic", topic, "--partitions", str(partitions), *settings)

    def produce(self, topic: str, *lines: str, options: tuple[str, ...] = ()) -> Finished:
        typed = "".join(line + "\n" for line in lines)
        return self.run("kafka-console-producer", "--topic", topic, *options, typed=typed)

    def consume(self, topic: str, count: int, *arguments: str) -> list[str]:
        wanted = ("--max-messages", str(count), *PATIENCE)
        finished = self.run("kafka-console-consumer", "--topic", topic, "--from-beginning", *wanted, *arguments)
        assert f"Processed a total of {count} messages" in finished.errors
        return finished.lines

    def dump(self, file: Path, *arguments: str) -> str:
        return self._tools.run("kafka-dump-log", "--files", str(file), *arguments).output

    def perf(self, tool: str, *arguments: str) -> Finished:
        return self._tools.run(tool, *arguments)


@pytest.fixture
def tools(kafka_tools: KafkaTools, bootstrap: str) -> Tools:
    return Tools(kafka_tools, bootstrap)


def segment(broker: BrokerProcess, topic: str, suffix: str = ".log", partition: int = 0) -> Path:
    return min(broker.data_directory.glob(f"{topic}-{partition}/*{suffix}"))


@pytest.mark.parametrize("codec", CODECS)
def test_the_console_producer_writes_with_every_codec(tools: Tools, topic: str, codec: str) -> None:
    tools.create(topic)
    lines = [f"line {number} of many that are alike" for number in range(100)]
    tools.produce(topic, *lines, options=("--compression-codec", codec))
    assert tools.consume(topic, 100) == lines


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_the_console_producer_writes_with_every_acks(tools: Tools, topic: str, acks: str) -> None:
    tools.create(topic)
    tools.produce(topic, "a", "b", options=("--request-required-acks", acks))
    assert tools.consume(topic, 2) == ["a", "b"]


def test_the_console_consumer_shows_keys_headers_offsets_and_timestamps(tools: Tools, topic: str) -> None:
    tools.create(topic)
    typed = "h1:x,h2:y\tkey\tvalue\n"
    reader = ["--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"]
    tools.run("kafka-console-producer", "--topic", topic, *reader, typed=typed)
    shown = ("key", "headers", "offset", "partition", "timestamp")
    wanted = [word for name in shown for word in ("--formatter-property", f"print.{name}=true")]
    [line] = tools.consume(topic, 1, *wanted)
    assert re.fullmatch(r"CreateTime:\d{13}\tPartition:0\tOffset:0\th1:x,h2:y\tkey\tvalue", line)


def test_the_console_consumer_begins_at_an_offset_of_a_partition(tools: Tools, topic: str) -> None:
    tools.create(topic)
    tools.produce(topic, "a", "b", "c")
    found = tools.run(
        "kafka-console-consumer",
        "--topic",
        topic,
        "--partition",
        "0",
        "--offset",
        "1",
        "--max-messages",
        "2",
        *PATIENCE,
    )
    assert found.lines == ["b", "c"]


def test_a_record_for_a_topic_that_is_not_there_is_not_produced(tools: Tools, topic: str) -> None:
    said = tools.produce(topic, "lost", options=("--max-block-ms", "1500")).errors
    assert "UNKNOWN_TOPIC_OR_PARTITION" in said or f"Topic {topic} not present in metadata" in said
    assert topic not in tools.run("kafka-topics", "--list").lines


def test_the_producer_performance_test_delivers_every_record(tools: Tools, topic: str) -> None:
    tools.create(topic, partitions=3)
    sizes = ["--topic", topic, "--num-records", "20000", "--record-size", "100", "--throughput", "-1"]
    settings = ["--bootstrap-server", tools.bootstrap, "--command-property", "acks=all"]
    assert "20000 records sent" in tools.perf("kafka-producer-perf-test", *sizes, *settings).output
    offsets = tools.run("kafka-get-offsets", "--topic", topic).lines
    assert sum(int(line.rpartition(":")[2]) for line in offsets) == 20_000


def test_the_consumer_performance_test_reads_every_record(tools: Tools, topic: str) -> None:
    tools.create(topic)
    sizes = ["--topic", topic, "--num-records", "20000", "--record-size", "100", "--throughput", "-1"]
    tools.perf("kafka-producer-perf-test", *sizes, "--bootstrap-server", tools.bootstrap)
    table = tools.run("kafka-consumer-perf-test", "--topic", topic, "--num-records", "20000").lines
    names, values = ([cell.strip() for cell in line.split(",")] for line in table[-2:])
    assert dict(zip(names, values, strict=True))["data.consumed.in.nMsg"] == "20000"


def test_offsets_are_found_by_every_name(tools: Tools, topic: str) -> None:
    tools.create(topic, partitions=2)
    tools.produce(topic, "a", "b", "c")
    latest = tools.run("kafka-get-offsets", "--topic", topic).lines
    assert sorted(latest) in ([f"{topic}:0:0", f"{topic}:1:3"], [f"{topic}:0:3", f"{topic}:1:0"])
    for name in ("earliest", "earliest-local"):
        assert tools.run("kafka-get-offsets", "--topic", topic, "--time", name).lines == [
            f"{topic}:0:0",
            f"{topic}:1:0",
        ]
    [newest] = tools.run("kafka-get-offsets", "--topic", topic, "--time", "max-timestamp").lines
    assert newest.rpartition(":")[2] in "012"
    [first] = tools.run("kafka-get-offsets", "--topic", topic, "--time", "0").lines
    assert first.endswith(":0")
    # Nothing is tiered, so there is no such offset.
    assert tools.run("kafka-get-offsets", "--topic", topic, "--time", "latest-tiered").lines == []


def test_records_are_deleted_up_to_an_offset(tools: Tools, topic: str, tmp_path: Path) -> None:
    tools.create(topic)
    tools.produce(topic, "a", "b", "c")
    wanted = tmp_path / "offsets.json"
    wanted.write_text(json.dumps({"partitions": [{"topic": topic, "partition": 0, "offset": 2}], "version": 1}))
    said = tools.run("kafka-delete-records", "--offset-json-file", str(wanted)).output
    assert f"partition: {topic}-0\tlow_watermark: 2" in said
    assert tools.run("kafka-get-offsets", "--topic", topic, "--time", "earliest").lines == [f"{topic}:0:2"]
    assert tools.consume(topic, 1) == ["c"]


def test_records_beyond_the_end_cannot_be_deleted(tools: Tools, topic: str, tmp_path: Path) -> None:
    tools.create(topic)
    wanted = tmp_path / "offsets.json"
    wanted.write_text(json.dumps({"partitions": [{"topic": topic, "partition": 0, "offset": 1}], "version": 1}))
    said = tools.run("kafka-delete-records", "--offset-json-file", str(wanted)).output
    assert "OffsetOutOfRangeException" in said


def test_log_directories_show_the_size_of_each_partition(tools: Tools, topic: str) -> None:
    tools.create(topic, partitions=2)
    tools.produce(topic, "a" * 1000)
    said = tools.run("kafka-log-dirs", "--describe", "--topic-list", topic).lines
    [node] = json.loads(said[-1])["brokers"]
    [directory] = node["logDirs"]
    assert directory["error"] is None
    sizes = sorted(partition["size"] for partition in directory["partitions"])
    assert sizes[0] == 0
    assert 1000 < sizes[1] < 1200


def test_producers_of_a_partition_are_described(tools: Tools, topic: str) -> None:
    tools.create(topic)
    tools.produce(topic, "a", "b", "c")
    [row] = tools.run("kafka-transactions", "describe-producers", "--topic", topic, "--partition", "0").rows()
    assert row["ProducerEpoch"] == "0"
    assert row["LastSequence"] == "2"


@pytest.mark.parametrize("codec", CODECS)
def test_segment_files_are_what_kafkas_dump_tool_reads(
    tools: Tools, strict_broker: BrokerProcess, topic: str, codec: str
) -> None:
    tools.create(topic)
    tools.produce(topic, *(f"value {number}" for number in range(50)), options=("--compression-codec", codec))
    dumped = tools.dump(segment(strict_broker, topic), "--print-data-log", "--deep-iteration")
    batches = [line for line in dumped.splitlines() if line.startswith("baseOffset: ")]
    assert batches
    assert all(f"compresscodec: {codec}" in batch and batch.endswith("isvalid: true") for batch in batches)
    assert re.findall(r"\| offset: (\d+) ", dumped) == [str(number) for number in range(50)]
    assert re.findall(r"payload: (.*)", dumped) == [f"value {number}" for number in range(50)]


def test_indexes_of_a_sealed_segment_pass_kafkas_check(tools: Tools, strict_broker: BrokerProcess, topic: str) -> None:
    tools.create(topic, segment_bytes="1048576")
    sizes = ["--topic", topic, "--num-records", "3000", "--record-size", "1000", "--throughput", "-1"]
    tools.perf("kafka-producer-perf-test", *sizes, "--bootstrap-server", tools.bootstrap)
    log = segment(strict_broker, topic)
    assert log.name == "00000000000000000000.log"
    offset_index = tools.dump(log.with_suffix(".index"), "--verify-index-only")
    assert len(re.findall(r"offset: \d+ position: \d+", tools.dump(log.with_suffix(".index")))) > 10
    assert "mismatch" not in offset_index.lower()
    time_index = tools.dump(log.with_suffix(".timeindex"))
    assert len(re.findall(r"timestamp: \d+ offset: \d+", time_index)) > 1
    for complaint in ("mismatch", "Found timestamp", "Found out of order", "not found"):
        assert complaint not in time_index


def test_files_beside_a_small_segment_are_what_kafkas_dump_tool_reads(
    tools: Tools, strict_broker: BrokerProcess, topic: str
) -> None:
    tools.create(topic, segment_ms="1")
    for line in ("a", "b"):
        tools.produce(topic, line)
    sealed, active = sorted(strict_broker.data_directory.glob(f"{topic}-0/*.log"))
    assert "is empty" in tools.dump(sealed.with_suffix(".index"))
    assert re.search(r"timestamp: \d+ offset: 0", tools.dump(sealed.with_suffix(".timeindex")))
    assert re.search(r"producerEpoch: 0 .* lastSequence: 0 lastOffset: 0", tools.dump(active.with_suffix(".snapshot")))


def test_committed_offsets_are_stored_in_kafkas_format(tools: Tools, topic: str) -> None:
    tools.create(topic)
    tools.produce(topic, "a", "b", "c")
    tools.consume(topic, 3, "--group", topic)
    commits = [
        record for record in offsets_topic(tools, "OffsetsMessageFormatter") if record["key"]["data"]["group"] == topic
    ]
    assert commits[-1]["key"] == {"type": 1, "data": {"group": topic, "topic": topic, "partition": 0}}
    assert commits[-1]["value"]["data"]["offset"] == 3


def test_groups_are_stored_in_kafkas_format(tools: Tools, topic: str) -> None:
    tools.create(topic)
    tools.produce(topic, "a")
    tools.consume(topic, 1, "--group", topic)
    groups = [
        record
        for record in offsets_topic(tools, "GroupMetadataMessageFormatter")
        if record["key"]["data"]["group"] == topic
    ]
    states = [record["value"]["data"] for record in groups]
    [member] = next(state["members"] for state in states if state["members"])
    assert member["clientId"] == "console-consumer"
    assert states[-1]["members"] == []
    assert states[-1]["generation"] > states[0]["generation"]


def offsets_topic(tools: Tools, formatter: str) -> list[dict[str, Any]]:
    """Every record of __consumer_offsets that the formatter understands, read by assignment, which adds none."""
    found: list[dict[str, Any]] = []
    for line in tools.run("kafka-get-offsets", "--topic", "__consumer_offsets").lines:
        _, partition, end = line.split(":")
        if end == "0":
            continue
        wanted = ["--partition", partition, "--offset", "earliest", "--max-messages", end, *PATIENCE]
        form = ["--formatter", f"org.apache.kafka.tools.consumer.{formatter}"]
        text = tools.run("kafka-console-consumer", "--topic", "__consumer_offsets", *wanted, *form).output
        found += [json.loads(record) for record in text.replace("}{", "}\n{").splitlines()]
    return found


def test_segments_of_the_offsets_topic_are_decoded_by_kafkas_dump_tool(
    tools: Tools, strict_broker: BrokerProcess, topic: str
) -> None:
    tools.create(topic)
    tools.produce(topic, "a")
    tools.consume(topic, 1, "--group", topic)
    files = sorted(strict_broker.data_directory.glob("__consumer_offsets-*/*.log"))
    dumped = "".join(tools.dump(file, "--offsets-decoder") for file in files)
    assert f'key: {{"type":"1","data":{{"group":"{topic}","topic":"{topic}","partition":0}}}}' in dumped
    assert f'key: {{"type":"2","data":{{"group":"{topic}"}}}}' in dumped
    assert "isvalid: false" not in dumped

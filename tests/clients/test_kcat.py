"""kcat (Debian's, librdkafka 2.0.2): the listing, producing, consuming, querying and group modes of the tool."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness.broker_process import BrokerProcess
from harness.confluent import create_topic, read_partition

KCAT = shutil.which("kcat") or shutil.which("kafkacat")
TIMEOUT_S = 30

pytestmark = pytest.mark.skipif(KCAT is None, reason="kcat is not installed (apt-get install kcat)")


def kcat(broker: BrokerProcess, *arguments: str, stdin: bytes = b"") -> str:
    assert KCAT is not None
    command = [KCAT, "-b", broker.bootstrap, *arguments]
    outcome = subprocess.run(command, input=stdin, capture_output=True, timeout=TIMEOUT_S)
    assert outcome.returncode == 0, outcome.stderr.decode()
    return outcome.stdout.decode()


def test_listing_shows_broker_topics_and_partitions(broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, 3)

    listed = json.loads(kcat(broker, "-L", "-J", "-t", topic))

    [described] = listed["topics"]
    assert described["topic"] == topic
    assert [partition["partition"] for partition in described["partitions"]] == [0, 1, 2]
    [node] = listed["brokers"]
    assert node["name"] == broker.bootstrap
    assert {partition["leader"] for partition in described["partitions"]} == {node["id"]}


def test_listing_all_topics(broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic)

    assert f'topic "{topic}" with 1 partitions' in kcat(broker, "-L")


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_producing_and_consuming(broker: BrokerProcess, topic: str, codec: str) -> None:
    lines = [f"line {n} " * 30 for n in range(100)]

    kcat(broker, "-P", "-t", topic, "-z", codec, stdin="\n".join(lines).encode())

    consumed = kcat(broker, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-X", "check.crcs=true")
    assert consumed.splitlines() == lines


def test_keys_headers_and_null_values(broker: BrokerProcess, topic: str) -> None:
    kcat(broker, "-P", "-t", topic, "-K:", "-Z", "-H", "trace=7", stdin=b"k1:v1\nk2:\n")

    formatted = kcat(broker, "-C", "-t", topic, "-e", "-q", "-f", "%k|%s|%S|%h|%o\\n")

    assert formatted.splitlines() == ["k1|v1|2|trace=7|0", "k2||-1|trace=7|1"]


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_acks(broker: BrokerProcess, topic: str, acks: str) -> None:
    kcat(broker, "-P", "-t", topic, "-X", f"acks={acks}", stdin=b"a\nb\nc")

    assert [record.value() for record in read_partition(broker.bootstrap, topic)] == [b"a", b"b", b"c"]


def test_a_file_is_one_message(broker: BrokerProcess, topic: str, tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_bytes(b"x" * 900_000)

    kcat(broker, "-P", "-t", topic, str(file))

    assert [record.value() for record in read_partition(broker.bootstrap, topic)] == [b"x" * 900_000]


def test_consuming_by_offset_from_the_end_and_by_count(broker: BrokerProcess, topic: str) -> None:
    kcat(broker, "-P", "-t", topic, stdin="\n".join(str(n) for n in range(10)).encode())

    def consume(*arguments: str) -> list[int]:
        return [int(line) for line in kcat(broker, "-C", "-t", topic, "-q", *arguments).splitlines()]

    assert consume("-o", "7", "-p", "0", "-e") == [7, 8, 9]
    assert consume("-o", "-2", "-p", "0", "-e") == [8, 9]
    assert consume("-o", "beginning", "-c", "3") == [0, 1, 2]


def test_querying_offsets_by_timestamp_and_consuming_between_two(broker: BrokerProcess, topic: str) -> None:
    before_ms = int(time.time() * 1000)
    kcat(broker, "-P", "-t", topic, stdin=b"a\nb\nc")
    after_ms = int(time.time() * 1000) + 1

    def query(timestamp: int) -> str:
        return kcat(broker, "-Q", "-t", f"{topic}:0:{timestamp}").strip()

    assert query(before_ms - 1000) == f"{topic} [0] offset 0"
    assert query(-1) == f"{topic} [0] offset 3"
    assert query(-2) == f"{topic} [0] offset 0"
    between = kcat(broker, "-C", "-t", topic, "-q", "-e", "-o", f"s@{before_ms}", "-o", f"e@{after_ms}")
    assert between.splitlines() == ["a", "b", "c"]


def test_a_group_reads_on_where_it_left_off(broker: BrokerProcess, topic: str) -> None:
    kcat(broker, "-P", "-t", topic, stdin=b"a\nb\nc")
    group = ["-G", topic, "-q", "-X", "auto.offset.reset=earliest"]

    assert kcat(broker, *group, "-c", "2", topic).splitlines() == ["a", "b"]
    assert kcat(broker, *group, "-c", "1", topic).splitlines() == ["c"]


def test_a_tailing_reader_sees_lines_as_they_come(broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic)
    assert KCAT is not None
    command = [KCAT, "-b", broker.bootstrap, "-C", "-t", topic, "-o", "beginning", "-u", "-q", "-c", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        try:
            for line in (b"one", b"two", b"three"):
                kcat(broker, "-P", "-t", topic, stdin=line)
                assert reader.stdout.readline() == line + b"\n"
            assert reader.wait(TIMEOUT_S) == 0
        finally:
            reader.send_signal(signal.SIGKILL)

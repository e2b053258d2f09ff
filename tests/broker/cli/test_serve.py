"""`millstream serve` as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness.broker_process import BrokerProcess
from harness.raw_client import RawClient
from log_harness.batches import batch

from broker.cli.app import run
from broker.cli.serving import durability_promise
from broker.config import BrokerConfig
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic

WAIT_S = 30
# More than the sockets of both sides hold.
UNREAD_BYTES = 30_000_000


def test_it_says_where_it_is_and_what_it_promises_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    directory = str(tmp_path / "data")
    command = [sys.executable, "-m", "broker", "serve", "--data", directory]
    command += ["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set", "zookeeper.connect=x"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WAIT_S)
    assert said[0] == "Millstream is ready.\n"
    assert said[1].split()[0] == "bootstrap"
    assert not said[1].strip().endswith(":0")
    assert said[2].split() == ["data", directory]
    assert "what is acknowledged is on disk" in said[3]
    assert process.returncode == 0, errors
    assert "zookeeper.connect" in errors
    assert "press Ctrl-C again to stop at once" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_second_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    """While it waits for a client that does not read what it asked for."""
    command = [sys.executable, "-m", "broker", "serve", "--json", "--log-level", "error", "--data", str(tmp_path)]
    command += ["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set", "message.max.bytes=40000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        bootstrap = json.loads(process.stdout.readline())["bootstrap"]
        assert run(["topics", "create", "unread", "-b", bootstrap]) == 0
        with RawClient(bootstrap) as client:
            assert client.produce("unread", batch(b"x" * UNREAD_BYTES)).error_code == 0
            asked = FetchPartition(partition=0, partition_max_bytes=2 * UNREAD_BYTES)
            client.send(FetchRequest(topics=[FetchTopic(topic="unread", partitions=[asked])]), version=11)
            client.socket.recv(1)  # the answer has begun

            process.send_signal(number)
            assert process.stderr.readline().startswith("Stopping: ")
            process.send_signal(number)

            assert process.wait(WAIT_S) == -number


def test_the_environment_configures_it(tmp_path: Path) -> None:
    environ = os.environ | {"KAFKA_NUM_PARTITION": "8"}
    refused = subprocess.run(
        [sys.executable, "-m", "broker", "serve", "--data", str(tmp_path)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert refused.returncode == 2
    assert "did you mean KAFKA_NUM_PARTITIONS" in refused.stderr


def refusal(*arguments: str) -> str:
    """What is said by a broker that cannot start."""
    refused = subprocess.run(
        [sys.executable, "-m", "broker", "serve", *arguments], capture_output=True, text=True, timeout=WAIT_S
    )
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    return refused.stderr


def test_two_brokers_cannot_share_a_directory(broker: BrokerProcess) -> None:
    directory = str(broker.data_directory)
    assert directory in refusal("--data", directory, "--set", "listeners=PLAINTEXT://127.0.0.1:0")


def test_a_port_that_is_taken_is_a_sentence(broker: BrokerProcess, tmp_path: Path) -> None:
    taken = f"listeners=PLAINTEXT://{broker.bootstrap}"
    said = refusal("--data", str(tmp_path / "other"), "--set", taken)
    assert f"cannot listen on {broker.bootstrap}: something listens there already" in said


def test_an_address_of_another_machine_is_a_sentence(tmp_path: Path) -> None:
    said = refusal("--data", str(tmp_path), "--set", "listeners=PLAINTEXT://192.0.2.1:9092")
    assert "this machine has no such address" in said


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"{tmp_path}/file (it is a file, or in one)" in refusal("--data", str(tmp_path / "file"))


def test_the_ready_line_can_be_json(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "broker", "serve", "--json", "--data", str(tmp_path / "data")]
    command += ["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set", "flush=os"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.terminate()
        process.communicate(timeout=WAIT_S)
    assert ready["bootstrap"].startswith("127.0.0.1:")
    assert "flush=os" in ready["durability"]
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "on disk"),
        ({"flush": "interval", "log.flush.interval.ms": "50"}, "within 50 ms"),
        ({"flush": "os"}, "page cache"),
    ],
)
def test_each_way_to_flush_has_its_promise(settings: dict[str, str], words: str) -> None:
    assert words in durability_promise(BrokerConfig.from_properties(settings))

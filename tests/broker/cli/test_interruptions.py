"""Tools that are stopped in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness.broker_process import BrokerProcess

from broker.cli.app import run
from broker.cli.client import Bootstrap, Client, parse_addresses
from broker.cli.offset_requests import committed_offsets

WAIT_S = 30


def consumer(broker: BrokerProcess, topic: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "broker", "consume", topic, "-b", broker.bootstrap, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def numbers(broker: BrokerProcess, tmp_path: Path) -> str:
    """A topic with 50,000 records, more than a pipe holds."""
    path = tmp_path / "numbers"
    path.write_text("".join(f"{number:>20}\n" for number in range(50_000)))
    topic = f"numbers-{tmp_path.name}"
    assert run(["topics", "create", topic, "-b", broker.bootstrap]) == 0
    assert run(["produce", topic, "-f", str(path), "-b", broker.bootstrap]) == 0
    return topic


def test_ctrl_c_ends_following_and_commits_what_was_read(broker: BrokerProcess, numbers: str, tmp_path: Path) -> None:
    """The answer to the interrupted fetch once was taken for that of the commit, which then failed."""
    with consumer(broker, numbers, "--follow", "--from", "-1", "-g", "followers") as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"49999"
        # Once the next record is shown, the one before it is certainly done with.
        (tmp_path / "more").write_text("more\n")
        assert run(["produce", numbers, "-f", str(tmp_path / "more"), "-b", broker.bootstrap]) == 0
        assert process.stdout.readline() == b"more\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, errors
    client = Client(Bootstrap(parse_addresses(broker.bootstrap), WAIT_S))
    assert committed_offsets(client, "followers")[numbers, 0] in (50_000, 50_001)
    client.close()


def test_a_reader_that_has_seen_enough_is_no_failure(broker: BrokerProcess, numbers: str) -> None:
    with consumer(broker, numbers) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().strip() == b"0"
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(WAIT_S)
    assert (process.returncode, errors) == (0, b"")

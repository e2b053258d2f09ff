"""`millstream cluster start` on a terminal: a table that follows the cluster, and commands typed under it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from harness.confluent import deliver, producer
from harness.ports import free_runs_of_ports

PATIENCE_S = 90.0
LINES, COLUMNS = 40, 120
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A cluster of three on a terminal of its own; `seen` is what came since the last look, without escapes."""

    def __init__(self, directory: Path) -> None:
        self.port = free_runs_of_ports(3, apart=10_000)
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.attributes = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "broker", "cluster", "start", "-d", str(directory), "--port", str(self.port)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        self.slave = slave
        self.seen = ""

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def create(self, topic: str, *, partitions: int, replicas: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(topic, partitions, replicas)])[topic].result(PATIENCE_S)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, pattern: str) -> None:
        """Until something new on the screen matches."""
        self.seen = ""
        deadline = time.monotonic() + PATIENCE_S
        while re.search(pattern, self.seen) is None:
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.seen[-3000:]}"
            readable, _, _ = select.select([self.master], [], [], 1.0)
            if readable:
                self.seen += ESCAPES.sub("", os.read(self.master, 1 << 16).decode(errors="replace"))

    def wait_until_ended(self) -> int:
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "it did not end"
            if select.select([self.master], [], [], 0.1)[0]:
                os.read(self.master, 1 << 16)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.wait_until_ended()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path / "cluster")
    yield terminal
    terminal.close()


def test_the_table_follows_the_cluster_and_obeys_what_is_typed(terminal: Terminal) -> None:
    terminal.wait_for(r"no topics yet")
    terminal.create("orders", partitions=2, replicas=3)
    deliver(producer(terminal.bootstrap), "orders", ({"value": b"x", "partition": 1} for _ in range(5)))
    terminal.wait_for(r"orders-1 +[123] +\d+ +1,2,3 of 3 +5\b")
    assert re.search(r"[123] +running, pid \d+ +controller", terminal.seen)

    terminal.type("kilk\x7fl 2")
    terminal.wait_for(r"> kill 2")
    terminal.type("\r")
    terminal.wait_for(r"2 +stopped")
    terminal.wait_for(r"orders-1 +[13] +\d+ +1,3 of 3 +5\b")
    terminal.type("pause 9\r")
    terminal.wait_for(r"error: 'pause 9' is not one of")

    terminal.type("quit\r")
    assert terminal.wait_until_ended() == 0
    assert termios.tcgetattr(terminal.slave) == terminal.attributes


def test_of_many_partitions_those_that_miss_a_replica_are_shown(terminal: Terminal) -> None:
    terminal.wait_for(r"no topics yet")
    terminal.create("wide", partitions=60, replicas=1)
    terminal.create("whole", partitions=1, replicas=3)
    terminal.wait_for(r"and \d+ more partitions, \d+ of them with every replica in sync")
    terminal.type("kill 3\r")
    terminal.wait_for(r"whole-0 +[12] +\d+ +1,2 of 3")
    terminal.process.send_signal(2)
    assert terminal.wait_until_ended() == 0

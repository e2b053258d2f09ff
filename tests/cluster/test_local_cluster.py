"""`millstream cluster start`: three nodes in one command, and what is done to single ones from elsewhere."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.ports import free_runs_of_ports

from broker.cli.connection import Connection
from protocol.messages.metadata import MetadataRequest, MetadataResponse

PATIENCE_S = 60.0


class Running:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_runs_of_ports(3, apart=10_000)
        command = [sys.executable, "-m", "broker", "cluster", "start", "--json"]
        errors = directory.with_suffix(".errors")
        with errors.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*command, "--data", str(directory), "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline() if readable else b""
        assert line, f"it did not become ready:\n{errors.read_text()}"
        self.ready = json.loads(line)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "broker", "cluster", *arguments, "--data", str(self.directory)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def brokers(self, node_id: int) -> set[int]:
        connection = Connection("127.0.0.1", self.port + node_id - 1, timeout_s=PATIENCE_S)
        return {broker.node_id for broker in connection.send(MetadataRequest(topics=[]), MetadataResponse).brokers}

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    cluster = Running(tmp_path / "cluster")
    yield cluster
    if cluster.process.poll() is None:
        cluster.end()


def test_nodes_are_killed_and_started_by_number_and_all_end_together(running: Running) -> None:
    assert running.ready["bootstrap"] == ",".join(f"127.0.0.1:{running.port + i}" for i in range(3))
    assert running.brokers(1) == {1, 2, 3}

    assert running.command("kill", "2").stdout == "node 2 is killed\n"
    refused = running.command("start-node", "7")
    assert refused.returncode == 1
    assert "with N one of 1, 2, 3" in refused.stderr
    assert running.command("start-node", "2").stdout == "node 2 is ready\n"
    assert running.brokers(2) == {1, 2, 3}
    assert "is running" in running.command("start-node", "2").stderr

    assert running.end() == 0
    with pytest.raises(Exception, match="no broker answers"):
        running.brokers(1)
    assert "no cluster is running" in running.command("kill", "1").stderr


def test_nodes_end_with_the_process_that_started_them(running: Running) -> None:
    nodes = _children(running.process.pid)
    assert len(nodes) == 3
    running.process.kill()
    running.process.wait(PATIENCE_S)
    for pid in nodes:
        _wait_until_gone(pid)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait_until_gone(pid: int) -> None:
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        readable, _, _ = select.select([watched], [], [], PATIENCE_S)
        assert readable, f"node {pid} outlived its parent"
    finally:
        os.close(watched)

"""The running `millstream cluster start`: follows the cluster's state, and does what it is told about single nodes.

It is told on its terminal, or over `DIRECTORY/control`, a Unix socket that `millstream cluster kill 2` and its like
speak to: one line in (`kill 2`), one line out (what was done, or after `error:` why not).
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from broker.cli.client import Bootstrap, Client, parse_addresses
from broker.cli.connection import ClientError
from broker.cli.local_cluster import LocalCluster
from broker.cli.output import say
from protocol import KafkaError, ProtocolError
from protocol.messages.metadata import MetadataResponse

CONTROL = "control"
FOLLOW_EVERY_S = 1.0
ASK_TIMEOUT_S = 1.0
CONTROL_TIMEOUT_S = 90.0
LINE_BYTES_MAX = 1000
HELP = "kill N, stop N, start N, pause N, resume N, quit"


def ask_console(directory: Path, command: str) -> str:
    """Have the console of the cluster in `directory` do something; its answer. ClientError where it refuses."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(CONTROL_TIMEOUT_S)
        try:
            connection.connect(str(directory / CONTROL))
        except OSError:
            raise ClientError(
                f"no cluster is running from {directory}: start it with `millstream cluster start --data {directory}`"
            ) from None
        connection.sendall(f"{command}\n".encode())
        answer = connection.makefile().readline().strip()
    if answer.startswith("error: "):
        raise ClientError(answer.removeprefix("error: "))
    return answer


class Console:
    def __init__(self, cluster: LocalCluster, *, reads_terminal: bool) -> None:
        self._cluster = cluster
        self._reads_terminal = reads_terminal
        self._last_shown = ""
        self._path = cluster.directory / CONTROL
        self._path.unlink(missing_ok=True)
        self._control = socket.socket(socket.AF_UNIX)
        self._control.bind(str(self._path))
        self._control.listen()
        self._commands: dict[str, Callable[[int], str]] = {
            "kill": self._kill,
            "stop": self._stop,
            "start": self._start,
            "pause": self._pause,
            "resume": self._resume,
        }

    def run(self, wake: int) -> None:
        """Until `quit`, or until something can be read from `wake` (a signal came)."""
        while True:
            self._show()
            sources = [self._control, wake, *([sys.stdin] if self._reads_terminal else [])]
            readable, _, _ = select.select(sources, [], [], FOLLOW_EVERY_S)
            if wake in readable:
                return
            if self._control in readable:
                self._serve_one()
            if sys.stdin in readable:
                line = sys.stdin.readline()
                if not line:
                    self._reads_terminal = False
                elif line.strip() in ("quit", "exit", "q"):
                    return
                elif line.strip():
                    say(self._obey(line))

    def close(self) -> None:
        self._control.close()
        self._path.unlink(missing_ok=True)

    def _serve_one(self) -> None:
        connection, _ = self._control.accept()
        with connection:
            connection.settimeout(ASK_TIMEOUT_S)
            try:
                line = connection.recv(LINE_BYTES_MAX).decode(errors="replace")
                answer = self._obey(line).replace("\n", " ")
                connection.sendall(f"{answer}\n".encode())
            except OSError as error:
                say(f"a command came and its sender went: {error}")

    # --- commands ------------------------------------------------------------------------------------------------

    def _obey(self, line: str) -> str:
        name, _, number = line.strip().partition(" ")
        command = self._commands.get(name)
        if command is None or not number.strip().isdigit() or int(number) not in self._cluster.node_ids:
            nodes = ", ".join(map(str, self._cluster.node_ids))
            return f"error: {line.strip()!r} is not one of {HELP}, with N one of {nodes}"
        try:
            return command(int(number))
        except ClientError as error:
            return f"error: {error}"

    def _kill(self, node_id: int) -> str:
        self._cluster.end([node_id], signal.SIGKILL)
        return f"node {node_id} is killed"

    def _stop(self, node_id: int) -> str:
        self._cluster.end([node_id], signal.SIGTERM)
        return f"node {node_id} has stopped"

    def _start(self, node_id: int) -> str:
        self._cluster.start([node_id])
        return f"node {node_id} is ready"

    def _pause(self, node_id: int) -> str:
        self._cluster.pause(node_id, signal.SIGSTOP)
        return f"node {node_id} is paused"

    def _resume(self, node_id: int) -> str:
        self._cluster.pause(node_id, signal.SIGCONT)
        return f"node {node_id} goes on"

    # --- following -----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        text = self._state()
        if text != self._last_shown:
            self._last_shown = text
            say(text)

    def _state(self) -> str:
        cluster = self._cluster
        lines = [f"node {node_id}: {cluster.state_of(node_id)}" for node_id in cluster.node_ids]
        try:
            metadata = self._ask()
        except (ClientError, KafkaError, ProtocolError) as error:
            return "\n".join([*lines, f"no broker answers: {error}"])
        lines.append(f"controller: {metadata.controller_id}")
        for topic in sorted(metadata.topics, key=lambda topic: topic.name or ""):
            for partition in sorted(topic.partitions, key=lambda partition: partition.partition_index):
                isr = ",".join(map(str, sorted(partition.isr_nodes)))
                lines.append(
                    f"{topic.name}-{partition.partition_index}: leader {partition.leader_id} "
                    f"(epoch {partition.leader_epoch}), in sync {isr} of {len(partition.replica_nodes)}"
                )
        return "\n".join(lines)

    def _ask(self) -> MetadataResponse:
        addresses = parse_addresses(self._cluster.bootstrap)
        alive = [
            address
            for address, node_id in zip(addresses, self._cluster.node_ids, strict=True)
            if self._cluster.state_of(node_id).startswith("running")
        ]
        if not alive:
            raise ClientError("no node is running")
        client = Client(Bootstrap(alive, ASK_TIMEOUT_S))
        try:
            return client.metadata(None)
        finally:
            client.close()


def wake_on_signals() -> int:
    """A file descriptor that can be read from when SIGINT or SIGTERM came."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return readable

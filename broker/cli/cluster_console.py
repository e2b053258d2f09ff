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
import time
from collections.abc import Callable
from pathlib import Path

from broker.cli.cluster_screen import LiveScreen, PlainScreen, Screen
from broker.cli.cluster_state import observe
from broker.cli.connection import ClientError
from broker.cli.local_cluster import LocalCluster

CONTROL = "control"
FOLLOW_EVERY_S = 1.0
SENDER_TIMEOUT_S = 1.0
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
        self._screen: Screen = PlainScreen()
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
        if self._reads_terminal and sys.stdout.isatty():
            self._screen = LiveScreen(HELP)
        look_at = 0.0
        while True:
            if time.monotonic() >= look_at:
                self._screen.show(observe(self._cluster))
                look_at = time.monotonic() + FOLLOW_EVERY_S
            sources = [self._control, wake, *([sys.stdin] if self._reads_terminal else [])]
            readable, _, _ = select.select(sources, [], [], max(0.0, look_at - time.monotonic()))
            if wake in readable:
                return
            if self._control in readable:
                self._serve_one()
                look_at = 0.0
            if sys.stdin in readable and self._typed_quit():
                return

    def _typed_quit(self) -> bool:
        """Do what was typed."""
        lines = self._screen.read_lines()
        if lines is None:
            self._reads_terminal = False
            return False
        for line in lines:
            if line.strip() in ("quit", "exit", "q"):
                return True
            if line.strip():
                self._screen.tell(self._obey(line))
                self._screen.show(observe(self._cluster))
        return False

    def close(self) -> None:
        self._screen.close()
        self._control.close()
        self._path.unlink(missing_ok=True)

    def _serve_one(self) -> None:
        connection, _ = self._control.accept()
        with connection:
            connection.settimeout(SENDER_TIMEOUT_S)
            try:
                line = connection.recv(LINE_BYTES_MAX).decode(errors="replace")
                answer = self._obey(line).replace("\n", " ")
                connection.sendall(f"{answer}\n".encode())
            except OSError as error:
                self._screen.tell(f"a command came and its sender went: {error}")

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


def wake_on_signals() -> int:
    """A file descriptor that can be read from when SIGINT or SIGTERM came."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return readable

"""A cluster of nodes on this machine: where each listens and keeps its data, and its process, started and ended.

    DIRECTORY/cluster.json               how many nodes, and their ports
    DIRECTORY/node-1/node.properties     what `millstream serve --config` would start by hand
    DIRECTORY/node-1/data, node.log      its data, and what it says

Nodes are forked from this process, which has loaded the program once for all of them: three are ready in the time of
one. They end with it: each notices when the pipe to it breaks, however it ended.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.cli.connection import ClientError
from broker.config import BrokerConfig
from broker.config.sources import read_properties_file

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
CONTROLLER_PORTS_FROM = 10_000
# What this process may have open when it forks: pipes and a socket.
OPEN_FILES_MAX = 4096
LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node of the plan that a cluster's directory holds."""

    node_id: int
    client_port: int
    controller_port: int


class LocalCluster:
    """Made from its directory, which keeps the ports it began with."""

    def __init__(self, directory: Path, *, node_count: int, first_port: int, settings: Mapping[str, str]) -> None:
        self.directory = directory
        self.plan = _plan(directory, node_count, first_port)
        self._settings = dict(settings)
        self._running: dict[int, _Process] = {}
        self._paused: set[int] = set()
        for node in self.plan:
            self._write_properties(node)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{node.client_port}" for node in self.plan)

    @property
    def node_ids(self) -> list[int]:
        return [node.node_id for node in self.plan]

    def state_of(self, node_id: int) -> str:
        process = self._running.get(node_id)
        if process is None:
            return "stopped"
        status = process.poll()
        if status is None:
            return f"{'paused' if node_id in self._paused else 'running'}, pid {process.pid}"
        del self._running[node_id]
        return f"ended with status {status}"

    def is_serving(self, node_id: int) -> bool:
        return self.state_of(node_id).startswith("running")

    def start(self, node_ids: Sequence[int]) -> None:
        """Return when all of these are ready. ClientError with the end of its log for one that is not."""
        for node_id in node_ids:
            if self._running.get(node_id) is not None and self._running[node_id].poll() is None:
                raise ClientError(f"node {node_id} is running")
            config = BrokerConfig.from_properties(read_properties_file(str(self._path(node_id) / "node.properties")))
            self._paused.discard(node_id)
            self._running[node_id] = _Process(config, self.log_path(node_id))
        deadline = time.monotonic() + READY_TIMEOUT_S
        for node_id in node_ids:
            if not self._running[node_id].wait_until_ready(deadline):
                raise ClientError(f"node {node_id} did not become ready:\n{self.log_tail(node_id)}")

    def end(self, node_ids: Sequence[int], how: signal.Signals) -> None:
        """Send a signal to these, and wait until they ended."""
        self._paused.difference_update(node_ids)
        ending = {node_id: self._running.pop(node_id) for node_id in node_ids if node_id in self._running}
        for process in ending.values():
            process.send(how)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in ending.values():
            process.wait_until_ended(deadline)

    def pause(self, node_id: int, how: signal.Signals) -> None:
        if node_id in self._running:
            self._running[node_id].send(how)
            if how is signal.SIGSTOP:
                self._paused.add(node_id)
            else:
                self._paused.discard(node_id)

    def log_path(self, node_id: int) -> Path:
        return self._path(node_id) / "node.log"

    def log_tail(self, node_id: int) -> str:
        path = self.log_path(node_id)
        return path.read_text(errors="replace")[-2000:] if path.exists() else "(it said nothing)"

    def _path(self, node_id: int) -> Path:
        return self.directory / f"node-{node_id}"

    def _write_properties(self, node: NodePlan) -> None:
        replicas = min(3, len(self.plan))
        settings = {
            "node.id": str(node.node_id),
            "process.roles": "broker,controller",
            "listeners": f"PLAINTEXT://127.0.0.1:{node.client_port},CONTROLLER://127.0.0.1:{node.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": ",".join(f"{n.node_id}@127.0.0.1:{n.controller_port}" for n in self.plan),
            "log.dirs": str((self._path(node.node_id) / "data").resolve()),
            "default.replication.factor": str(replicas),
            "offsets.topic.replication.factor": str(replicas),
            "min.insync.replicas": str(replicas // 2 + 1),
            **self._settings,
        }
        BrokerConfig.from_properties(settings)
        path = self._path(node.node_id)
        path.mkdir(parents=True, exist_ok=True)
        (path / "node.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))


def _plan(directory: Path, node_count: int, first_port: int) -> list[NodePlan]:
    path = directory / "cluster.json"
    if path.exists():
        known = [NodePlan(*entry) for entry in json.loads(path.read_text())["nodes"]]
        if len(known) != node_count:
            raise ClientError(f"{directory} holds a cluster of {len(known)} nodes: start it with --nodes {len(known)}")
        return known
    plan = [
        NodePlan(number + 1, first_port + number, first_port + number + CONTROLLER_PORTS_FROM)
        for number in range(node_count)
    ]
    for node in plan:
        for port in (node.client_port, node.controller_port):
            _require_free(port)
    directory.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"nodes": [[n.node_id, n.client_port, n.controller_port] for n in plan]}) + "\n")
    return plan


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ClientError(f"port {port} is taken: stop what listens there, or choose another --port") from None


class _Process:
    """A node in a process of its own."""

    def __init__(self, config: BrokerConfig, log_path: Path) -> None:
        ready, say_ready = os.pipe()
        alive, self._lifeline = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ready)
            os.close(self._lifeline)
            _run(config, log_path, say_ready, alive)
        os.close(say_ready)
        os.close(alive)
        self._ready = ready
        self._status: int | None = None

    def wait_until_ready(self, deadline: float) -> bool:
        readable, _, _ = select.select([self._ready], [], [], max(0.0, deadline - time.monotonic()))
        return bool(readable) and os.read(self._ready, 1) == b"R"

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._ended(status)
        return self._status

    def send(self, how: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, how)

    def wait_until_ended(self, deadline: float) -> None:
        while self.poll() is None:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                self._ended(os.waitpid(self.pid, 0)[1])
                return
            time.sleep(0.01)

    def _ended(self, status: int) -> None:
        self._status = os.waitstatus_to_exitcode(status)
        os.close(self._ready)
        os.close(self._lifeline)


def _run(config: BrokerConfig, log_path: Path, say_ready: int, alive: int) -> None:
    """In the child: a node and nothing else. Never returns."""
    status = 1
    try:
        # Ctrl-C on the terminal is for the parent, which lets the nodes end in order.
        os.setsid()
        log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        _close_all_but(say_ready, alive)
        logging.basicConfig(level="INFO", format=LOG_FORMAT, stream=sys.stderr, force=True)
        threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
        from broker.running import run_node

        status = run_node(config, on_ready=lambda node: _say(say_ready))
    except BaseException:
        logging.getLogger("broker").exception("the node ended")
    finally:
        os._exit(status)


def _close_all_but(*kept: int) -> None:
    """What the parent had open: its control socket, and the pipes of other nodes, which would keep those alive."""
    begin = 3
    for fd in sorted(kept):
        os.closerange(begin, fd)
        begin = fd + 1
    os.closerange(begin, OPEN_FILES_MAX)


def _say(say_ready: int) -> None:
    os.write(say_ready, b"R")


def _end_with_parent(alive: int) -> None:
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)

"""Several brokers as processes that form one cluster, each of which a test may kill, pause and bring back."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from harness.broker_process import BrokerProcess
from harness.ports import free_ports


class ClusterProcess:
    """Nodes 1 to `count`, all of them brokers and controllers; `ProxiedCluster` stands proxies before them."""

    def __init__(self, directory: Path, count: int = 3, settings: dict[str, str] | None = None) -> None:
        self.directory = directory
        ports = free_ports(2 * count)
        self.client_ports = dict(enumerate(ports[:count], 1))
        self.controller_ports = dict(enumerate(ports[count:], 1))
        self.settings = {
            "default.replication.factor": str(min(count, 3)),
            "offsets.topic.replication.factor": str(min(count, 3)),
            **(settings or {}),
        }
        self.nodes = {node_id: self._node(node_id) for node_id in self.client_ports}

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.client_ports.values())

    def _node(self, node_id: int) -> BrokerProcess:
        voters = ",".join(f"{voter}@127.0.0.1:{port}" for voter, port in self.controller_ports.items())
        settings = {
            "node.id": str(node_id),
            "process.roles": "broker,controller",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.client_ports[node_id]},"
            f"CONTROLLER://127.0.0.1:{self.controller_ports[node_id]}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": voters,
            **self.settings,
        }
        return BrokerProcess(self.directory / f"node-{node_id}", settings, port=self.client_ports[node_id])

    def start(self) -> Self:
        """All at once: no node is ready before a majority is there."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(BrokerProcess.start, self.nodes.values()))
        return self

    def stop(self) -> None:
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(BrokerProcess.stop, self.nodes.values()))

    @contextlib.contextmanager
    def paused(self, node_id: int) -> Iterator[None]:
        """SIGSTOP: the process is there, its connections are open, and it does nothing."""
        process = self.nodes[node_id].process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process.pid, signal.SIGCONT)

    def log_text(self) -> str:
        return "\n".join(f"--- node {node_id}\n{node.log_text()}" for node_id, node in self.nodes.items())

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exception: object) -> None:
        for node in self.nodes.values():
            if node.process is not None:
                node.kill()

"""A broker that the suite starts to measure, as a process of its own: ours, and what both sides have in common."""

from __future__ import annotations

import compileall
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from broker.bench.wire import BenchError, Cluster
from protocol import KafkaError

# Where the broker that is measured is imported from, and what of it.
CODE = Path(__file__).parents[2]
PACKAGES = ("broker", "protocol", "wal", "raft")

# Kafka needs minutes for 10,000 partitions on a busy machine: to read them again after kill -9, and to close them.
READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 300.0
# Below those that the system takes for outgoing connections: a node that is started again finds its port free.
FIRST_PORT, LAST_PORT = 10_240, 32_000
_ASK_AGAIN_S = 0.005
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Place:
    """Who a node is and where it listens, on 127.0.0.1."""

    node_id: int
    port: int
    controller_port: int


def free_places(count: int) -> list[Place]:
    ports = free_ports(2 * count)
    return [Place(number + 1, ports[2 * number], ports[2 * number + 1]) for number in range(count)]


class UnderTest(Protocol):
    """One node or three: what the suite does with them."""

    @property
    def bootstrap(self) -> str: ...
    def prepare(self) -> None: ...
    def start(self) -> float: ...
    def stop(self) -> float: ...
    def kill(self) -> None: ...
    def resident_mb(self) -> float: ...
    def cpu_s(self) -> float: ...


class Server:
    """A node with its data in a directory. Subclasses say which command starts it.

    Alone, or one of several: then `nodes` are the places of all, and each is a controller, too."""

    label = ""

    def __init__(
        self, directory: Path, settings: dict[str, str], place: Place | None = None, nodes: Sequence[Place] = ()
    ) -> None:
        self.directory = directory
        self.settings = settings
        self.place = place or free_places(1)[0]
        self.nodes = nodes or (self.place,)
        self.port = self.place.port
        self.process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """What is done once before the first start and is not part of it."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> float:
        """Seconds until it answered a client's metadata request with itself in the answer."""
        began = time.monotonic()
        self.launch()
        self.wait_until_ready()
        return time.monotonic() - began

    def launch(self) -> None:
        command = self.command()
        self._log = (self.directory / "server.log").open("ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )

    def wait_until_ready(self, brokers: int = 1) -> None:
        """Until it answers, and knows of so many brokers of its cluster."""
        assert self.process is not None
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._knows(brokers):
            status = self.process.poll()
            if status is not None or time.monotonic() > deadline:
                why = f"is not ready after {READY_TIMEOUT_S:.0f} s" if status is None else f"ended with status {status}"
                self.kill()
                raise BenchError(f"{self.label} {why}:\n{self.log_text()[-2000:]}")
            time.sleep(_ASK_AGAIN_S)

    def _knows(self, brokers: int) -> bool:
        try:
            cluster = Cluster([("127.0.0.1", self.port)], timeout_s=5)
            try:
                return len(cluster.metadata([]).brokers) >= brokers
            finally:
                cluster.close()
        except (BenchError, KafkaError):
            return False

    def stop(self) -> float:
        """Seconds from SIGTERM to its end."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> float:
        process, self.process = self.process, None
        if process is None:
            return 0.0
        began = time.monotonic()
        assert self._log is not None
        process.send_signal(how)
        has_ended = process.poll() is not None or _has_ended(process.pid, STOP_TIMEOUT_S)
        seconds = time.monotonic() - began
        if not has_ended:
            process.kill()
        process.wait()
        self._log.close()
        if not has_ended:
            raise BenchError(f"{self.label} did not end within {STOP_TIMEOUT_S:.0f} s of {how.name}")
        return seconds

    def log_text(self) -> str:
        return (self.directory / "server.log").read_text(errors="replace")

    def resident_mb(self) -> float:
        """Of the process now; 0 where the system does not tell, or where it ended."""
        if self.process is None:
            return 0.0
        try:
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return float(line.split()[1]) / 1024
        except OSError:
            pass
        return 0.0

    def cpu_s(self) -> float:
        """What it has spent on the CPU since its last start; 0 after its end."""
        if self.process is None:
            return 0.0
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def _has_ended(pid: int, timeout_s: float) -> bool:
    """As soon as it has; `Popen.wait` with a timeout looks every 50 ms, a tenth of what a stop takes."""
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], timeout_s)[0])
    finally:
        os.close(descriptor)


class Millstream(Server):
    label = "Millstream"

    def prepare(self) -> None:
        """With bytecode, as pip installs it: from a checkout in which Python may write none, half of a start would be
        its compiler's."""
        super().prepare()
        for package in PACKAGES:
            compileall.compile_dir(CODE / package, quiet=2)

    def command(self) -> list[str]:
        settings = {
            "listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(self.directory / "data"),
            "group.initial.rebalance.delay.ms": "0",
            **(self._of_a_cluster() if len(self.nodes) > 1 else {}),
            **self.settings,
        }
        arguments = [argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")]
        return [sys.executable, "-m", "broker", "serve", "--json", *arguments]

    def _of_a_cluster(self) -> dict[str, str]:
        """As `millstream cluster start` has them, but for min.insync.replicas: as shipped it is 1 on both sides."""
        replicas = min(3, len(self.nodes))
        return {
            "node.id": str(self.place.node_id),
            "process.roles": "broker,controller",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{self.place.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": voters(self.nodes),
            "default.replication.factor": str(replicas),
            "offsets.topic.replication.factor": str(replicas),
        }


def voters(nodes: Sequence[Place]) -> str:
    return ",".join(f"{node.node_id}@127.0.0.1:{node.controller_port}" for node in nodes)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randint(FIRST_PORT, LAST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
    return list(found)

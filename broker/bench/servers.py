"""Brokers that the suite starts to measure: ours as a process of its own, and what both sides have in common."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from broker.bench.wire import BenchError, Cluster
from protocol import KafkaError

READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
_ASK_AGAIN_S = 0.005
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A broker on a free port with its data in a directory. Subclasses say which command starts it."""

    label = ""

    def __init__(self, directory: Path, settings: dict[str, str]) -> None:
        self.directory = directory
        self.settings = settings
        self.port = free_port()
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
        command = self.command()
        self._log = (self.directory / "server.log").open("ab")
        began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() - began > READY_TIMEOUT_S:
                self.kill()
                raise BenchError(f"{self.label} did not become ready:\n{self.log_text()[-2000:]}")
            time.sleep(_ASK_AGAIN_S)
        return time.monotonic() - began

    def _answers(self) -> bool:
        try:
            cluster = Cluster([("127.0.0.1", self.port)], timeout_s=5)
            try:
                return bool(cluster.metadata([]).brokers)
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
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert self._log is not None
        self._log.close()
        return time.monotonic() - began

    def log_text(self) -> str:
        return (self.directory / "server.log").read_text(errors="replace")

    def resident_mb(self) -> float:
        """Of the process now; 0 where the system does not tell."""
        return self._status_kb("VmRSS") / 1024

    def resident_peak_mb(self) -> float:
        return self._status_kb("VmHWM") / 1024

    def _status_kb(self, name: str) -> float:
        assert self.process is not None
        try:
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith(name + ":"):
                    return float(line.split()[1])
        except OSError:
            pass
        return 0.0

    def cpu_s(self) -> float:
        """What it has spent on the CPU since its last start."""
        assert self.process is not None
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


class Millstream(Server):
    label = "Millstream"

    def command(self) -> list[str]:
        settings = {
            "listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(self.directory / "data"),
            "group.initial.rebalance.delay.ms": "0",
            **self.settings,
        }
        arguments = [argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")]
        return [sys.executable, "-m", "broker", "serve", "--json", *arguments]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

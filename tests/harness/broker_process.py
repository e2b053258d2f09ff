"""A broker as a process of its own, on free ports and a directory of its own, that a test may kill."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness.ports import free_ports

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0


class BrokerProcess:
    """`start` returns when the broker is ready; `kill` is kill -9, `stop` is SIGTERM and a clean end.

    Settings are Kafka's keys. `source` is where the code lies that it runs, if not here. The same port is used after a
    restart, so that clients find the broker again.
    """

    def __init__(self, directory: Path, settings: dict[str, str] | None = None, *, port: int = 0) -> None:
        self.directory = directory
        self.settings = {
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "5",
            **(settings or {}),
        }
        self.port = port or free_ports(1)[0]
        self.source: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = directory / "broker.log"

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def data_directory(self) -> Path:
        return self.directory / "data"

    def start(self) -> BrokerProcess:
        assert self.process is None, "it runs already"
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd=self.source
            )
        ready = self._wait_until_ready(self.process)
        self.port = int(ready["bootstrap"].rpartition(":")[2])
        return self

    def _command(self) -> list[str]:
        settings = {
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": str(self.data_directory),
            **self.settings,
        }
        arguments = [argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")]
        return [sys.executable, "-m", "broker", "serve", "--json", *arguments]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> dict[str, str]:
        """The line that `serve --json` prints when it serves."""
        assert process.stdout is not None
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            readable, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
            line = process.stdout.readline() if readable else b""
            if not line:
                break
            if line.startswith(b"{"):
                ready: dict[str, str] = json.loads(line)
                return ready
        process.kill()
        process.wait()
        self.process = None
        raise AssertionError(f"the broker did not become ready:\n{self.log_text()[-4000:]}")

    def kill(self) -> None:
        """kill -9: what was not made durable is gone, as far as the page cache allows."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        os.kill(process.pid, how)
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the broker did not stop:\n{self.log_text()[-4000:]}") from None
        finally:
            assert process.stdout is not None
            process.stdout.close()

    def restart(self) -> BrokerProcess:
        self.stop()
        return self.start()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def __enter__(self) -> BrokerProcess:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        if self.process is not None:
            self.kill()


# What the fixture `start_broker` is: settings and a name in, a running broker out.
StartBroker = Callable[..., BrokerProcess]

"""A client of another language in a process of its own, asked by lines of JSON.

A question is one line, {"operation": ..., further arguments}; the answer one line, either {"result": ...} or
{"error": name of Kafka's error, "message": ...}. What the client logs goes to standard error, which is kept.
"""

from __future__ import annotations

import json
import select
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import Any

# Reached by a failing test only.
ANSWER_TIMEOUT_S = 60.0


class Refused(Exception):
    """The client reports an error; `error` is its name in Kafka's words, as far as the client knows it."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.error = error


class ClientProcess:
    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        self._received = b""

    def ask(self, operation: str, **arguments: Any) -> Any:
        question = json.dumps({"operation": operation, **arguments})
        assert self._process.stdin is not None
        self._process.stdin.write(question.encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._read_line(operation))
        if "error" in answer:
            raise Refused(answer["error"], answer.get("message", ""))
        return answer["result"]

    def _read_line(self, operation: str) -> bytes:
        """A client that hangs or died fails the test with what it logged."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while b"\n" not in self._received:
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            chunk = self._process.stdout.read1(1 << 20) if readable else b""  # type: ignore[attr-defined]
            if not chunk:
                self.close()
                raise AssertionError(f"no answer to {operation!r}; the client logged:\n{self.log_text()[-6000:]}")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line

    def log_text(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@dataclass(frozen=True)
class Client:
    """A running client and the broker that it shall use."""

    name: str
    process: ClientProcess
    bootstrap: str

    def ask(self, operation: str, **arguments: Any) -> Any:
        return self.process.ask(operation, bootstrap=self.bootstrap, **arguments)

    def error(self, operation: str, **arguments: Any) -> str:
        """Which error the client reports; the test fails if it reports none."""
        try:
            answer = self.ask(operation, **arguments)
        except Refused as refused:
            return refused.error
        raise AssertionError(f"{operation} was not refused but answered {answer!r}")

"""Where a request's time goes: the CPU that Millstream spends on one, and which room spends it.

Run it as `scripts/bench profile`, with py-spy on the PATH (pip install py-spy). The CPU clocks of the broker's threads
say what a request costs. What the loop's thread spends is divided as py-spy's samples are, sorted by the innermost
room on the stack while that thread has the interpreter: a system call belongs to the room that makes it, and what
uvloop does by itself is in the rest.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import typer  # noqa: E402
from bench_suite import PAGE, STORED, machine  # noqa: E402

from broker.bench import stored  # noqa: E402
from broker.bench.load import Second  # noqa: E402
from broker.bench.options import BenchOptions  # noqa: E402
from broker.bench.performance_page import write_page  # noqa: E402
from broker.bench.results import SilentObserver  # noqa: E402
from broker.bench.run import run_benchmark  # noqa: E402
from broker.bench.servers import Millstream  # noqa: E402
from broker.bench.wire import BenchError  # noqa: E402

SAMPLES_PER_S = 250
_TOPIC = "bench"
_PRODUCE: dict[str, Any] = {"concurrency": 128, "message_size": 256, "acks": 1, "warmup_s": 3.0}
_WIDE: dict[str, Any] = {"partitions": 16, "partitions_per_request": 16}
_FILL: dict[str, Any] = {"concurrency": 4, "records_per_request": 100, "message_count": 1_000_000, "duration_s": 300.0}
# So many that there is something to read as long as samples are taken.
_FETCH: dict[str, Any] = {"mode": "consume", "consumers": 16, "fan_out": True, "fetch_bytes_max": 65_536}
_FETCH |= {"concurrency": BenchOptions.concurrency}  # who reads has none
# The work, and what stands for it in the table.
WORK = {
    "produce": "single-record produce, 128 connections, acks=1",
    "wide": "produce with 16 partitions a request, 128 connections, acks=1",
    "fetch": "fetch of 64 KB, 16 consumers",
}
# The first that fits names the stage; within a room the longer path comes first.
STAGES = (
    ("wal/", "durability: entries enqueued, waiters resumed"),
    ("broker/durability", "durability: entries enqueued, waiters resumed"),
    ("protocol/records", "batch: checksum and structure"),
    ("broker/log/validation", "batch: checksum and structure"),
    ("broker/log", "log: append, index, read"),
    ("broker/partition", "partition: offsets, waiters"),
    ("broker/fetching", "fetch: sessions, collecting"),
    ("broker/handlers", "handler: authorise, split, answer"),
    ("protocol/", "protocol: request read, answer packed"),
    ("broker/network", "connection: frames in, answers out, sends"),
)
REST = "event loop, receives, everything else"
COMMITTER = "other threads: the committer writes and syncs, workers"


class Sampling(SilentObserver):
    """From the first second of the measured part on: py-spy, and what the broker's CPU clock says."""

    def __init__(self, server: Millstream, seconds: float, output: Path) -> None:
        self._server = server
        self._seconds = seconds
        self._output = output
        self._thread: threading.Thread | None = None
        self.loop_s = self.others_s = 0.0
        self.requests = 0
        self._before = (0.0, 0.0)

    def on_second(self, second: Second) -> None:
        """Counted are the seconds behind the first, in which py-spy starts."""
        if self._thread is None:
            self._before = self._clocks()
            self._thread = threading.Thread(target=self._sample)
            self._thread.start()
        else:
            self.requests += second.requests
            self.loop_s, self.others_s = (now - then for now, then in zip(self._clocks(), self._before, strict=True))

    def _clocks(self) -> tuple[float, float]:
        """CPU of the first thread, which runs the loop, and of all others."""
        loop_s = cpu_of(Path(f"/proc/{self._pid}/task/{self._pid}"))
        return loop_s, cpu_of(Path(f"/proc/{self._pid}")) - loop_s

    @property
    def _pid(self) -> int:
        assert self._server.process is not None, "it runs while it is sampled"
        return self._server.process.pid

    def _sample(self) -> None:
        command = ["py-spy", "record", "--pid", str(self._pid), "--gil", "--format", "raw", "--full-filenames"]
        command += ["--rate", str(SAMPLES_PER_S), "--duration", str(int(self._seconds)), "--output", str(self._output)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def stages(self) -> dict[str, float]:
        """µs of a request, those with the most first."""
        assert self._thread is not None, "a run has seconds"
        self._thread.join()
        counts: Counter[str] = Counter()
        for line in self._output.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            if f"({ROOT}/broker/__main__.py" in stack:
                counts[stage_of(stack)] += int(count)
        us = self.loop_s / self.requests * 1e6
        stages = {stage: us * count / counts.total() for stage, count in counts.most_common()}
        return {**stages, COMMITTER: self.others_s / self.requests * 1e6}


def cpu_of(directory: Path) -> float:
    """Of a process, or of one thread of it."""
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stage_of(stack: str) -> str:
    """By the innermost frame of the project; a stack that only runs the loop is the loop's own time."""
    for frame in reversed(stack.split(";")):
        _, found, path = frame.partition(f"({ROOT}/")
        if found and not path.startswith(".venv"):
            return next((name for beginning, name in STAGES if path.startswith(beginning)), REST)
    return REST


def profile(work: str, seconds: float) -> dict[str, Any]:
    directory = Path(tempfile.mkdtemp(prefix="millstream-profile-"))
    server = Millstream(directory, {"flush": "commit"})
    server.prepare()
    try:
        server.start()
        options = BenchOptions(bootstrap_servers=server.bootstrap, topic=_TOPIC, duration_s=seconds + 1, **_PRODUCE)
        if work == "wide":
            options = dataclasses.replace(options, **_WIDE)
        if work == "fetch":
            run_benchmark(dataclasses.replace(options, **_FILL), SilentObserver())
            options = dataclasses.replace(options, **_FETCH, warmup_s=0.0)
        sampling = Sampling(server, seconds, directory / "samples")
        run_benchmark(options, sampling)
        stages = {name: round(us, 2) for name, us in sampling.stages().items()}
        return {"us": round(sum(stages.values()), 1), "stages": stages}
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)


def main(
    seconds: Annotated[float, typer.Option(min=2, help="Of sampling, of each kind of work.")] = 10.0,
    write: Annotated[bool, typer.Option("--write/--no-write", help="Into docs/PERFORMANCE.md.")] = True,
) -> None:
    """Measure what each kind of work costs the broker, and print it by stage."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if shutil.which("py-spy") is None:
        sys.exit("py-spy is not on the PATH: pip install py-spy")
    before = stored.load(STORED)
    for work, title in WORK.items():
        began = time.monotonic()
        try:
            found = profile(work, seconds)
        except BenchError as error:
            sys.exit(f"{title}: {error}")
        print(f"{title}: {found['us']:.1f} µs of CPU a request ({time.monotonic() - began:.0f} s)")
        for stage, us in found["stages"].items():
            print(f"  {us:6.2f} µs  {stage}")
        before.setdefault("budget", {})[work] = {"title": title, "about": machine(), **found}
    if write:
        stored.write(STORED, before)
        write_page(PAGE, before)


if __name__ == "__main__":
    typer.run(main)

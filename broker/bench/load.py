"""Runs load generator processes through one window and gathers what they say."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from broker.bench import worker
from broker.bench.histogram import LatencyHistogram
from broker.bench.spec import WorkerSpec
from broker.bench.wire import BenchError

START_DELAY_NS = 50_000_000  # for the order to start to reach every worker
READY_TIMEOUT_S = 120.0
# A worker speaks at the end of its warm-up and every second.
SILENCE_LIMIT_S = 60.0

Message = dict[str, Any]


@dataclass(slots=True)
class Second:
    """What all workers did in one second of the measured part, or in what was left of the last."""

    at_s: float  # its end, counted from the end of the warm-up
    requests: int = 0
    failed: int = 0
    records: int = 0
    bytes: int = 0
    elapsed_s: float = 0.0
    ended_ns: int = 0  # of CLOCK_MONOTONIC
    p50_us: int = 0
    p99_us: int = 0


@dataclass(slots=True)
class LoadResult:
    """What was measured, without the warm-up; rates are sums of the workers' own, over their own time. What was on its
    way at the end is in the latencies and in nothing else."""

    requests: int = 0
    failed: int = 0
    records: int = 0
    bytes: int = 0
    elapsed_s: float = 0.0
    requests_per_s: float = 0.0
    records_per_s: float = 0.0
    bytes_per_s: float = 0.0
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)
    seconds: list[Second] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    results: list[Message] = field(default_factory=list)
    cpu_share: float = 0.0  # of a core, of the worker that used the most
    starved_share: float = 0.0  # of the time, of the worst: it could have run and no processor was free
    busy_share: float = 0.0  # of the time, of the busiest: its loop ran or could have run
    cpu_us_per_request: float = 0.0
    workers: list[dict[str, float]] = field(default_factory=list)  # what each cost, in shares of its time
    overdue: int = 0  # requests that an open loop had to send by its end, and did not
    gaps: list[tuple[int, int]] = field(default_factory=list)  # without acknowledgements, of each worker, in ns

    def add_second(self, second: Second, counts: list[dict[int, int]]) -> None:
        """Of each second only its percentiles are kept: a soak has many thousands of them."""
        latencies = LatencyHistogram()
        for found in counts:
            latencies.add_counts(found)
        second.p50_us, second.p99_us = latencies.percentile_us(50), latencies.percentile_us(99)
        self.latencies.merge(latencies)
        self.seconds.append(second)


class WorkerProcess:
    """A worker and the thread that reads its lines into the queue of all."""

    def __init__(self, number: int, spec: WorkerSpec, messages: SimpleQueue[tuple[int, Message | None]]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", worker.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for who started it: it decides when this ends
        )
        self._number = number
        self._messages = messages
        self.tell(spec.to_json())
        self._reader = threading.Thread(target=self._read, name=f"bench-worker-{number}", daemon=True)
        self._reader.start()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._messages.put((self._number, json.loads(line)))
        self._messages.put((self._number, None))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


def run_load(
    specs: list[WorkerSpec],
    *,
    on_second: Callable[[Second], None] = lambda second: None,
    on_start: Callable[[], None] = lambda: None,
    seen_enough: Callable[[], bool] = lambda: False,
) -> LoadResult:
    """One worker a spec, started together; measured are those of the last spec's kind, the others are there too.

    `on_second` is called when all that are measured have reported a second; the run ends before its time when
    `seen_enough` says so then."""
    messages: SimpleQueue[tuple[int, Message | None]] = SimpleQueue()
    workers = [WorkerProcess(number, spec, messages) for number, spec in enumerate(specs)]
    try:
        _wait_until_ready(messages, len(workers))
        on_start()
        start_ns = time.monotonic_ns() + START_DELAY_NS
        for process in workers:
            process.tell(json.dumps({"start_ns": start_ns}))
        measured_from_ns = start_ns + round(specs[0].warmup_s * 1e9)
        measured = [number for number, spec in enumerate(specs) if spec.kind == specs[-1].kind]

        def after_second(second: Second) -> None:
            on_second(second)
            if seen_enough():
                for process in workers:
                    process.process.terminate()

        silence_limit_s = SILENCE_LIMIT_S + specs[0].warmup_s
        return Gathering(len(workers), measured, measured_from_ns, after_second).gather(messages, silence_limit_s)
    finally:
        for process in workers:
            process.close()


def _wait_until_ready(messages: SimpleQueue[tuple[int, Message | None]], count: int) -> None:
    for _ in range(count):
        try:
            _, message = messages.get(timeout=READY_TIMEOUT_S)
        except Empty:
            raise BenchError(f"a load generator process was not ready within {READY_TIMEOUT_S:.0f} s") from None
        if message is None:
            raise BenchError("a load generator process ended before it was ready; what it said is above")
        assert message["kind"] == "ready", message


class Gathering:
    def __init__(
        self, worker_count: int, measured: list[int], measured_from_ns: int, on_second: Callable[[Second], None]
    ) -> None:
        self._worker_count = worker_count
        self._measured = measured
        self._measured_from_ns = measured_from_ns
        self._on_second = on_second
        self._ticks: list[list[Message]] = [[] for _ in range(worker_count)]
        self._spent: list[_Spent] = [_Spent() for _ in range(worker_count)]
        self.result = LoadResult()

    def gather(self, messages: SimpleQueue[tuple[int, Message | None]], silence_limit_s: float) -> LoadResult:
        running = self._worker_count
        while running:
            try:
                number, message = messages.get(timeout=silence_limit_s)
            except Empty:
                raise BenchError(f"the load generator said nothing for {silence_limit_s:.0f} s") from None
            if message is None:
                running -= 1
            elif message["kind"] == "result":
                self.result.results.append(message)
                self.result.gaps += [(begin, end) for begin, end in message.get("gaps", [])]
                self.result.overdue += message.get("overdue", 0)
                for name, count in message["errors"].items():
                    self.result.errors[name] = self.result.errors.get(name, 0) + count
            else:
                self._take_tick(number, message)
        if len(self.result.results) < self._worker_count:
            raise BenchError("a load generator process ended before its result; what it said is above")
        self._sum()
        return self.result

    def _take_tick(self, number: int, tick: Message) -> None:
        if tick["phase"] == "drain":
            self.result.failed += tick["failed"]
            if number in self._measured:
                # Sent in time and answered late: of no rate, but nobody waited longer than these.
                self.result.latencies.add_counts(tick["latencies_us"])
        elif tick["phase"] == "run":
            self._spent[number].add(tick)
            if number in self._measured:
                self._ticks[number].append(tick)
                self._report()
            else:
                self.result.failed += tick["failed"]

    def _report(self) -> None:
        while min(len(self._ticks[number]) for number in self._measured) > len(self.result.seconds):
            self._add_second()
            self._on_second(self.result.seconds[-1])

    def _add_second(self) -> None:
        index = len(self.result.seconds)
        ticks = [ticks[index] for ticks in self._ticks if index < len(ticks)]
        ended_ns = max(tick["to_ns"] for tick in ticks)
        second = Second((ended_ns - self._measured_from_ns) / 1e9, ended_ns=ended_ns)
        for tick in ticks:
            second.requests += tick["requests"]
            second.failed += tick["failed"]
            second.records += tick["records"]
            second.bytes += tick["bytes"]
            second.elapsed_s = max(second.elapsed_s, (tick["to_ns"] - tick["from_ns"]) / 1e9)
        self.result.add_second(second, [tick.pop("latencies_us") for tick in ticks])

    def _sum(self) -> None:
        result = self.result
        while len(result.seconds) < max(map(len, self._ticks)):
            self._add_second()
        for ticks in filter(None, self._ticks):
            elapsed_s = (ticks[-1]["to_ns"] - ticks[0]["from_ns"]) / 1e9
            sums = {name: sum(tick[name] for tick in ticks) for name in ("requests", "failed", "records", "bytes")}
            result.requests += sums["requests"]
            result.failed += sums["failed"]
            result.records += sums["records"]
            result.bytes += sums["bytes"]
            result.requests_per_s += sums["requests"] / elapsed_s
            result.records_per_s += sums["records"] / elapsed_s
            result.bytes_per_s += sums["bytes"] / elapsed_s
            result.elapsed_s = max(result.elapsed_s, elapsed_s)
        spent = [found for found in self._spent if found.elapsed_s]
        result.workers = [found.shares() for found in spent]
        for shares in result.workers:
            result.cpu_share = max(result.cpu_share, shares["cpu_share"])
            result.starved_share = max(result.starved_share, shares["starved_share"])
            result.busy_share = max(result.busy_share, shares["loop_share"] + shares["starved_share"])
        if result.requests:
            result.cpu_us_per_request = sum(found.cpu_s for found in spent) / result.requests * 1e6


@dataclass(slots=True)
class _Spent:
    """What one worker cost while it was measured, whether its own figures count or not."""

    elapsed_s: float = 0.0
    cpu_s: float = 0.0  # of all its threads
    loop_s: float = 0.0  # of the thread that has the hot loop
    starved_s: float = 0.0

    def add(self, tick: Message) -> None:
        self.elapsed_s += (tick["to_ns"] - tick["from_ns"]) / 1e9
        self.cpu_s += tick["cpu_s"]
        self.loop_s += tick["loop_s"]
        self.starved_s += tick["starved_s"]

    def shares(self) -> dict[str, float]:
        found = {"cpu_share": self.cpu_s, "loop_share": self.loop_s, "starved_share": self.starved_s}
        return {name: value / self.elapsed_s for name, value in found.items()}

"""A load generator process: reads its spec, prepares everything, says that it is ready, and runs at the given instant.

Started by load.py as `python -m broker.bench.worker`; spec.py has what is said in both directions.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import time
from typing import Protocol

from broker.bench.consume_loop import ConsumeConnection, ConsumeLoop
from broker.bench.fetch_frames import FetchFrame
from broker.bench.frames import ProduceAnswer, ProduceFrame
from broker.bench.histogram import count_latencies
from broker.bench.leader_watch import LeaderWatch
from broker.bench.load_connection import LoadConnection
from broker.bench.payload import PreparedBatch
from broker.bench.produce_loop import ProduceLoop
from broker.bench.reconnect import Reconnector
from broker.bench.spec import ConnectionPlan, WorkerSpec
from broker.bench.window import Tally, Window
from broker.bench.wire import BenchError
from protocol import KafkaError, ProtocolError
from protocol.records import Compression

STDOUT_FILENO = 1


class Runner(Protocol):
    """One kind of load, prepared."""

    def run(self, window: Window) -> dict[str, object]:
        """Through the window; returns what the result says besides its kind."""


def main() -> int:
    _allow_many_sockets()
    spec = WorkerSpec.from_json(sys.stdin.readline())
    reporter = Reporter()
    try:
        return _work(spec, reporter)
    except (BenchError, KafkaError, ProtocolError, OSError) as error:
        sys.stderr.write(f"millstream: the load generator cannot go on: {error}\n")
        return 1


def _work(spec: WorkerSpec, reporter: Reporter) -> int:
    runner = make_runner(spec, reporter)
    say({"kind": "ready"})
    order = sys.stdin.readline()
    if not order:
        return 1  # the benchmark is gone
    window = Window(int(json.loads(order)["start_ns"]), spec.warmup_s, spec.duration_s)
    # Whoever has seen enough lets the run end at the next tick.
    signal.signal(signal.SIGTERM, lambda *_: window.end_now())
    # What was prepared stays; the collector must not look through it again and again in the hot loop.
    gc.collect()
    gc.freeze()
    reporter.begin()
    say({"kind": "result", **runner.run(window)})
    return 0


def _allow_many_sockets() -> None:
    """The usual limit of 1,024 open files is a default of shells, not of the system."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def make_runner(spec: WorkerSpec, reporter: Reporter) -> Runner:
    match spec.kind:
        case "produce":
            return _Producer(spec, reporter)
        case "consume":
            return _Consumer(spec, reporter)
        case "librdkafka-produce":
            from broker.bench.librdkafka import LibrdkafkaProducer

            return LibrdkafkaProducer(spec, reporter.report)
        case "librdkafka-consume":
            from broker.bench.librdkafka import LibrdkafkaConsumer

            return LibrdkafkaConsumer(spec, reporter.report)
    raise AssertionError(spec.kind)


def say(message: dict[str, object]) -> None:
    """Not through `sys.stdout`: where a signal comes while it waits for room in the pipe, bytes are lost."""
    line = memoryview(json.dumps(message, separators=(",", ":")).encode() + b"\n")
    while line:
        line = line[os.write(STDOUT_FILENO, line) :]


class Reporter:
    """Says tallies as ticks, with what this process spent meanwhile: on the CPU, and waiting for one."""

    def begin(self) -> None:
        self._last = _spent()

    def report(self, tally: Tally) -> None:
        now, before = _spent(), self._last
        self._last = now
        names = ("cpu_s", "loop_s", "starved_s")
        say(
            {
                "kind": "tick",
                "phase": tally.phase,
                "from_ns": tally.from_ns,
                "to_ns": tally.to_ns,
                "requests": tally.done,
                "failed": tally.failed,
                "records": tally.records,
                "bytes": tally.bytes,
                "latencies_us": count_latencies(tally.latencies_us),
                **{name: later - earlier for name, later, earlier in zip(names, now, before, strict=True)},
            }
        )


def _spent() -> tuple[float, float, float]:
    """CPU of this process, CPU of the thread that calls (which has the hot loop), and its wait for a processor."""
    process, thread = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_THREAD)
    return process.ru_utime + process.ru_stime, thread.ru_utime + thread.ru_stime, _run_queue_wait_s()


def _run_queue_wait_s() -> float:
    """How long the first thread was runnable while no processor was free; 0 where the kernel does not tell."""
    try:
        with open(f"/proc/{os.getpid()}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class _Producer:
    def __init__(self, spec: WorkerSpec, reporter: Reporter) -> None:
        self.spec = spec
        now_ms = time.time_ns() // 1_000_000
        connections = [self._connection(plan, now_ms) for plan in spec.plans]
        partitions_per_request = len(spec.plans[0].partitions)
        self._records_per_frame = partitions_per_request * spec.records_per_request
        self._reporter = reporter
        with_ids = spec.plans[0].producer_id >= 0
        self._watch = LeaderWatch(spec.bootstrap_servers, spec.topic, with_producer_ids=with_ids)
        self.loop = ProduceLoop(
            connections,
            ProduceAnswer(spec.topic, partitions_per_request) if spec.acks else None,
            in_flight=spec.in_flight,
            rate_per_s=spec.rate_per_s,
            request_limit=spec.request_limit,
            timeout_s=spec.request_timeout_ms / 1000,
            reconnector=Reconnector(self._watch),
            on_tick=self._on_tick,
        )

    def _connection(self, plan: ConnectionPlan, now_ms: int) -> LoadConnection:
        spec = self.spec
        batch = PreparedBatch(
            record_count=spec.records_per_request,
            message_size=spec.message_size,
            payload_pattern=spec.payload_pattern,
            key_pattern=spec.key_pattern,
            compression=Compression[spec.compression.upper()],
            now_ms=now_ms,
            seed=spec.seed + plan.connection_id,
            producer_id=plan.producer_id,
            producer_epoch=plan.producer_epoch,
        )
        frame = ProduceFrame(
            batch,
            connection_id=plan.connection_id,
            topic=spec.topic,
            partitions=plan.partitions,
            acks=spec.acks,
            timeout_ms=spec.request_timeout_ms,
        )
        address = (plan.host, plan.port)
        return LoadConnection(plan.connection_id, address, plan.partitions, frame, plan.producer_id)

    def _on_tick(self, tally: Tally) -> None:
        tally.done = len(tally.latencies_us)
        tally.records = tally.done * self._records_per_frame
        tally.bytes = tally.records * self.spec.message_size
        self._reporter.report(tally)

    def run(self, window: Window) -> dict[str, object]:
        self.loop.run(window)
        self._watch.close()
        accounts = [connection.account() for connection in self.loop.connections]
        return {
            "errors": self.loop.errors,
            "accounts": accounts,
            "gaps": self.loop.gaps.found,
            "overdue": self.loop.overdue,
        }


class _Consumer:
    def __init__(self, spec: WorkerSpec, reporter: Reporter) -> None:
        connections = [
            ConsumeConnection(
                (plan.host, plan.port),
                plan.start_offsets,
                FetchFrame(
                    spec.topic,
                    plan.partitions,
                    max_wait_ms=spec.fetch_wait_max_ms,
                    min_bytes=1,
                    max_bytes=spec.fetch_bytes_max,
                ),
                plan.record_limit,
            )
            for plan in spec.plans
        ]
        self._watch = LeaderWatch(spec.bootstrap_servers, spec.topic, with_producer_ids=False)
        self.loop = ConsumeLoop(
            connections, Reconnector(self._watch), timestamps=spec.timestamps, on_tick=reporter.report
        )

    def run(self, window: Window) -> dict[str, object]:
        self.loop.run(window)
        self._watch.close()
        return {"errors": self.loop.errors, "accounts": []}


if __name__ == "__main__":
    sys.exit(main())

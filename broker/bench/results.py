"""What a run is reported as: one flat record, with chronik-bench's CSV columns and what they lacked behind them."""

from __future__ import annotations

import csv
import datetime
import itertools
import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from broker.bench.load import LoadResult, Second
from broker.bench.options import BenchOptions
from broker.bench.verify import Verification

MEBIBYTE = 1 << 20
BUSY_LIMIT = 0.9
STARVED_LIMIT = 0.25
OVERDUE_LIMIT = 0.001  # of what was sent: the last instant may be missed by a hair


class Observer(Protocol):
    """Who is told how a run goes on."""

    def on_plan(self, lines: list[str]) -> None: ...
    def on_start(self) -> None: ...
    def on_second(self, second: Second) -> None: ...
    def on_verify(self, records: int) -> None: ...


class SilentObserver:
    """Nobody looks."""

    def on_plan(self, lines: list[str]) -> None:
        """Nobody looks."""

    def on_start(self) -> None:
        """Nobody looks."""

    def on_second(self, second: Second) -> None:
        """Nobody looks."""

    def on_verify(self, records: int) -> None:
        """Nobody looks."""


CSV_COLUMNS = (
    "timestamp", "mode", "duration_secs", "total_messages", "failed_messages", "total_bytes",
    "throughput_msg_per_sec", "throughput_mb_per_sec", "success_rate_pct",
    "latency_p50_us", "latency_p90_us", "latency_p95_us", "latency_p99_us", "latency_p999_us", "latency_max_us",
    "latency_p50_ms", "latency_p90_ms", "latency_p95_ms", "latency_p99_ms", "latency_p999_ms", "latency_max_ms",
    "message_size", "concurrency", "compression",
    # Beyond chronik-bench's:
    "client", "acks", "in_flight", "partitions_per_request", "records_per_request", "rate_limit", "requests_per_sec",
    "acknowledged", "lost", "duplicated", "out_of_order", "corrupted", "generator_cpu_pct", "generator_starved_pct",
)  # fmt: skip


@dataclass(slots=True)
class BenchResult:
    """One run. Rates are per second of the measured part, whose length is `duration_secs` to the microsecond."""

    options: BenchOptions
    timestamp: str
    duration_secs: float
    total_messages: int
    failed_messages: int
    total_bytes: int
    throughput_msg_per_sec: float
    throughput_bytes_per_sec: float
    requests_per_sec: float
    latency_us: dict[str, int]
    distribution: list[tuple[float, float]]
    seconds: list[dict[str, float]]
    errors: dict[str, int]
    generator_cpu_share: float
    generator_starved_share: float
    generator_busy_share: float
    generator_us_per_request: float
    workers: list[dict[str, float]] = field(default_factory=list)
    overdue_messages: int = 0  # of an open loop: they were due, and never sent
    verification: Verification | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def success_rate_pct(self) -> float:
        total = self.total_messages + self.failed_messages
        return 100.0 * self.total_messages / total if total else 100.0

    @property
    def is_clean(self) -> bool:
        """Whether every acknowledged record was there, once and in order, and something was measured at all."""
        return self.total_messages > 0 and (self.verification is None or self.verification.is_clean)

    @property
    def warnings(self) -> list[str]:
        found = generator_warnings(self.generator_busy_share, self.generator_starved_share)
        if self.overdue_messages > self.total_messages * OVERDUE_LIMIT:
            found.append(
                f"the rate was not kept: {self.overdue_messages:,} records that were due were never sent, and "
                "latencies are of the others; --rate-limit is above what the broker, or --concurrency, can take"
            )
        if self._missing_of_the_count:
            found.append(
                f"{self._missing_of_the_count:,} messages of --message-count were not done: the run was ended, or "
                f"--duration was over after {self.options.duration_s:g} s"
            )
        if self.options.mode == "consume" and self.total_messages and self._idle_at_the_end_s:
            found.append(
                f"nothing came in the last {self._idle_at_the_end_s:.0f} s: the topic was read to its end, and the "
                "rates count the wait; give --message-count, or a shorter --duration"
            )
        if self.options.mode == "consume" and not self.total_messages:
            found.append(
                "nothing was read in the measured part: the topic is empty, or was read to its end during the warm-up; "
                "give --message-count, or --warmup-duration 0s"
            )
        return found

    @property
    def _missing_of_the_count(self) -> int:
        wanted = self.options.message_count * (self.options.consumers if self.options.fan_out else 1)
        return max(wanted - self.total_messages - self.failed_messages, 0)

    @property
    def _idle_at_the_end_s(self) -> float:
        """Whole seconds, of a run by time."""
        idle = itertools.takewhile(lambda second: not second["messages_per_s"], reversed(self.seconds))
        return 0.0 if self.options.message_count else float(sum(1 for _ in idle))

    def row(self) -> dict[str, object]:
        """By CSV_COLUMNS."""
        row: dict[str, object] = {
            "timestamp": self.timestamp,
            "mode": self.options.mode,
            "duration_secs": f"{self.duration_secs:.6f}",
            "total_messages": self.total_messages,
            "failed_messages": self.failed_messages,
            "total_bytes": self.total_bytes,
            "throughput_msg_per_sec": f"{self.throughput_msg_per_sec:.2f}",
            "throughput_mb_per_sec": f"{self.throughput_bytes_per_sec / MEBIBYTE:.3f}",
            "success_rate_pct": f"{self.success_rate_pct:.4f}",
            "requests_per_sec": f"{self.requests_per_sec:.2f}",
            "generator_cpu_pct": f"{self.generator_cpu_share * 100:.1f}",
            "generator_starved_pct": f"{self.generator_starved_share * 100:.1f}",
        }
        for name, value in self.latency_us.items():
            row[f"latency_{name}_us"] = value
            row[f"latency_{name}_ms"] = f"{value / 1000:.3f}"
        for name in ("message_size", "concurrency", "compression", "client", "acks", "in_flight", "rate_limit"):
            row[name] = getattr(self.options, name)
        for name in ("partitions_per_request", "records_per_request"):
            row[name] = getattr(self.options, name)
        for name in ("acknowledged", "lost", "duplicated", "out_of_order", "corrupted"):
            row[name] = "" if self.verification is None else getattr(self.verification, name)
        return row

    def as_json(self) -> dict[str, Any]:
        fields = asdict(self)
        fields["success_rate_pct"] = self.success_rate_pct
        fields["warnings"] = self.warnings
        return fields


def generator_warnings(busy_share: float, starved_share: float) -> list[str]:
    """A loop that ran, or could have run, nearly all the time did not wait for the broker: it was what was measured."""
    found = []
    if busy_share > BUSY_LIMIT:
        found.append(
            f"the load generator was the bottleneck: its loop was busy {busy_share:.0%} of the time "
            f"({starved_share:.0%} waiting for a free processor); give it a machine of its own, or --processes where "
            "the mode has them"
        )
    elif starved_share > STARVED_LIMIT:
        found.append(
            f"the load generator waited for a free processor {starved_share:.0%} of the time: something else is "
            "running on this machine, or it is too small for both sides"
        )
    return found


def result_of(options: BenchOptions, load: LoadResult, verification: Verification | None) -> BenchResult:
    per_request = options.records_per_frame if options.mode != "metadata" and options.client == "raw" else 1
    return BenchResult(
        options=options,
        timestamp=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        duration_secs=load.elapsed_s,
        total_messages=load.records,
        failed_messages=load.failed * per_request,
        total_bytes=load.bytes,
        throughput_msg_per_sec=load.records_per_s,
        throughput_bytes_per_sec=load.bytes_per_s,
        requests_per_sec=load.requests_per_s,
        latency_us=load.latencies.percentiles_us(),
        distribution=load.latencies.distribution(),
        seconds=[
            {
                "at_s": second.at_s,
                "messages_per_s": second.records / second.elapsed_s if second.elapsed_s else 0.0,
                "bytes_per_s": second.bytes / second.elapsed_s if second.elapsed_s else 0.0,
                "failed": second.failed,
                "p50_us": second.p50_us,
                "p99_us": second.p99_us,
            }
            for second in load.seconds
        ],
        errors=load.errors,
        generator_cpu_share=load.cpu_share,
        generator_starved_share=load.starved_share,
        generator_busy_share=load.busy_share,
        generator_us_per_request=load.cpu_us_per_request,
        workers=load.workers,
        overdue_messages=load.overdue * per_request,
        verification=verification,
    )


def append_csv(path: str, result: BenchResult) -> None:
    """A row, with the columns' names before the first."""
    is_new = not os.path.exists(path) or os.path.getsize(path) == 0
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerow(result.row())


def write_json(path: str, result: BenchResult) -> None:
    with open(path, "w") as file:
        json.dump(result.as_json(), file, indent=2)
        file.write("\n")

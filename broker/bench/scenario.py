"""What a scenario is: the load on a fresh broker, the figure that stands for it, and the bar it is held to.

Sides are the brokers under test. `commit` and `os` are Millstream by its flush setting; `kafka` is Apache Kafka as
shipped (an acknowledgement is in the page cache), `kafka-durable` has log.flush.interval.messages=1 and so
promises what `commit` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Settings of each side. Millstream's come from its configuration, Kafka's from server.properties.
SIDES: dict[str, dict[str, str]] = {
    "commit": {"flush": "commit"},
    "os": {"flush": "os"},
    "kafka": {},
    "kafka-durable": {"log.flush.interval.messages": "1"},
}
OURS = ("commit", "os")
ALL_SIDES = tuple(SIDES)
QUICK_KILLS = 2  # of a failover

# Metrics of a run that may stand for a scenario, and whether more of it is better.
MORE_IS_BETTER = {
    "records_per_s": True,
    "bytes_per_s": True,
    "p50_us": False,
    "p99_us": False,
    "elapsed_s": False,
    "start_s": False,
    "stop_s": False,
    "recovery_s": False,
    "resident_mb": False,
    "cpu_share": False,
    "gap_s": False,
}

# How a figure is told, and by what it is multiplied for that.
UNITS = {
    "records_per_s": ("records/s", 1.0), "bytes_per_s": ("MB/s", 1e-6), "p50_us": ("ms p50", 1e-3),
    "p99_us": ("ms p99", 1e-3), "elapsed_s": ("ms", 1e3), "start_s": ("ms", 1e3), "stop_s": ("ms", 1e3),
    "recovery_s": ("ms", 1e3), "resident_mb": ("MB", 1.0), "cpu_share": ("% of a core", 100.0), "gap_s": ("ms", 1e3),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """Ours against a peer: how many times as good it must be, and is meant to be."""

    ours: str
    peer: str
    must: float
    aim: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    name: str
    number: int  # of the list in the issue
    title: str
    metric: str
    kind: str = "bench"  # bench, fetch, start, idle, failover
    options: dict[str, Any] = field(default_factory=dict)  # of BenchOptions
    quick: dict[str, Any] = field(default_factory=dict)  # what --quick changes of them
    sides: tuple[str, ...] = ALL_SIDES
    bars: tuple[Bar, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)  # of every side
    background_rate: float = 0.0  # records/s of a produce load beside it
    prepared_bytes: int = 0  # of a fetch: what is written before the clock starts
    partitions_before: int = 0  # of a start: how many partitions the broker has
    kills: int = 0  # of a failover: how often a leader is killed
    nodes: int = 1
    shares: str = ""  # scenarios with the same word run one after another on one broker of each side
    importance: int = 2  # 1 is run first where there is not time for all

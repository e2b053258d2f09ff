"""What came out of one run of a scenario on one side, and the options it is run with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from broker.bench.options import BenchOptions
from broker.bench.results import BenchResult
from broker.bench.scenario import Scenario
from broker.bench.servers import UnderTest
from broker.bench.wire import BenchError


@dataclass(slots=True)
class Measurement:
    """One run of a scenario on one side: figures by the names of metrics, and how it was disturbed."""

    side: str
    figures: dict[str, float]
    round: int = 0  # rounds are compared with each other
    faults: int = 0
    warnings: list[str] = field(default_factory=list)
    seconds: list[dict[str, float]] = field(default_factory=list)
    distribution: list[tuple[float, float]] = field(default_factory=list)


def options_of(scenario: Scenario, server: UnderTest, *, quick: bool, **changes: Any) -> BenchOptions:
    fields = {**scenario.options, **(scenario.quick if quick else {}), **changes}
    return BenchOptions(bootstrap_servers=server.bootstrap, topic=scenario.name, **fields)


def measurement_of(side: str, result: BenchResult, server: UnderTest, faults: int = 0) -> Measurement:
    if not result.total_messages:
        raise BenchError(f"nothing was measured: {result.errors or 'no answer came'}")
    options = result.options
    wanted = options.message_count * (options.consumers if options.fan_out else 1)
    if result.total_messages < wanted:
        raise BenchError(
            f"only {result.total_messages:,} of {wanted:,} were done within {options.duration_s:.0f} s: {result.errors}"
        )
    if result.verification is not None:
        faults += result.verification.faults
    return Measurement(
        side=side,
        figures={
            "records_per_s": result.throughput_msg_per_sec,
            "bytes_per_s": result.throughput_bytes_per_sec,
            "requests_per_s": result.requests_per_sec,
            "elapsed_s": result.duration_secs,
            "p50_us": result.latency_us["p50"],
            "p99_us": result.latency_us["p99"],
            "failed": result.failed_messages,
            "resident_mb": server.resident_mb(),
            "generator_cpu": result.generator_cpu_share,
            "generator_starved": result.generator_starved_share,
            "generator_busy": result.generator_busy_share,
            "generator_us": result.generator_us_per_request,
        },
        faults=faults,
        warnings=result.warnings,
        seconds=result.seconds,
        distribution=result.distribution,
    )

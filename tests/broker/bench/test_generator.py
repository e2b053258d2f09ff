"""The load generator and what it says of itself: what it cost, what it could not do, and how it is ended."""

from __future__ import annotations

import dataclasses
import inspect
import io
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

import pytest
from bench_harness.wire_server import WireServer, options_of
from rich.console import Console

from broker.bench.cli import bench
from broker.bench.command import FAILED, Interrupt, execute
from broker.bench.console import Progress, load_text
from broker.bench.librdkafka import LibrdkafkaProducer
from broker.bench.load import Gathering, LoadResult, Second
from broker.bench.noise import filesystem_of
from broker.bench.options import BenchOptions
from broker.bench.plans import worker_specs
from broker.bench.produce import run_produce
from broker.bench.prometheus import PrometheusGauges
from broker.bench.results import BenchResult, SilentObserver, generator_warnings, result_of
from broker.bench.run import run_benchmark
from broker.bench.spec import ConnectionPlan
from broker.bench.window import Window, overdue
from broker.bench.wire import BenchError, Cluster, parse_addresses
from protocol import ErrorCode


def test_a_loop_that_never_waits_for_the_broker_is_the_bottleneck() -> None:
    (by_its_work,) = generator_warnings(0.95, 0.0)
    (by_a_full_machine,) = generator_warnings(0.95, 0.6)

    assert "was the bottleneck" in by_its_work and "was the bottleneck" in by_a_full_machine


def test_a_starved_loop_that_still_waits_for_the_broker_is_told_of() -> None:
    (warning,) = generator_warnings(0.6, 0.4)

    assert "waited for a free processor 40%" in warning
    assert generator_warnings(0.6, 0.1) == []


@pytest.mark.parametrize("mode", ["produce", "round-trip"])
def test_every_process_says_what_it_cost_whether_it_is_measured_or_not(mode: str) -> None:
    with WireServer() as server:
        changes: dict[str, object] = {"message_count": 0, "rate_limit": 200.0, "duration_s": 1.0, "warmup_s": 0.0}
        result = run_benchmark(options_of(server, mode=mode, processes=2, **changes), SilentObserver())

    assert len(result.workers) == (2 if mode == "produce" else 3)
    assert result.generator_cpu_share == max(worker["cpu_share"] for worker in result.workers) > 0
    assert result.generator_busy_share >= max(worker["loop_share"] for worker in result.workers)


def test_a_run_ends_before_its_time_when_enough_was_seen() -> None:
    with WireServer() as server:
        options = options_of(server, message_count=0, duration_s=600.0, warmup_s=0.0, rate_limit=200.0)
        cluster = Cluster(parse_addresses(server.bootstrap))
        cluster.create_topic(options.topic, 1, 1)
        result = run_produce(cluster, options, SilentObserver(), seen_enough=lambda: True)
        cluster.close()

    assert result.verification is not None and result.verification.is_clean
    assert 1 <= len(result.load.seconds) < 60


def test_prometheus_reads_what_was_counted() -> None:
    with WireServer() as server, PrometheusGauges(0, SilentObserver()) as gauges:
        result: BenchResult = run_benchmark(options_of(server), gauges)
        with urllib.request.urlopen(f"http://127.0.0.1:{gauges.port}/metrics") as answer:
            page = answer.read().decode()

    assert "# TYPE millstream_bench_records_total counter" in page
    assert f"millstream_bench_records_total {result.total_messages}" in page
    assert "millstream_bench_records_read_back 40" in page


def test_a_port_that_is_taken_is_said_to_be() -> None:
    with WireServer() as server:
        gauges = PrometheusGauges(int(server.server_address[1]), SilentObserver())
        with pytest.raises(BenchError, match="--prometheus-port"):
            gauges.__enter__()


def test_what_was_due_and_never_sent_is_told() -> None:
    with WireServer() as server:
        kept = options_of(server, message_count=0, duration_s=1.0, warmup_s=0.0, rate_limit=100.0)
        missed = dataclasses.replace(kept, rate_limit=10_000_000.0)
        results = [run_benchmark(options, SilentObserver()) for options in (kept, missed)]

    assert [any("was not kept" in warning for warning in result.warnings) for result in results] == [False, True]
    assert results[1].overdue_messages + results[1].total_messages == pytest.approx(10_000_000, rel=0.01)


def test_a_schedule_has_an_instant_at_its_beginning_and_none_at_its_end() -> None:
    window = Window(0, 0.0, 1.0)

    assert overdue(0.0, 100e6, window) == 10
    assert overdue(950e6, 100e6, window) == 1
    assert overdue(1e9, 100e6, window) == 0


class SlowlyAnsweringProducer:
    """confluent-kafka's Producer as far as it is used: everything is delivered at the next poll, which waits whole
    milliseconds as librdkafka does."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.polls = 0
        self._reports: list[Callable[[Any, Any], None]] = []

    def produce(self, topic: str, *, on_delivery: Callable[[Any, Any], None], **fields: Any) -> None:
        self._reports.append(on_delivery)

    def poll(self, timeout_s: float) -> int:
        self.polls += 1
        if not self._reports:
            time.sleep(int(timeout_s * 1000) / 1000)
        reports, self._reports = self._reports, []
        for report in reports:
            report(None, None)
        return len(reports)


def test_an_open_loop_through_librdkafka_leaves_the_broker_its_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait of less than a millisecond is none to poll(): the loop span, and starved what it measured."""
    monkeypatch.setattr(
        "broker.bench.librdkafka.import_confluent_kafka", lambda: SimpleNamespace(Producer=SlowlyAnsweringProducer)
    )
    options = BenchOptions(client="librdkafka", rate_limit=2000.0, duration_s=0.25, warmup_s=0.0)
    plans = [ConnectionPlan(connection_id=1, host="", port=0, partitions=[])] * 64
    (spec,) = worker_specs(options, plans)
    producer = LibrdkafkaProducer(spec, lambda tally: None)

    result = producer.run(Window(time.monotonic_ns(), 0.0, 0.25))

    (account,) = cast("list[dict[str, Any]]", result["accounts"])
    assert account["sent"] > 0
    assert producer._producer.polls < 10 * account["sent"] + 100


def test_the_first_interrupt_lets_a_run_be_told() -> None:
    class Interrupts(SilentObserver):
        def on_second(self, second: Second) -> None:
            if not interrupt.is_set():
                signal.raise_signal(signal.SIGINT)

    interrupt = Interrupt()
    with WireServer() as server, interrupt:
        options = options_of(server, message_count=0, duration_s=600.0, warmup_s=0.0, rate_limit=200.0)
        result = run_benchmark(options, Interrupts(), seen_enough=interrupt.is_set)

    assert result.is_clean and result.duration_secs < 60


def test_a_narrow_terminal_shows_how_many_errors_there_were() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, highlight=False)
    second = Second(at_s=3.0, failed=7, records=1_234_567, bytes=1 << 30, elapsed_s=1.0, p50_us=3980, p99_us=12_330)

    with Progress(console, total_s=300.0, warmup_s=0.0, interval_s=1.0, quiet=False) as progress:
        progress.on_second(second)

    assert "errors: 7" in " ".join(screen.getvalue().split())


def test_the_second_interrupt_ends_it() -> None:
    with Interrupt():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    "changes, text",
    [
        ({}, "2 connections × 1 in flight"),
        ({"client": "librdkafka", "concurrency": 50}, "50 records on their way"),
        ({"mode": "consume", "consumers": 3, "concurrency": 64}, "3 consumers"),
        ({"mode": "round-trip", "rate_limit": 5.0}, "2 connections × 1 in flight, 5 msg/s open loop, 1 consumer"),
        ({"mode": "metadata", "metadata_step": "create"}, "2 clients, create"),
    ],
    ids=str,
)
def test_the_load_is_told_in_the_words_of_its_mode(changes: dict[str, Any], text: str) -> None:
    assert load_text(BenchOptions(**{"concurrency": 2, **changes})) == text


def test_a_topic_that_was_read_to_its_end_is_said_to_be() -> None:
    seconds = [Second(float(at + 1), records=records, elapsed_s=1.0) for at, records in enumerate((10, 0, 0))]
    load = LoadResult(records=10, elapsed_s=3.0, seconds=seconds)

    by_time = result_of(BenchOptions(mode="consume"), load, None)
    by_count = result_of(BenchOptions(mode="consume", message_count=10), load, None)

    assert any("nothing came in the last 2 s" in warning for warning in by_time.warnings)
    assert by_count.warnings == []


def test_a_count_that_was_not_reached_is_said_to_be() -> None:
    options = BenchOptions(message_count=10, duration_s=3.0)
    runs = [LoadResult(records=records, failed=1, elapsed_s=3.0) for records in (6, 9)]

    warnings = [result_of(options, load, None).warnings for load in runs]

    assert "3 messages of --message-count were not done" in warnings[0][0] and not warnings[1]


@pytest.mark.parametrize("option", ["csv_output", "json_output", "report"])
def test_results_that_could_not_be_written_are_refused_before_the_run(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    arguments = {name: parameter.default for name, parameter in inspect.signature(bench).parameters.items()}

    assert execute({**arguments, "bootstrap_servers": "none", option: str(tmp_path / "file" / "x")}) == FAILED

    assert f"{tmp_path / 'file' / 'x'} could not be written" in capsys.readouterr().err


def test_what_could_not_be_read_back_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.bench.read_back.STALL_LIMIT_S", 0.0)

    with WireServer() as server, pytest.raises(BenchError, match="could not be read back"):
        server.fetch_error = lambda: ErrorCode.NOT_LEADER_OR_FOLLOWER
        run_benchmark(options_of(server), SilentObserver())


def tick(phase: str, latency_us: int) -> dict[str, Any]:
    counts = dict.fromkeys(("requests", "records", "bytes", "failed", "cpu_s", "loop_s", "starved_s"), 1)
    instants = {"from_ns": 0, "to_ns": 1_000_000_000}
    return {"kind": "tick", "phase": phase, **counts, **instants, "latencies_us": {str(latency_us): 1}}


def test_what_was_sent_in_time_and_answered_late_is_in_the_latencies_alone() -> None:
    """A broker that stalls at the end of a run would have no slow request otherwise."""
    messages: SimpleQueue[tuple[int, dict[str, Any] | None]] = SimpleQueue()
    for message in (tick("warmup", 7), tick("run", 100), tick("drain", 9000), {"kind": "result", "errors": {}}, None):
        messages.put((0, message))

    result = Gathering(1, [0], 0, lambda second: None).gather(messages, 1.0)

    assert (result.latencies.count, result.latencies.max_us) == (2, 9000)
    assert (result.requests, result.requests_per_s) == (1, 1.0)


def test_where_files_are_is_told_by_the_innermost_mount() -> None:
    assert filesystem_of("/proc/self") == "proc"

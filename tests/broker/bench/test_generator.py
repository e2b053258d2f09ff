"""What the load generator says of itself: when it was the bottleneck, and its figures for Prometheus."""

from __future__ import annotations

import urllib.request

import pytest
from bench_wire_server import WireServer

from broker.bench.options import BenchOptions
from broker.bench.produce import run_produce
from broker.bench.prometheus import PrometheusGauges
from broker.bench.results import BenchResult, SilentObserver, generator_warnings
from broker.bench.run import run_benchmark
from broker.bench.wire import BenchError, Cluster, parse_addresses


def options_of(server: WireServer, **changes: object) -> BenchOptions:
    fields: dict[str, object] = {"bootstrap_servers": server.bootstrap, "concurrency": 2, "message_size": 32}
    return BenchOptions(**{**fields, "message_count": 40, **changes})  # type: ignore[arg-type]


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

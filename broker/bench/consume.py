"""Reading: as fast as it goes (consume), and while records are written, measuring how old they are (round-trip)."""

from __future__ import annotations

from collections.abc import Callable

from broker.bench.load import LoadResult, run_load
from broker.bench.options import BenchOptions
from broker.bench.plans import client_consumer_specs, consumer_specs, plan_consumers, plan_lines, share_out
from broker.bench.produce import ProduceResult, prepare_producers, verify_run
from broker.bench.results import Observer
from broker.bench.spec import WorkerSpec
from broker.bench.wire import EARLIEST, LATEST, Cluster


def run_consume(
    cluster: Cluster, options: BenchOptions, observer: Observer, *, seen_enough: Callable[[], bool] = lambda: False
) -> LoadResult:
    """From the beginning of the topic; with a message count until each consumer has read as many."""
    specs = _consumers(cluster, options, observer)
    return run_load(specs, on_second=observer.on_second, on_start=observer.on_start, seen_enough=seen_enough)


def run_round_trip(
    cluster: Cluster, options: BenchOptions, observer: Observer, *, seen_enough: Callable[[], bool] = lambda: False
) -> ProduceResult:
    """Latency is from when a record was sent, or was due, to when a consumer had it: every record counts."""
    prepared = prepare_producers(cluster, options, observer)
    if options.client == "librdkafka":
        consumers = client_consumer_specs(options, timestamps=True)
    else:
        plans = plan_consumers(options, prepared.leaders, prepared.start_offsets)
        consumers = consumer_specs(options, plans, timestamps=True)
    specs = [*prepared.specs, *consumers]
    load = run_load(specs, on_second=observer.on_second, on_start=observer.on_start, seen_enough=seen_enough)
    return ProduceResult(load, verify_run(cluster, options, prepared, load, observer))


def _consumers(cluster: Cluster, options: BenchOptions, observer: Observer) -> list[WorkerSpec]:
    if options.client == "librdkafka":
        return client_consumer_specs(options, timestamps=False)
    leaders, starts = cluster.topic_offsets(options.topic, EARLIEST)
    plans = plan_consumers(options, leaders, starts)
    observer.on_plan(plan_lines(options.topic, leaders, plans))
    if options.message_count:
        _, ends = cluster.topic_offsets(options.topic, LATEST)
        share_out(options.message_count, plans, {index: ends[index] - starts[index] for index in starts})
    return consumer_specs(options, plans)

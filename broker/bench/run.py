"""One benchmark from its options to its result: the topic before, the mode, the topic after."""

from __future__ import annotations

from typing import Protocol

from broker.bench.load import Second
from broker.bench.options import BenchOptions
from broker.bench.produce import run_produce
from broker.bench.results import BenchResult, result_of
from broker.bench.wire import BenchError, Cluster, parse_addresses


class Observer(Protocol):
    """Who is told how a run goes on."""

    def say(self, message: str) -> None: ...
    def on_start(self) -> None: ...
    def on_second(self, second: Second) -> None: ...
    def on_verify(self, records: int) -> None: ...


def run_benchmark(options: BenchOptions, observer: Observer) -> BenchResult:
    timeout_s = max(options.request_timeout_ms / 1000, 1.0)
    cluster = Cluster(parse_addresses(options.bootstrap_servers), timeout_s=timeout_s)
    try:
        return _run(cluster, options, observer)
    finally:
        cluster.close()


def _run(cluster: Cluster, options: BenchOptions, observer: Observer) -> BenchResult:
    prepare_topic(cluster, options)
    produced = run_produce(
        cluster,
        options,
        on_second=observer.on_second,
        on_start=observer.on_start,
        on_verify=observer.on_verify,
    )
    result = result_of(options, produced.load, produced.verification)
    if options.delete_topic_after:
        cluster.delete_topic(options.topic)
    return result


def prepare_topic(cluster: Cluster, options: BenchOptions) -> None:
    created = cluster.create_topic(options.topic, options.partitions, options.replication_factor, options.topic_configs)
    if not created and options.create_topic:
        raise BenchError(f"topic {options.topic} exists already; name another, or leave out --create-topic")
    found = len(cluster.wait_for_leaders(options.topic))
    if not created and found < options.partitions_per_request:
        raise BenchError(
            f"topic {options.topic} has {found} partitions, and a request is to go to {options.partitions_per_request}"
        )

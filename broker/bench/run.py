"""One benchmark from its options to its result: the topic before, the mode, the topic after."""

from __future__ import annotations

from collections.abc import Callable

from broker.bench.consume import run_consume, run_round_trip
from broker.bench.librdkafka import import_confluent_kafka
from broker.bench.metadata_mode import run_metadata
from broker.bench.options import BenchOptions
from broker.bench.produce import run_produce
from broker.bench.results import BenchResult, Observer, result_of
from broker.bench.wire import BenchError, Cluster, parse_addresses
from protocol import ErrorCode


def run_benchmark(
    options: BenchOptions, observer: Observer, *, seen_enough: Callable[[], bool] = lambda: False
) -> BenchResult:
    """The run ends before its time when `seen_enough` says so after a second of the measured part."""
    timeout_s = max(options.request_timeout_ms / 1000, 1.0)
    cluster = Cluster(parse_addresses(options.bootstrap_servers), timeout_s=timeout_s)
    try:
        return _run(cluster, options, observer, seen_enough)
    finally:
        cluster.close()


def _run(cluster: Cluster, options: BenchOptions, observer: Observer, seen_enough: Callable[[], bool]) -> BenchResult:
    if options.client == "librdkafka":
        import_confluent_kafka()
    if options.mode == "metadata":
        return run_metadata(options, observer, seen_enough)
    if options.mode == "consume":
        _require_topic(cluster, options.topic)
        return result_of(options, run_consume(cluster, options, observer, seen_enough=seen_enough), None)
    prepare_topic(cluster, options)
    run_mode = run_produce if options.mode == "produce" else run_round_trip
    produced = run_mode(cluster, options, observer, seen_enough=seen_enough)
    if options.delete_topic_after:
        cluster.delete_topic(options.topic)
    return result_of(options, produced.load, produced.verification)


def _require_topic(cluster: Cluster, topic: str) -> None:
    """What is only read is not made, and will not come by waiting for it."""
    if cluster.metadata([topic]).topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        raise BenchError(f"there is no topic {topic} to read; --mode produce makes one")
    cluster.wait_for_leaders(topic)


def prepare_topic(cluster: Cluster, options: BenchOptions) -> None:
    created = cluster.create_topic(options.topic, options.partitions, options.replication_factor, options.topic_configs)
    if not created and options.create_topic:
        raise BenchError(f"topic {options.topic} exists already; name another, or leave out --create-topic")
    found = len(cluster.wait_for_leaders(options.topic))
    if not created and found < options.partitions_per_request:
        raise BenchError(
            f"topic {options.topic} has {found} partitions, and a request is to go to {options.partitions_per_request}"
        )

"""Reading: as fast as it goes (consume), and while records are written, measuring how old they are (round-trip)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

from broker.bench.load import LoadResult, Second, run_load
from broker.bench.options import BenchOptions
from broker.bench.produce import ProduceResult, plan_connections, read_accounts, verify_run, worker_specs
from broker.bench.spec import ConnectionPlan, WorkerSpec
from broker.bench.wire import EARLIEST, LATEST, Address, Cluster, by_leader

ROUND_TRIP_WAIT_MS = 500


def run_consume(
    cluster: Cluster,
    options: BenchOptions,
    *,
    on_second: Callable[[Second], None] = lambda second: None,
    on_start: Callable[[], None] = lambda: None,
) -> LoadResult:
    """From the beginning of the topic; with a message count until each consumer has read as many."""
    if options.client == "librdkafka":
        return run_load(client_consumer_specs(options, timestamps=False), on_second=on_second, on_start=on_start)
    leaders = cluster.wait_for_leaders(options.topic)
    starts = cluster.retry(lambda: cluster.offsets(options.topic, leaders, EARLIEST))
    plans = plan_consumers(options, leaders, starts)
    if options.message_count:
        ends = cluster.retry(lambda: cluster.offsets(options.topic, leaders, LATEST))
        _share_out(options.message_count, plans, {index: ends[index] - starts[index] for index in starts})
    return run_load(consumer_specs(options, plans), on_second=on_second, on_start=on_start)


def run_round_trip(
    cluster: Cluster,
    options: BenchOptions,
    *,
    on_second: Callable[[Second], None] = lambda second: None,
    on_start: Callable[[], None] = lambda: None,
    on_verify: Callable[[int], None] = lambda records: None,
) -> ProduceResult:
    """Latency is from when a record was sent, or was due, to when a consumer had it: every record counts."""
    leaders = cluster.wait_for_leaders(options.topic, create=True)
    starts = cluster.retry(lambda: cluster.offsets(options.topic, leaders, LATEST))
    plans = plan_connections(cluster, options, leaders)
    producers = worker_specs(options, plans)
    if options.client == "librdkafka":
        consumers = client_consumer_specs(options, timestamps=True)
    else:
        consumers = consumer_specs(options, plan_consumers(options, leaders, starts), timestamps=True)
    # Consumers outlive the producers' window by nothing: what is on its way then is in nobody's figures.
    load = run_load([*producers, *consumers], on_second=on_second, on_start=on_start)
    accounts = read_accounts(load, plans, acks=options.acks)
    return ProduceResult(load, verify_run(cluster, options, starts, accounts, on_verify))


def plan_consumers(
    options: BenchOptions, leaders: Mapping[int, Address], starts: Mapping[int, int]
) -> list[ConnectionPlan]:
    """Partitions dealt out to the consumers; with fan-out every consumer reads all of them.

    A consumer has a connection to every broker that leads one of its partitions."""
    plans = []
    consumers = options.consumers
    for number in range(consumers):
        mine = {
            partition: address
            for place, (partition, address) in enumerate(leaders.items())
            if options.fan_out or place % consumers == number
        }
        for (host, port), partitions in by_leader(mine).items():
            plans.append(
                ConnectionPlan(
                    connection_id=number,
                    host=host,
                    port=port,
                    partitions=partitions,
                    start_offsets={partition: starts[partition] for partition in partitions},
                )
            )
    return plans


def _share_out(count: int, plans: list[ConnectionPlan], available: Mapping[int, int]) -> None:
    """How many records each consumer is to read so that all together, or each of a fan-out, read `count`."""
    total = max(sum(available.values()), 1)
    for plan in plans:
        mine = sum(available[partition] for partition in plan.partitions)
        plan.record_limit = -(-count * mine // total)


def consumer_specs(options: BenchOptions, plans: list[ConnectionPlan], *, timestamps: bool = False) -> list[WorkerSpec]:
    """As many processes as were asked for, each with its share of the consumers."""
    specs = worker_specs(dataclasses.replace(options, rate_limit=0.0), plans, kind="consume")
    for spec in specs:
        spec.timestamps = timestamps
        spec.fetch_wait_max_ms = ROUND_TRIP_WAIT_MS
    return specs


def client_consumer_specs(options: BenchOptions, *, timestamps: bool) -> list[WorkerSpec]:
    plans = [
        ConnectionPlan(connection_id=number, host="", port=0, partitions=[]) for number in range(options.consumers)
    ]
    settings: dict[str, Any] = {
        "bootstrap.servers": options.bootstrap_servers,
        # A group of its own each time: what earlier runs committed is not where this one begins.
        "group.id": f"{options.consumer_group}-{os.urandom(4).hex()}",
        "enable.auto.commit": not options.disable_auto_commit,
        "session.timeout.ms": 30_000,
        "fetch.min.bytes": 1,
    }
    specs = worker_specs(dataclasses.replace(options, rate_limit=0.0, processes=1), plans, kind="librdkafka-consume")
    for spec in specs:
        spec.timestamps = timestamps
        spec.request_limit = options.message_count
        spec.fetch_wait_max_ms = 100
        spec.client_settings = settings
    return specs

"""Which connection of which load generator process does what: connections, consumers, and the specs of the workers."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from broker.bench.options import BenchOptions
from broker.bench.spec import ConnectionPlan, WorkerSpec
from broker.bench.wire import Address, BenchError, Cluster, by_leader

ROUND_TRIP_WAIT_MS = 500
CLIENT_WAIT_MS = 100


def plan_connections(cluster: Cluster, options: BenchOptions, leaders: Mapping[int, Address]) -> list[ConnectionPlan]:
    """Connections take the leaders in turn, and of each leader's partitions as many as a request has."""
    run_id = int.from_bytes(os.urandom(2)) << 16
    if options.client == "librdkafka":
        return [
            ConnectionPlan(connection_id=run_id | number, host="", port=0, partitions=[])
            for number in range(options.concurrency)
        ]
    groups = list(by_leader(leaders).items())
    short = [partitions for _, partitions in groups if len(partitions) < options.partitions_per_request]
    if short:
        raise BenchError(
            f"a leader of {options.topic} has {len(short[0])} partitions, and a request is to go to "
            f"{options.partitions_per_request}; give the topic more --partitions"
        )
    plans = []
    for number in range(options.concurrency):
        (host, port), partitions = groups[number % len(groups)]
        first = number // len(groups) * options.partitions_per_request
        chosen = [partitions[(first + step) % len(partitions)] for step in range(options.partitions_per_request)]
        producer_id, epoch = cluster.producer_id() if options.uses_producer_ids else (-1, -1)
        plans.append(
            ConnectionPlan(
                connection_id=run_id | number,
                host=host,
                port=port,
                partitions=chosen,
                producer_id=producer_id,
                producer_epoch=epoch,
            )
        )
    return plans


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


def share_out(count: int, plans: list[ConnectionPlan], available: Mapping[int, int]) -> None:
    """How many records each consumer is to read so that all together, or each of a fan-out, read `count`."""
    total = max(sum(available.values()), 1)
    for plan in plans:
        mine = sum(available[partition] for partition in plan.partitions)
        plan.record_limit = -(-count * mine // total)


def plan_lines(topic: str, leaders: Mapping[int, Address], plans: list[ConnectionPlan]) -> list[str]:
    """For --verbose: who leads what, and who talks to whom."""
    lines = [
        f"{host}:{port} leads {len(partitions)} partitions of {topic}"
        for (host, port), partitions in by_leader(leaders).items()
    ]
    connections = Counter((plan.host, plan.port) for plan in plans if plan.host)
    return lines + [f"{count} connections to {host}:{port}" for (host, port), count in connections.items()]


def worker_specs(options: BenchOptions, plans: list[ConnectionPlan], kind: str | None = None) -> list[WorkerSpec]:
    """The connections dealt out to the processes, each with its share of the rate and of the count."""
    processes = min(options.processes, len(plans))
    kind = kind or ("produce" if options.client == "raw" else "librdkafka-produce")
    per_request = options.records_per_frame if options.client == "raw" else 1
    requests = -(-options.message_count // per_request)
    specs = []
    for number in range(processes):
        specs.append(
            WorkerSpec(
                kind=kind,
                bootstrap_servers=options.bootstrap_servers,
                topic=options.topic,
                plans=plans[number::processes],
                in_flight=options.in_flight,
                # A count of messages is sent from the first on: there is no warm-up that would not count.
                warmup_s=0.0 if options.message_count else options.warmup_s,
                duration_s=options.duration_s,
                rate_per_s=options.rate_limit / per_request / processes,
                request_limit=requests // processes + (number < requests % processes),
                acks=options.acks,
                request_timeout_ms=options.request_timeout_ms,
                message_size=options.message_size,
                records_per_request=options.records_per_request,
                compression=options.compression,
                payload_pattern=options.payload_pattern,
                key_pattern=options.key_pattern,
                seed=number,
                fetch_bytes_max=options.fetch_bytes_max,
                client_settings=_producer_settings(options) if kind == "librdkafka-produce" else {},
            )
        )
    return specs


def _producer_settings(options: BenchOptions) -> dict[str, Any]:
    """As chronik-bench sets them, and idempotence where it is asked for."""
    return {
        "bootstrap.servers": options.bootstrap_servers,
        "compression.type": options.compression,
        "acks": options.acks,
        "linger.ms": options.linger_ms,
        "batch.size": options.batch_size,
        "request.timeout.ms": options.request_timeout_ms,
        "message.timeout.ms": max(options.message_timeout_ms, options.linger_ms + 1),
        "enable.idempotence": options.idempotent,
    }


def consumer_specs(options: BenchOptions, plans: list[ConnectionPlan], *, timestamps: bool = False) -> list[WorkerSpec]:
    """As many processes as were asked for, each with its share of the consumers."""
    specs = worker_specs(dataclasses.replace(options, rate_limit=0.0), plans, kind="consume")
    for spec in specs:
        spec.timestamps = timestamps
        spec.fetch_wait_max_ms = ROUND_TRIP_WAIT_MS
    return specs


def client_consumer_specs(options: BenchOptions, *, timestamps: bool) -> list[WorkerSpec]:
    """One process for all members of the group."""
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
        "max.partition.fetch.bytes": options.fetch_bytes_max,
    }
    specs = worker_specs(dataclasses.replace(options, rate_limit=0.0, processes=1), plans, kind="librdkafka-consume")
    for spec in specs:
        spec.timestamps = timestamps
        spec.request_limit = options.message_count
        spec.fetch_wait_max_ms = CLIENT_WAIT_MS
        spec.client_settings = settings
    return specs

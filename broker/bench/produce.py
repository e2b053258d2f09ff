"""The produce benchmark on the raw wire: topic, load, and the count of what was acknowledged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.bench.load import LoadResult, Second, run_load
from broker.bench.options import BenchOptions
from broker.bench.spec import ConnectionPlan, WorkerSpec
from broker.bench.verify import Account, Verification, verify
from broker.bench.wire import LATEST, Address, BenchError, Cluster, by_leader

ACK_LESS_WAIT_S = 10.0


@dataclass(slots=True)
class ProduceResult:
    load: LoadResult
    verification: Verification | None


def run_produce(
    cluster: Cluster,
    options: BenchOptions,
    *,
    on_second: Callable[[Second], None] = lambda second: None,
    on_start: Callable[[], None] = lambda: None,
    on_verify: Callable[[int], None] = lambda records: None,
) -> ProduceResult:
    """The topic must exist; its partitions may hold records already, which are left alone."""
    leaders = cluster.wait_for_leaders(options.topic, create=True)
    start_offsets = cluster.retry(lambda: cluster.offsets(options.topic, leaders, LATEST))
    plans = plan_connections(cluster, options, leaders)
    load = run_load(worker_specs(options, plans), on_second=on_second, on_start=on_start)
    accounts = read_accounts(load, plans, acks=options.acks)
    return ProduceResult(load, verify_run(cluster, options, start_offsets, accounts, on_verify))


def verify_run(
    cluster: Cluster,
    options: BenchOptions,
    start_offsets: Mapping[int, int],
    accounts: list[Account],
    on_verify: Callable[[int], None],
) -> Verification | None:
    if not options.verify:
        return None
    if options.acks == 0:
        _let_arrive(cluster, options, start_offsets, accounts)
    records_per_batch = options.records_per_request if options.client == "raw" else 1
    return verify(cluster, options.topic, accounts, start_offsets, records_per_batch, on_progress=on_verify)


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


def worker_specs(options: BenchOptions, plans: list[ConnectionPlan], kind: str | None = None) -> list[WorkerSpec]:
    """The connections dealt out to the processes, each with its share of the rate and of the count."""
    processes = min(options.processes, len(plans))
    kind = kind or ("produce" if options.client == "raw" else "librdkafka-produce")
    per_request = options.records_per_frame if options.client == "raw" else 1
    requests = -(-options.message_count // per_request)
    specs = []
    for number in range(processes):
        share = plans[number::processes]
        specs.append(
            WorkerSpec(
                kind=kind,
                topic=options.topic,
                plans=share,
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
                client_settings=producer_settings(options) if kind == "librdkafka-produce" else {},
            )
        )
    return specs


def producer_settings(options: BenchOptions) -> dict[str, Any]:
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


def read_accounts(load: LoadResult, plans: list[ConnectionPlan], *, acks: int) -> list[Account]:
    """With acks=0 nothing was acknowledged, so nothing can be lost."""
    producers = {plan.connection_id: plan.producer_id for plan in plans}
    return [
        Account(
            connection_id=account["connection_id"],
            partitions=account["partitions"],
            sent=account["sent"],
            failed={int(sequence): codes for sequence, codes in account["failed"].items()},
            unknown=set(account["unknown"] if acks else range(account["sent"])),
            producer_id=producers[account["connection_id"]],
        )
        for result in load.results
        for account in result["accounts"]
    ]


def _let_arrive(
    cluster: Cluster, options: BenchOptions, start_offsets: Mapping[int, int], accounts: list[Account]
) -> None:
    """Without acknowledgements the last requests may still be on their way; nothing of them was promised."""
    expected = sum(account.sent * options.records_per_frame for account in accounts)
    deadline = time.monotonic() + ACK_LESS_WAIT_S
    leaders = cluster.wait_for_leaders(options.topic)
    while time.monotonic() < deadline:
        ends = cluster.offsets(options.topic, leaders, LATEST)
        if sum(ends.values()) - sum(start_offsets.values()) >= expected:
            return
        time.sleep(0.05)

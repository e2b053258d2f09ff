"""The produce benchmark: topic, load, and the count of what was acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.bench.load import LoadResult, run_load
from broker.bench.options import BenchOptions
from broker.bench.plans import plan_connections, plan_lines, worker_specs
from broker.bench.results import Observer
from broker.bench.spec import ConnectionPlan, WorkerSpec
from broker.bench.verify import Account, Verification, verify
from broker.bench.wire import LATEST, Address, BenchError, Cluster
from protocol import KafkaError

ACK_LESS_WAIT_S = 10.0


@dataclass(slots=True)
class ProduceResult:
    load: LoadResult
    verification: Verification | None


@dataclass(slots=True)
class PreparedProducers:
    """What is known before the clock starts. The topic may hold records already, which are left alone."""

    leaders: Mapping[int, Address]
    start_offsets: Mapping[int, int]
    plans: list[ConnectionPlan]
    specs: list[WorkerSpec]


def run_produce(
    cluster: Cluster, options: BenchOptions, observer: Observer, *, seen_enough: Callable[[], bool] = lambda: False
) -> ProduceResult:
    """The topic must exist. The run ends before its time when `seen_enough` says so after a second."""
    prepared = prepare_producers(cluster, options, observer)
    load = run_load(prepared.specs, on_second=observer.on_second, on_start=observer.on_start, seen_enough=seen_enough)
    return ProduceResult(load, verify_run(cluster, options, prepared, load, observer))


def prepare_producers(cluster: Cluster, options: BenchOptions, observer: Observer) -> PreparedProducers:
    cluster.wait_for_leaders(options.topic, create=True)
    leaders, start_offsets = cluster.topic_offsets(options.topic, LATEST)
    plans = plan_connections(cluster, options, leaders)
    observer.on_plan(plan_lines(options.topic, leaders, plans))
    return PreparedProducers(leaders, start_offsets, plans, worker_specs(options, plans))


def verify_run(
    cluster: Cluster, options: BenchOptions, prepared: PreparedProducers, load: LoadResult, observer: Observer
) -> Verification | None:
    """Reads back what was written since, and counts it. None where that was not wanted."""
    if not options.verify:
        return None
    accounts = read_accounts(load, acks=options.acks)
    if options.acks == 0:
        _let_arrive(cluster, options, prepared.start_offsets, accounts)
    records_per_batch = options.records_per_request if options.client == "raw" else 1
    try:
        return verify(
            cluster,
            options.topic,
            accounts,
            prepared.start_offsets,
            records_per_batch,
            on_progress=observer.on_verify,
        )
    except (BenchError, KafkaError) as error:
        raise BenchError(f"what was acknowledged could not be read back, so nothing is known of it: {error}") from error


def read_accounts(load: LoadResult, *, acks: int) -> list[Account]:
    """With acks=0 nothing was acknowledged, so nothing can be lost."""
    return [
        Account(
            connection_id=account["connection_id"],
            partitions=account["partitions"],
            sent=account["sent"],
            failed={int(sequence): codes for sequence, codes in account["failed"].items()},
            unknown=set(account["unknown"]) if acks else range(account["sent"]),
            producers=[(producer_id, first) for producer_id, first in account.get("producers", [])],
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
    while time.monotonic() < deadline:
        _, ends = cluster.topic_offsets(options.topic, LATEST)
        if sum(ends.values()) - sum(start_offsets.values()) >= expected:
            return
        time.sleep(0.05)

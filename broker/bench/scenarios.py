"""What the suite measures: every scenario with its name, its load and the bar it is held to, in one place."""

from __future__ import annotations

from typing import Any

from broker.bench.scenario import Bar, Scenario

GIBIBYTE = 1 << 30

# Before that a produce load runs until it gets no faster (warm_up.py).
_WARM = {"warmup_s": 2.0, "duration_s": 10.0}
_QUICK = {"warmup_s": 1.0, "duration_s": 3.0}
_DURABLE = Bar("commit", "kafka-durable", 8.0, 15.0)


def _produce(name: str, title: str, options: dict[str, Any], *bars: Bar, number: int = 1, **more: Any) -> Scenario:
    return Scenario(
        name=name,
        number=number,
        title=title,
        metric="records_per_s",
        options={"message_size": 256, **_WARM, **options},
        quick=_QUICK,
        bars=bars,
        **{"importance": 1, **more},
    )


def _single() -> list[Scenario]:
    as_shipped, sixteen = Bar("commit", "kafka", 0.7, 1.1), Bar("commit", "kafka", 1.0, 1.7)
    one = {"concurrency": 128}
    many = {"concurrency": 128, "partitions": 16, "partitions_per_request": 16}
    title = "128 connections, one 256 B record, acks={}"
    wide = "128 connections, 16 partitions a request, one 256 B record of each, acks={}"
    return [
        _produce("single-acks1", title.format(1), {**one, "acks": 1}, _DURABLE, as_shipped, shares="single"),
        _produce("single-acksall", title.format("all"), {**one, "acks": -1}, _DURABLE, as_shipped, shares="single"),
        _produce("wide-acks1", wide.format(1), {**many, "acks": 1}, _DURABLE, sixteen, shares="wide"),
        _produce("wide-acksall", wide.format("all"), {**many, "acks": -1}, _DURABLE, sixteen, shares="wide"),
        _produce(
            "one-connection",
            "one connection, one 256 B record, one in flight",
            {"concurrency": 1, "acks": 1},
            Bar("commit", "kafka-durable", 1.0, 1.0),
            Bar("os", "kafka", 1.0, 1.0),
            number=3,
            shares="single",
        ),
    ]


def _cluster() -> list[Scenario]:
    title = "three nodes, RF 3: 128 connections, one 256 B record, acks={}"
    wide = "three nodes, RF 3: 128 connections, 16 partitions a request, one 256 B record of each, acks={}"
    options = {"concurrency": 128, "replication_factor": 3}
    # A request goes to one leader, so each of the three has to lead as many partitions as it names.
    many = {**options, "partitions": 60, "partitions_per_request": 16}
    as_shipped, durable = Bar("commit", "kafka", 0.5, 0.9), Bar("commit", "kafka-durable", 5.0, 10.0)
    return [
        _produce(
            "cluster-acks1",
            title.format(1),
            {**options, "acks": 1},
            Bar("commit", "kafka", 0.8, 1.3),
            number=2,
            nodes=3,
            shares="cluster",
            sides=("commit", "kafka"),
        ),
        _produce(
            "cluster-acksall",
            title.format("all"),
            {**options, "acks": -1},
            as_shipped,
            durable,
            number=2,
            nodes=3,
            shares="cluster",
            sides=("commit", "kafka", "kafka-durable"),
        ),
        *(
            _produce(
                f"cluster-wide-acks{name}",
                wide.format(name),
                {**many, "acks": acks},
                number=2,
                nodes=3,
                shares="cluster",
                sides=("commit", "kafka"),
                importance=3,
            )
            for name, acks in (("1", 1), ("all", -1))
        ),
    ]


def _bulk() -> list[Scenario]:
    bar = Bar("os", "kafka", 0.7, 1.0)
    fifty: dict[str, Any] = {
        "concurrency": 50,
        "partitions": 50,
        "message_size": 250,
        "records_per_request": 100,
        "acks": -1,
    }
    fifty |= {"payload_pattern": "text", "message_count": 1_000_000, "duration_s": 120.0}
    return [
        Scenario(
            name="bulk-1mb",
            number=4,
            title="4 connections, 1 MB requests: 4 partitions × 1,000 records × 256 B",
            metric="bytes_per_s",
            options={
                "concurrency": 4, "partitions": 4, "partitions_per_request": 4, "records_per_request": 1000,
                "message_size": 256, "acks": 1, **_WARM,
            },
            quick=_QUICK,
            bars=(bar,),
            importance=1,
        ),
        *(
            Scenario(
                name=f"fifty-producers-{codec}",
                number=4,
                title=f"50 producers × 50 partitions, 1,000,000 records of 250 B, {codec}, idempotent, acks=all",
                metric="records_per_s",
                options={**fifty, "compression": codec},
                sides=("commit", "os", "kafka"),
                bars=(bar,),
            )
            for codec in ("lz4", "snappy")
        ),
    ]  # fmt: skip


def _reading() -> list[Scenario]:
    bar = Bar("os", "kafka", 0.7, 1.0)

    def fetch(name: str, title: str, prepared: int, importance: int = 2, **options: Any) -> Scenario:
        return Scenario(
            name=name,
            number=5,
            title=title,
            metric="bytes_per_s",
            kind="fetch",
            options={"mode": "consume", "partitions": 4, "message_size": 256, "duration_s": 120.0, **options},
            quick={},
            prepared_bytes=prepared,
            sides=("commit", "os", "kafka"),
            bars=(bar,),
            importance=importance,
            shares="fetch",
        )

    return [
        fetch("fetch-one-consumer", "2 GB read by one consumer", 2 * GIBIBYTE, importance=1, consumers=1),
        fetch("fetch-four-consumers", "2 GB read by four consumers", 2 * GIBIBYTE, consumers=4),
        fetch("fan-out-ten", "200 MB read by each of ten consumers", GIBIBYTE // 5, consumers=10, fan_out=True),
        Scenario(
            name="tail-hundred",
            number=5,
            title="100 consumers at the tails of 100 partitions, 5,000 records/s: send to receipt, p99",
            metric="p99_us",
            options={
                "mode": "round-trip", "concurrency": 100, "partitions": 100, "consumers": 100, "message_size": 256,
                "rate_limit": 5000.0, "acks": 1, "warmup_s": 20.0, "duration_s": 10.0,
            },
            quick={"warmup_s": 15.0, "duration_s": 5.0},
            sides=("commit", "os", "kafka"),
            bars=(Bar("commit", "kafka", 1.0, 1.0),),
        ),
    ]  # fmt: skip


def _publishing() -> list[Scenario]:
    rdkafka = {"client": "librdkafka", "message_size": 256, "compression": "lz4", "acks": -1, "idempotent": True}
    bar = Bar("commit", "kafka", 1.0, 1.5)
    return [
        Scenario(
            name="awaited-1000",
            number=6,
            title="1,000 awaited publishes, librdkafka, lz4, idempotent, linger 0",
            metric="elapsed_s",
            options={**rdkafka, "concurrency": 1, "message_count": 1000, "duration_s": 60.0},
            sides=("commit", "os", "kafka"),
            bars=(bar,),
        ),
        Scenario(
            name="at-once-100",
            number=6,
            title="100 publishes at once, librdkafka, lz4, idempotent, linger 0",
            metric="elapsed_s",
            options={**rdkafka, "concurrency": 100, "message_count": 100, "duration_s": 60.0},
            sides=("commit", "os", "kafka"),
            bars=(bar,),
        ),
        Scenario(
            name="steady-5000",
            number=6,
            title="5,000 records/s, 8 consumers of a group, librdkafka: send to receipt, p99",
            metric="p99_us",
            options={
                "mode": "round-trip", "client": "librdkafka", "message_size": 500, "partitions": 8, "consumers": 8,
                "concurrency": 1000, "rate_limit": 5000.0, "acks": -1, "warmup_s": 20.0, "duration_s": 300.0,
                "compression": "lz4", "linger_ms": 5,
            },
            quick={"warmup_s": 15.0, "duration_s": 10.0},
            sides=("commit", "kafka"),
            bars=(Bar("commit", "kafka", 1.0, 1.0),),
        ),
    ]  # fmt: skip


def _topics() -> list[Scenario]:
    options = {"mode": "metadata", "metadata_step": "auto-create", "message_size": 256, "duration_s": 120.0}
    return [
        Scenario(
            name="auto-create-10",
            number=7,
            title="10 topics created by use, one after another",
            metric="elapsed_s",
            options={**options, "concurrency": 1, "message_count": 10},
            sides=("commit", "kafka"),
            bars=(Bar("commit", "kafka", 3.0, 10.0),),
            importance=1,
        ),
        Scenario(
            name="auto-create-128",
            number=7,
            title="128 clients × a new topic each at once, beside 10,000 records/s",
            metric="elapsed_s",
            options={**options, "concurrency": 128, "message_count": 128},
            background_rate=10_000.0,
            sides=("commit", "kafka"),
            bars=(Bar("commit", "kafka", 3.0, 10.0),),
        ),
    ]


def _life() -> list[Scenario]:
    bar = Bar("commit", "kafka", 3.0, 10.0)

    def start(name: str, title: str, metric: str, partitions: int, importance: int = 2) -> Scenario:
        return Scenario(
            name=name,
            number=8,
            title=title,
            metric=metric,
            kind="start",
            partitions_before=partitions,
            sides=("commit", "kafka"),
            bars=(bar,),
            importance=importance,
        )

    return [
        start("start-empty", "start of an empty node until it answers", "start_s", 0, importance=1),
        start("start-1000", "the same with 1,000 partitions", "start_s", 1000),
        start("start-10000", "the same with 10,000 partitions", "start_s", 10_000, importance=4),
        start("recover-1000", "restart after kill -9 with 1,000 partitions", "recovery_s", 1000),
        start("stop-1000", "clean stop with 1,000 partitions", "stop_s", 1000),
        start("memory-idle", "resident memory, empty and idle", "resident_mb", 0, importance=1),
        Scenario(
            name="idle-1000-consumers",
            number=8,
            title="CPU with 1,000 idle long-polling consumers",
            metric="cpu_share",
            kind="idle",
            options={"mode": "consume", "consumers": 1000, "fan_out": True, "warmup_s": 5.0, "duration_s": 10.0},
            quick={"warmup_s": 3.0, "duration_s": 5.0},
            sides=("commit", "kafka"),
            bars=(bar,),
        ),
        Scenario(
            name="failover",
            number=8,
            title="three nodes, RF 3, kill -9 of the leader: the longest time without an acknowledgement, acks=all",
            metric="gap_s",
            kind="failover",
            options={"concurrency": 16, "replication_factor": 3, "message_size": 256, "acks": -1, "duration_s": 600.0},
            kills=5,
            quick={},
            sides=("commit", "kafka"),
            bars=(bar,),
            nodes=3,
            importance=1,
        ),
    ]


def _growth() -> list[Scenario]:
    """What docs/performance's pictures are made of: the last part of a name is where it lies on the axis."""
    thousand = {"concurrency": 1000}
    sizes = {"max.message.bytes": str(12 << 20)}
    points: list[tuple[str, str, dict[str, Any]]] = [
        *(
            # A connection has its partition: so many connections use all partitions in each of these.
            (f"partitions-{count}", f"1,000 connections over {count:,} partitions", {"partitions": count, **thousand})
            for count in (1, 10, 100, 1000)
        ),
        *(
            (f"connections-{count}", f"{count:,} connections", {"concurrency": count})
            for count in (1, 16, 128, 1000, 5000)
        ),
        *(
            (f"size-{size}", f"16 connections, records of {size:,} B", {"concurrency": 16, "message_size": size})
            for size in (16, 256, 4096, 65_536, 1 << 20, 10 << 20)
        ),
    ]
    return [
        _produce(
            f"growth-{name}",
            title,
            {"concurrency": 128, **options, **({"topic_configs": sizes} if "message_size" in options else {})},
            number=9,
            sides=("commit", "kafka"),
            shares="growth",
            importance=3,
        )
        for name, title, options in points
    ]


SCENARIOS: tuple[Scenario, ...] = (
    *_single(), *_cluster(), *_bulk(), *_reading(), *_publishing(), *_topics(), *_life(), *_growth(),
)  # fmt: skip


def select(only: list[str]) -> list[Scenario]:
    """All, or those with such a number or name; a name that ends in * stands for all that begin so."""
    return [
        scenario
        for scenario in SCENARIOS
        if not only
        or any(
            item in (scenario.name, str(scenario.number))
            or (item.endswith("*") and scenario.name.startswith(item[:-1]))
            for item in only
        )
    ]

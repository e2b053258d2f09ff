"""The command line's texts, and chronik-bench's options by their names."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from broker.bench.cli import bench
from broker.bench.command import Outputs, read_options
from broker.bench.options import BenchOptions, parse_acks, parse_duration
from broker.bench.wire import BenchError, parse_addresses

CHRONIK_BENCH = """
    bootstrap-servers topic concurrency message-size duration warmup-duration mode compression partitions
    replication-factor acks linger-ms batch-size request-timeout-ms message-timeout-ms report-interval-secs
    csv-output json-output consumer-group message-count rate-limit key-pattern payload-pattern create-topic
    delete-topic-after validate disable-auto-commit prometheus-port verbose
"""


@pytest.mark.parametrize(
    "text, seconds", [("60s", 60), ("500ms", 0.5), ("5m", 300), ("2h", 7200), ("3", 3), ("1.5s", 1.5)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "fast", "10 parsecs", "-1s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BenchError):
        parse_duration(text)


def test_acks_all_is_minus_one() -> None:
    assert [parse_acks(text) for text in ("0", "1", "-1", "all")] == [0, 1, -1, -1]
    with pytest.raises(BenchError):
        parse_acks("2")


def test_every_option_of_chronik_bench_is_there_by_its_name() -> None:
    names = {name.replace("_", "-") for name in inspect.signature(bench).parameters}

    assert not set(CHRONIK_BENCH.split()) - names


def test_the_command_line_becomes_options() -> None:
    arguments = {name: parameter.default for name, parameter in inspect.signature(bench).parameters.items()}
    for field in dataclasses.fields(Outputs):
        del arguments[field.name]
    arguments.update(duration="2m", warmup_duration="0s", acks="all", topic_config=["retention.ms=1000"])

    options = read_options(arguments)

    assert (options.duration_s, options.warmup_s, options.acks) == (120.0, 0.0, -1)
    assert options.topic_configs == {"retention.ms": "1000"}


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "guess"},
        {"message_size": 15},
        {"concurrency": 0},
        {"partitions": 2, "partitions_per_request": 3},
        {"compression": "zip"},
        {"duration_s": 0.0},
        {"linger_ms": 5},
        {"batch_size": 65536},
        {"message_timeout_ms": 1000},
        {"consumer_group": "others"},
        {"client": "librdkafka", "records_per_request": 10},
        {"client": "librdkafka", "mode": "consume", "fan_out": True},
        {"client": "librdkafka", "mode": "metadata"},
        {"mode": "consume", "rate_limit": 100.0},
        {"mode": "metadata", "processes": 2},
        {"metadata_step": "create"},
        {"consumers": 2},
        {"mode": "round-trip", "idempotent": True},
        {"mode": "soak", "compression": "zstd"},
        {"mode": "metadata", "create_topic": True},
        {"mode": "consume", "idempotent": True},
        {"mode": "consume", "concurrency": 32},
        {"mode": "consume", "acks": -1},
        {"mode": "metadata", "compression": "lz4"},
        {"rate_limit": -1.0},
        {"rate_limit": float("nan")},
        {"rate_limit": float("inf")},
        {"message_size": 200 << 20},
        {"records_per_request": 1 << 20},
        {"message_count": -1},
        {"partitions": 0},
        {"request_timeout_ms": 0},
        {"client": "librdkafka", "idempotent": True, "acks": 1},
    ],
)
def test_what_cannot_be_run_is_refused_before_it_starts(fields: dict[str, object]) -> None:
    with pytest.raises(BenchError):
        BenchOptions(**fields)  # type: ignore[arg-type]


def test_an_option_of_the_other_client_is_refused_by_its_name_with_what_to_do() -> None:
    with pytest.raises(BenchError, match=r"--linger-ms is of --client librdkafka only: .*--records-per-request"):
        BenchOptions(linger_ms=5)
    assert BenchOptions(client="librdkafka", linger_ms=5).linger_ms == 5


def test_what_says_only_what_is_so_anyhow_is_not_refused() -> None:
    assert BenchOptions(linger_ms=0, batch_size=16384).client == "raw"


def test_compressed_batches_are_told_apart_by_producer_ids() -> None:
    assert BenchOptions(compression="lz4").uses_producer_ids
    assert not BenchOptions().uses_producer_ids


def test_addresses_have_kafkas_port_where_none_is_given() -> None:
    assert parse_addresses("one:1,two, [::1]:3") == [("one", 1), ("two", 9092), ("::1", 3)]

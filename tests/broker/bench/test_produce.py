"""Produce runs against a broker of a few lines: what it does wrong with acknowledged records is found and counted."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bench_harness.wire_server import Store, WireServer, keep, options_of, produce

from broker.bench.report import write_report
from broker.bench.results import CSV_COLUMNS, append_csv, result_of, write_json
from broker.bench.verify import MISSING_WAIT_S
from protocol import ApiKey, ErrorCode


@pytest.fixture(autouse=True)
def waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing from this broker will not come later."""
    assert MISSING_WAIT_S > 0
    monkeypatch.setattr("broker.bench.verify.MISSING_WAIT_S", 0.0)


def at_batch(number: int, fault: Store) -> Store:
    """`fault` for the batch of that number, all others are kept."""
    seen = 0

    def store(batch: bytes, log: list[bytes]) -> None:
        nonlocal seen
        seen += 1
        (fault if seen == number else keep)(batch, log)

    return store


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"in_flight": 5},
        {"partitions_per_request": 2, "records_per_request": 3, "message_count": 60},
        {"processes": 2, "concurrency": 4},
        {"compression": "lz4", "records_per_request": 2},
        {"rate_limit": 400.0},
        {"acks": -1, "idempotent": True},
    ],
    ids=str,
)
def test_everything_acknowledged_is_read_back(changes: dict[str, object]) -> None:
    with WireServer() as server:
        options = options_of(server, **changes)
        result = produce(server, options)

    assert result.verification is not None
    assert result.verification.is_clean
    assert result.verification.acknowledged == result.verification.read_back == options.message_count
    assert result.load.records == options.message_count
    assert result.load.latencies.count == result.load.requests


def test_a_lost_record_is_found() -> None:
    with WireServer(store=at_batch(7, lambda batch, log: None)) as server:
        found = produce(server, options_of(server)).verification

    assert found is not None and not found.is_clean
    assert (found.acknowledged, found.lost, found.duplicated, found.out_of_order) == (40, 1, 0, 0)
    assert "was acknowledged and is lost" in found.examples[0]


def test_a_duplicated_record_is_found() -> None:
    with WireServer(store=at_batch(7, lambda batch, log: log.extend((batch, batch)))) as server:
        found = produce(server, options_of(server)).verification

    assert found is not None and not found.is_clean
    assert (found.lost, found.duplicated, found.out_of_order) == (0, 1, 0)


def test_a_record_out_of_order_is_found() -> None:
    with WireServer(store=at_batch(7, lambda batch, log: log.insert(len(log) - 1, batch))) as server:
        found = produce(server, options_of(server)).verification

    assert found is not None and not found.is_clean
    assert (found.lost, found.duplicated, found.out_of_order) == (0, 0, 1)


def test_a_damaged_record_is_found() -> None:
    with WireServer(store=at_batch(7, lambda batch, log: log.append(batch[:-3] + b"\xff" + batch[-2:]))) as server:
        found = produce(server, options_of(server)).verification

    assert found is not None and not found.is_clean
    assert (found.corrupted, found.lost) == (1, 1)


def test_a_lost_record_of_a_compressed_batch_is_found() -> None:
    with WireServer(store=at_batch(3, lambda batch, log: None)) as server:
        found = produce(server, options_of(server, compression="zstd", records_per_request=4)).verification

    assert found is not None
    assert (found.acknowledged, found.lost) == (40, 4)


def test_a_refused_record_is_a_failure_and_not_a_loss() -> None:
    with WireServer(error=lambda number: ErrorCode.NOT_LEADER_OR_FOLLOWER if number == 5 else ErrorCode.NONE) as server:
        result = produce(server, options_of(server))

    assert result.verification is not None and result.verification.is_clean
    assert result.verification.acknowledged == 39
    assert result.load.failed == 1
    assert result.load.errors == {"6": 1}


@pytest.mark.parametrize("in_flight", [1, 3])
@pytest.mark.parametrize(
    "distort, error",
    [
        (lambda data: data[:4] + b"\0\0\1\0" + data[8:], "another request was answered"),
        (lambda data: b"\0\0\0\4" + data[4:8], "an answer of another length"),
    ],
)
def test_a_connection_that_does_not_answer_its_request_is_lost_and_no_record_is(
    distort: Callable[[bytes], bytes], error: str, in_flight: int
) -> None:
    answers = itertools.count(1)

    with WireServer() as server:
        server.distort = lambda api, data: distort(data) if api is ApiKey.PRODUCE and next(answers) == 5 else data
        result = produce(server, options_of(server, in_flight=in_flight))

    assert result.verification is not None and result.verification.is_clean
    assert result.load.errors == {f"connection lost: {error}": 1}
    assert 1 <= result.load.failed <= in_flight


def test_without_acks_nothing_is_promised_and_what_arrived_is_told() -> None:
    with WireServer(store=at_batch(7, lambda batch, log: None)) as server:
        options = options_of(server, acks=0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("broker.bench.produce.ACK_LESS_WAIT_S", 0.5)
            found = produce(server, options).verification

    assert found is not None and found.is_clean
    assert (found.acknowledged, found.unacknowledged_found) == (0, 39)


def test_records_of_others_in_the_topic_are_left_alone() -> None:
    with WireServer() as server:
        produce(server, options_of(server))
        found = produce(server, options_of(server)).verification

    assert found is not None and found.is_clean
    assert (found.read_back, found.foreign) == (40, 0)


def test_the_report_says_what_is_wrong(tmp_path: Path) -> None:
    with WireServer(store=at_batch(7, lambda batch, log: None)) as server:
        refused = itertools.count(1)
        server.error = lambda number: ErrorCode.INVALID_RECORD if next(refused) == 20 else ErrorCode.NONE
        options = options_of(server)
        produced = produce(server, options)

    page = write_report(str(tmp_path), [("this run", result_of(options, produced.load, produced.verification))])

    text = Path(page).read_text()
    assert "was acknowledged and is lost" in text and "INVALID_RECORD: 1" in text


def test_the_csv_has_chronik_benchs_columns_and_a_row_a_run(tmp_path: Path) -> None:
    with WireServer() as server:
        options = options_of(server)
        produced = produce(server, options)
    result = result_of(options, produced.load, produced.verification)
    path = tmp_path / "runs.csv"

    append_csv(str(path), result)
    append_csv(str(path), result)

    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == 2
    assert (rows[0]["total_messages"], rows[0]["lost"], rows[0]["mode"]) == ("40", "0", "produce")
    assert all(value != "" for value in rows[0].values())


def test_the_json_has_options_seconds_and_verification(tmp_path: Path) -> None:
    with WireServer() as server:
        options = options_of(server)
        produced = produce(server, options)
    path = tmp_path / "run.json"

    write_json(str(path), result_of(options, produced.load, produced.verification))

    written = json.loads(path.read_text())
    assert written["options"]["concurrency"] == 2
    assert written["verification"]["read_back"] == 40
    assert written["seconds"] and written["latency_us"]["p99"] > 0

"""Reading and round trips against a broker of a few lines, and the frames that they send."""

from __future__ import annotations

import itertools

import pytest
from bench_harness.wire_server import WireServer, options_of

from broker.bench.fetch_frames import (
    FETCH_VERSION,
    FetchFrame,
    TimestampReader,
    next_offset,
    read_fetch_answer,
    walk_batches,
)
from broker.bench.payload import IDENTITY, IDENTITY_BYTES
from broker.bench.results import SilentObserver
from broker.bench.run import run_benchmark
from broker.bench.wire import BenchError, Cluster, parse_addresses
from protocol import ErrorCode, KafkaError, ProtocolError, decode, encode
from protocol.framing import frame
from protocol.headers import decode_request_header, response_header
from protocol.messages.fetch import FetchableTopicResponse, FetchRequest, FetchResponse, PartitionData
from protocol.records import Record, build_batch


def batch_sent_at(instant_ns: int, *, base_offset: int = 0, records: int = 1) -> bytes:
    value = IDENTITY.pack(1, 0, instant_ns) + bytes(20)
    rows = [Record(offset=base_offset + i, timestamp=1, key=None, value=value) for i in range(records)]
    return build_batch(rows, base_offset=base_offset)


def answer_frame(response: FetchResponse) -> bytes:
    return frame(response_header(1, FETCH_VERSION, 9), encode(response, FETCH_VERSION))


def test_a_patched_fetch_asks_from_the_offsets_it_was_given() -> None:
    fetch = FetchFrame("bench", [4, 2], max_wait_ms=100, min_bytes=1, max_bytes=1000)

    fetch.patch(77, {4: 1234, 2: 99})

    body = memoryview(bytes(fetch.buffer))[4:]
    header, position = decode_request_header(body)
    request = decode(FetchRequest, FETCH_VERSION, body[position:])
    assert header.correlation_id == 77
    assert [(part.partition, part.fetch_offset) for part in request.topics[0].partitions] == [(4, 1234), (2, 99)]


def test_the_records_of_an_answer_are_found_without_decoding_it() -> None:
    records = batch_sent_at(5) + batch_sent_at(6, base_offset=1, records=3)
    partitions = [
        PartitionData(partition_index=3, records=records, aborted_transactions=[]),
        PartitionData(partition_index=5, error_code=ErrorCode.OFFSET_OUT_OF_RANGE, records=None),
    ]
    answer = answer_frame(FetchResponse(responses=[FetchableTopicResponse(topic="bench", partitions=partitions)]))

    (index, error, begin, end), refused = read_fetch_answer(answer, 9)

    assert (index, error, answer[begin:end]) == (3, 0, records)
    assert refused[:2] == (5, 1)


def test_an_error_of_the_whole_answer_is_not_an_empty_answer() -> None:
    with pytest.raises(KafkaError):
        read_fetch_answer(answer_frame(FetchResponse(error_code=ErrorCode.UNKNOWN_SERVER_ERROR)), 9)


def test_a_batch_that_is_cut_is_not_counted() -> None:
    whole = batch_sent_at(5, records=2)
    data = whole + batch_sent_at(6, base_offset=2)[:-1]

    positions = walk_batches(data, 0, len(data))

    assert positions == [0, len(whole)]
    assert next_offset(data, positions[-2]) == 2


@pytest.mark.parametrize("length", [-12, -1, 0])
def test_a_length_that_no_batch_has_is_told(length: int) -> None:
    data = bytearray(batch_sent_at(5))
    data[8:12] = length.to_bytes(4, "big", signed=True)

    with pytest.raises(ProtocolError, match=f"a length of {length} bytes"):
        walk_batches(data, 0, len(data))


def test_the_instants_at_which_batches_were_sent_are_read() -> None:
    data = batch_sent_at(5) + batch_sent_at(6, base_offset=1) + batch_sent_at(7, base_offset=2, records=4)

    assert TimestampReader().read(data, walk_batches(data, 0, len(data))) == [5, 6, 7]


def test_what_has_no_instant_is_left_out() -> None:
    data = build_batch([Record(offset=0, timestamp=1, key=None, value=bytes(IDENTITY_BYTES - 1))])

    assert TimestampReader().read(data, walk_batches(data, 0, len(data))) == []


@pytest.mark.parametrize("changes", [{"consumers": 1}, {"consumers": 2}, {"consumers": 2, "processes": 2}], ids=str)
def test_consumers_read_together_what_was_asked_for(changes: dict[str, object]) -> None:
    with WireServer() as server:
        run_benchmark(options_of(server), SilentObserver())
        result = run_benchmark(options_of(server, mode="consume", **changes), SilentObserver())

    assert result.total_messages == 40
    assert result.latency_us["max"] > 0


def test_a_topic_that_was_read_before_the_measured_part_is_said_to_be() -> None:
    with WireServer() as server:
        Cluster(parse_addresses(server.bootstrap)).create_topic("bench", 1, 1)
        result = run_benchmark(options_of(server, mode="consume", message_count=0, duration_s=0.2), SilentObserver())

    assert not result.is_clean
    assert "--warmup-duration 0s" in result.warnings[-1]


def test_in_a_fan_out_every_consumer_reads_everything() -> None:
    with WireServer() as server:
        run_benchmark(options_of(server), SilentObserver())
        options = options_of(server, mode="consume", consumers=3, fan_out=True)
        result = run_benchmark(options, SilentObserver())

    assert result.total_messages == 120


def test_a_round_trip_measures_every_record_and_reads_them_back() -> None:
    with WireServer() as server:
        options = options_of(server, mode="round-trip", message_count=0, rate_limit=200.0, duration_s=1.0, consumers=2)
        result = run_benchmark(options, SilentObserver())

    assert result.verification is not None and result.verification.is_clean
    assert result.total_messages > 0
    assert result.latency_us["p50"] > 0


def test_a_topic_that_is_not_there_is_not_waited_for() -> None:
    with WireServer() as server, pytest.raises(BenchError, match="there is no topic bench to read"):
        run_benchmark(options_of(server, mode="consume", request_timeout_ms=600_000), SilentObserver())


@pytest.mark.parametrize("step", ["create", "auto-create", "delete", "create-delete"])
def test_topics_are_created_and_deleted_and_leave_nothing_behind(step: str) -> None:
    with WireServer() as server:
        options = options_of(server, mode="metadata", metadata_step=step, message_count=6)
        result = run_benchmark(options, SilentObserver())

        assert not server.topics
    assert (result.total_messages, result.failed_messages, result.errors) == (6, 0, {})


def test_a_client_whose_connection_breaks_goes_on_with_its_topic() -> None:
    """It used to ask on the dead connection again and again."""
    broken = itertools.count(1)

    def store(batch: bytes, log: list[bytes]) -> None:
        if next(broken) == 3:
            raise ConnectionError("as a broker that is killed")

    with WireServer(store=store) as server:
        options = options_of(server, mode="metadata", metadata_step="auto-create", message_count=6)
        result = run_benchmark(options, SilentObserver())

        assert not server.topics
    assert (result.total_messages, result.failed_messages, result.errors) == (6, 0, {})


def test_topics_that_may_be_there_after_a_failure_are_deleted_too() -> None:
    with WireServer() as server:
        refused = itertools.count(1)
        server.error = lambda number: ErrorCode.INVALID_RECORD if next(refused) == 2 else ErrorCode.NONE
        options = options_of(server, mode="metadata", metadata_step="auto-create", message_count=6)
        result = run_benchmark(options, SilentObserver())

        assert not server.topics
    assert (result.total_messages, result.errors) == (5, {str(int(ErrorCode.INVALID_RECORD)): 1})


def test_topics_of_the_warm_up_count_for_nothing() -> None:
    with WireServer() as server:
        changes: dict[str, object] = {"metadata_step": "auto-create", "message_count": 0}
        options = options_of(server, mode="metadata", warmup_s=0.3, duration_s=0.3, **changes)
        result = run_benchmark(options, SilentObserver())

    assert 0 < result.total_messages < server.produce_count

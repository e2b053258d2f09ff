"""Produce requests as their bytes: what is wrong with a batch gets the code that Apache Kafka gives it.

Every code here was compared with Apache Kafka 4.3.1; where ours is another on purpose, the test says why. To compare
again: MILLSTREAM_COMPARE_WITH=host:port runs the tests marked as Kafka's against that broker instead of ours.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from crc32c import crc32c
from faults_harness.wire import Wire, new_topic_name, produce_request
from harness.broker_process import BrokerProcess
from log_harness.batches import batch, keyed_batch, records_of

from protocol.errors import ErrorCode
from protocol.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from protocol.records import (
    Compression,
    Record,
    build_batch,
    convert_up,
    end_transaction_marker,
    write_message_set,
)
from protocol.records.control import ControlType

PEER = os.environ.get("MILLSTREAM_COMPARE_WITH", "")
NOW_MS = int(time.time() * 1000)
HOUR_MS = 3_600_000
ours_only = pytest.mark.skipif(bool(PEER), reason="Kafka answers otherwise; the test says why we do not")


@pytest.fixture(scope="module")
def bootstrap(request: pytest.FixtureRequest) -> str:
    if PEER:
        return PEER
    running: BrokerProcess = request.getfixturevalue("broker")
    return running.bootstrap


@pytest.fixture
def wire(bootstrap: str) -> Iterator[Wire]:
    with Wire(bootstrap) as client:
        yield client


@pytest.fixture
def topic(wire: Wire) -> str:
    name = new_topic_name()
    wire.create_topic(name)
    return name


def values(*items: bytes, timestamp: int = NOW_MS, **fields: object) -> bytes:
    return batch(*items, timestamp=timestamp, **fields)


def patched(data: bytes, position: int, layout: str, value: int) -> bytes:
    """The batch with one field of its header changed, and the checksum right again."""
    changed = bytearray(data)
    struct.pack_into(layout, changed, position, value)
    struct.pack_into(">I", changed, 17, crc32c(bytes(changed[21:])))
    return bytes(changed)


def with_broken_checksum(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


GOOD = values(b"first", b"second")
MARKER = end_transaction_marker(
    ControlType.COMMIT, producer_id=5, producer_epoch=0, coordinator_epoch=0, timestamp_ms=NOW_MS
)
WITHOUT_TRANSACTIONAL_BIT = struct.unpack_from(">h", MARKER, 21)[0] & ~0x10

BROKEN: dict[str, tuple[bytes, ErrorCode]] = {
    "its checksum is wrong": (with_broken_checksum(GOOD), ErrorCode.CORRUPT_MESSAGE),
    "it is cut": (GOOD[:-3], ErrorCode.INVALID_RECORD),
    "it is cut inside its header": (GOOD[:30], ErrorCode.INVALID_RECORD),
    "it is five bytes": (GOOD[:5], ErrorCode.INVALID_RECORD),
    "it is nothing": (b"", ErrorCode.INVALID_RECORD),
    "it is two batches": (GOOD + GOOD, ErrorCode.INVALID_RECORD),
    "it says three records and has two": (patched(GOOD, 57, ">i", 3), ErrorCode.INVALID_RECORD),
    "it says one record and has two": (patched(GOOD, 57, ">i", 1), ErrorCode.INVALID_RECORD),
    "it says no records": (patched(GOOD, 57, ">i", 0), ErrorCode.INVALID_RECORD),
    "it says -1 records": (patched(GOOD, 57, ">i", -1), ErrorCode.INVALID_RECORD),
    "its last offset is too high": (patched(GOOD, 23, ">i", 5), ErrorCode.INVALID_RECORD),
    "its last offset is negative": (patched(GOOD, 23, ">i", -1), ErrorCode.INVALID_RECORD),
    "its base offset is 7": (patched(GOOD, 0, ">q", 7), ErrorCode.INVALID_RECORD),
    "its base offset is -1": (patched(GOOD, 0, ">q", -1), ErrorCode.INVALID_RECORD),
    "it is a control batch": (patched(MARKER, 21, ">h", WITHOUT_TRANSACTIONAL_BIT), ErrorCode.INVALID_RECORD),
    "it is a message set in a version of batches": (
        write_message_set([Record(0, NOW_MS, b"k", b"v")], 1, Compression.NONE),
        ErrorCode.INVALID_RECORD,
    ),
    "it has a producer id and no sequence": (
        values(b"x", producer_id=5, producer_epoch=0, base_sequence=-1),
        ErrorCode.INVALID_RECORD,
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_batch_is_refused_and_the_next_one_taken(wire: Wire, topic: str, what: str) -> None:
    data, code = BROKEN[what]

    refused = wire.produce(topic, data)

    assert ErrorCode(refused.error_code) is code
    assert refused.base_offset == -1
    accepted = wire.produce(topic, GOOD)
    assert (accepted.error_code, accepted.base_offset) == (0, 0), "a refused batch left a hole"


@ours_only
@pytest.mark.parametrize("codec", [1, 5, 7])
def test_a_block_that_does_not_unpack_is_an_invalid_record(wire: Wire, topic: str, codec: int) -> None:
    """Kafka says UNKNOWN_SERVER_ERROR and logs a stack trace; the fault is the client's, so we say so."""
    refused = wire.produce(topic, patched(GOOD, 21, ">h", codec))
    assert ErrorCode(refused.error_code) is ErrorCode.INVALID_RECORD


@ours_only
@pytest.mark.parametrize("version", [3, 9])
def test_null_records_are_refused(wire: Wire, topic: str, version: int) -> None:
    """Kafka never answers this request."""
    assert ErrorCode(wire.produce(topic, None, version=version).error_code) is ErrorCode.INVALID_RECORD


@ours_only
def test_bytes_behind_the_batch_are_refused(wire: Wire, topic: str) -> None:
    """Kafka drops an incomplete second batch without a word."""
    assert ErrorCode(wire.produce(topic, GOOD + b"\0").error_code) is ErrorCode.INVALID_RECORD


@pytest.mark.parametrize("version", [3, 6])
def test_zstd_needs_version_7(wire: Wire, topic: str, version: int) -> None:
    """KIP-110: a client that may ask with less could not read it back either."""
    packed = values(b"x" * 50, compression=Compression.ZSTD)
    refused = wire.produce(topic, packed, version=version)
    assert ErrorCode(refused.error_code) is ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
    assert wire.produce(topic, packed, version=7).base_offset == 0


@pytest.mark.parametrize("version", [3, 9])
@pytest.mark.parametrize("acks", [2, -2])
def test_acks_are_all_none_or_one(wire: Wire, topic: str, acks: int, version: int) -> None:
    refused = wire.produce(topic, GOOD, acks=acks, version=version)
    assert ErrorCode(refused.error_code) is ErrorCode.INVALID_REQUIRED_ACKS
    assert wire.produce(topic, GOOD).base_offset == 0


@pytest.mark.parametrize("partition", [77, -1])
def test_an_unknown_partition_fails_alone(wire: Wire, topic: str, partition: int) -> None:
    response: ProduceResponse = wire.call(produce_request(topic, {partition: GOOD, 0: GOOD}), 9)
    codes = {answer.index: ErrorCode(answer.error_code) for answer in response.responses[0].partition_responses}
    assert codes == {partition: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0: ErrorCode.NONE}


def test_one_broken_batch_does_not_take_the_others_along(wire: Wire) -> None:
    name = new_topic_name()
    wire.create_topic(name, 3)
    request = produce_request(name, {0: GOOD, 1: with_broken_checksum(GOOD), 2: GOOD})
    answers = wire.call(request, 9).responses[0].partition_responses
    assert [ErrorCode(answer.error_code) for answer in answers] == [
        ErrorCode.NONE,
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.NONE,
    ]
    assert [answer.base_offset for answer in answers] == [0, -1, 0]


@pytest.mark.parametrize("name", ["a b/c", "", ".", "x" * 250])
def test_a_name_that_no_topic_can_have(wire: Wire, name: str) -> None:
    assert ErrorCode(wire.produce(name, GOOD).error_code) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_topic_ids(wire: Wire) -> None:
    name = new_topic_name()
    topic_id = wire.create_topic(name)
    assert wire.produce(name, GOOD, version=13, topic_id=topic_id).base_offset == 0
    for unknown in (bytes(16), b"0123456789abcdef"):
        refused = wire.produce(name, GOOD, version=13, topic_id=unknown)
        assert ErrorCode(refused.error_code) is ErrorCode.UNKNOWN_TOPIC_ID
    refused = wire.produce(name, GOOD, version=13, topic_id=topic_id, partition=9)
    assert ErrorCode(refused.error_code) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


# --- timestamps and keys -----------------------------------------------------------------------------------------


def test_timestamps_out_of_bounds_are_named_record_by_record(wire: Wire) -> None:
    """KIP-467 since v8, KIP-937 for the bounds."""
    name = new_topic_name()
    wire.create_topic(name, message_timestamp_before_max_ms=str(HOUR_MS), message_timestamp_after_max_ms=str(HOUR_MS))
    stamps = [NOW_MS, NOW_MS - 2 * HOUR_MS, NOW_MS, NOW_MS + 2 * HOUR_MS]
    mixed = build_batch([Record(index, stamp, None, b"v") for index, stamp in enumerate(stamps)])

    refused = wire.produce(name, mixed)

    assert ErrorCode(refused.error_code) is ErrorCode.INVALID_TIMESTAMP
    assert [error.batch_index for error in refused.record_errors] == [1, 3]
    assert all(error.batch_index_error_message for error in refused.record_errors)
    assert refused.error_message
    old = wire.produce(name, mixed, version=7)
    assert (ErrorCode(old.error_code), old.record_errors) == (ErrorCode.INVALID_TIMESTAMP, [])
    assert wire.produce(name, values(b"x", timestamp=-1)).base_offset == 0, "no timestamp is none that could be wrong"


def test_more_than_an_hour_ahead_is_refused_by_default(wire: Wire, topic: str) -> None:
    refused = wire.produce(topic, values(b"x", timestamp=NOW_MS + 2 * HOUR_MS))
    assert ErrorCode(refused.error_code) is ErrorCode.INVALID_TIMESTAMP


def test_with_log_append_time_the_answer_has_the_time(wire: Wire) -> None:
    name = new_topic_name()
    wire.create_topic(name, message_timestamp_type="LogAppendTime")
    taken = wire.produce(name, values(b"x", timestamp=NOW_MS - 9 * HOUR_MS))
    assert (taken.error_code, taken.base_offset) == (0, 0)
    assert taken.log_append_time_ms >= NOW_MS
    assert [record.timestamp for record in records_of(wire.fetch(name).records)] == [taken.log_append_time_ms]


def test_a_compacted_topic_names_the_records_without_a_key(wire: Wire) -> None:
    name = new_topic_name()
    wire.create_topic(name, cleanup_policy="compact")
    rows = keyed_batch([(b"k", b"v"), (None, b"v"), (b"k", None), (None, b"z")], timestamp=NOW_MS)

    refused = wire.produce(name, rows)

    assert ErrorCode(refused.error_code) is ErrorCode.INVALID_RECORD
    assert [error.batch_index for error in refused.record_errors] == [1, 3]
    assert wire.produce(name, rows, version=7).record_errors == []
    assert wire.produce(name, keyed_batch([(b"k", b"v")], timestamp=NOW_MS)).base_offset == 0


def test_too_large_for_the_topic_or_for_a_segment(wire: Wire) -> None:
    small, short = new_topic_name(), new_topic_name()
    wire.create_topic(small, max_message_bytes="500")
    wire.create_topic(short, segment_bytes="1048576", max_message_bytes="5000000")
    assert ErrorCode(wire.produce(small, values(b"x" * 600)).error_code) is ErrorCode.MESSAGE_TOO_LARGE
    refused = wire.produce(short, values(b"x" * 2_000_000))
    assert ErrorCode(refused.error_code) is ErrorCode.RECORD_LIST_TOO_LARGE


# --- idempotence -------------------------------------------------------------------------------------------------


class Numbered:
    """Batches of one idempotent producer."""

    def __init__(self, wire: Wire, topic: str) -> None:
        self.wire, self.topic = wire, topic
        self.producer_id, self.epoch = wire.new_producer_id()

    def send(self, sequence: int, *items: bytes, epoch_step: int = 0) -> tuple[ErrorCode, int]:
        answer = self.wire.produce(
            self.topic,
            values(
                *(items or (b"x",)),
                producer_id=self.producer_id,
                producer_epoch=self.epoch + epoch_step,
                base_sequence=sequence,
            ),
        )
        return ErrorCode(answer.error_code), answer.base_offset


@pytest.fixture
def numbered(wire: Wire, topic: str) -> Numbered:
    return Numbered(wire, topic)


def test_a_repeated_batch_is_answered_with_its_first_offset_and_stored_once(numbered: Numbered) -> None:
    for sequence in range(6):
        assert numbered.send(sequence) == (ErrorCode.NONE, sequence)
    # The last five batches are remembered; what is older can only be out of order.
    assert [numbered.send(sequence) for sequence in (5, 1, 3)] == [(ErrorCode.NONE, n) for n in (5, 1, 3)]
    assert numbered.send(0) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert numbered.send(6) == (ErrorCode.NONE, 6)


def test_gaps_and_overlaps_are_out_of_order(numbered: Numbered) -> None:
    assert numbered.send(0, b"a", b"b") == (ErrorCode.NONE, 0)
    assert numbered.send(5) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert numbered.send(1) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert numbered.send(2) == (ErrorCode.NONE, 2)


def test_a_new_epoch_begins_at_sequence_0_and_fences_the_old(numbered: Numbered) -> None:
    """KIP-360."""
    assert numbered.send(0) == (ErrorCode.NONE, 0)
    assert numbered.send(3, epoch_step=1) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
    assert numbered.send(0, epoch_step=1) == (ErrorCode.NONE, 1)
    assert numbered.send(1) == (ErrorCode.INVALID_PRODUCER_EPOCH, -1)


def test_a_producer_whose_state_is_gone_may_go_on_anywhere(numbered: Numbered) -> None:
    """Its records were deleted by retention: refusing its next sequence would stop it for ever (KIP-360)."""
    assert numbered.send(7) == (ErrorCode.NONE, 0)
    assert numbered.send(8) == (ErrorCode.NONE, 1)


def test_sequences_wrap_around(numbered: Numbered) -> None:
    assert numbered.send(2**31 - 2) == (ErrorCode.NONE, 0)
    assert numbered.send(2**31 - 1) == (ErrorCode.NONE, 1)
    assert numbered.send(0) == (ErrorCode.NONE, 2)
    assert numbered.send(2**31 - 1) == (ErrorCode.NONE, 1)


def test_pipelined_duplicates_wait_for_the_first_of_them(wire: Wire, topic: str) -> None:
    """A retry on the wire right behind the original: both answers carry the same offset, one batch is stored."""
    producer_id, epoch = wire.new_producer_id()
    data = values(b"once", producer_id=producer_id, producer_epoch=epoch, base_sequence=0)
    ids = [wire.send(produce_request(topic, {0: data}), 9) for _ in range(3)]
    answers = [wire.receive(ProduceRequest, 9, sent).responses[0].partition_responses[0] for sent in ids]
    assert [(answer.error_code, answer.base_offset) for answer in answers] == [(0, 0)] * 3
    assert [record.value for record in records_of(wire.fetch(topic).records)] == [b"once"]


# --- acks=0 ------------------------------------------------------------------------------------------------------


def test_acks_0_answers_nothing_and_keeps_the_order(wire: Wire, topic: str) -> None:
    wire.send(produce_request(topic, {0: GOOD}, acks=0), 9)
    assert wire.produce(topic, GOOD).base_offset == 2


def test_a_refused_request_with_acks_0_closes_the_connection(wire: Wire, bootstrap: str, topic: str) -> None:
    """The only way to tell a producer that expects no answer."""
    with Wire(bootstrap) as silent:
        silent.send(produce_request(topic, {0: with_broken_checksum(GOOD)}, acks=0), 9)
        assert silent.is_closed()
    assert wire.produce(topic, GOOD).base_offset == 0


# --- message sets ------------------------------------------------------------------------------------------------

PRODUCE_AND_MAGIC = [(0, 0), (1, 0), (2, 1), (2, 0)]
CODECS = [Compression.NONE, Compression.GZIP, Compression.SNAPPY, Compression.LZ4]


@ours_only
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("version", "magic"), PRODUCE_AND_MAGIC)
def test_message_sets_are_converted_up_and_read_by_every_version_of_fetch(
    wire: Wire, topic: str, version: int, magic: int, codec: Compression
) -> None:
    """Kafka 4 serves neither produce v0–2 nor fetch v0–3 any more; clients of 0.9 to 0.11 ask for them."""
    rows = [Record(index, NOW_MS + index, b"k%d" % index, b"v%d" % index) for index in range(3)]

    first = wire.produce(topic, write_message_set(rows, magic, codec), version=version)
    second = wire.produce(topic, write_message_set(rows, magic, codec), version=version)

    assert (first.error_code, first.base_offset) == (0, 0)
    assert (second.error_code, second.base_offset) == (0, 3)
    for fetch_version in (0, 1, 2, 3, 4, 10, 12):
        data = wire.fetch(topic, version=fetch_version).records
        assert data[16] == {0: 0, 1: 0, 2: 1, 3: 1}.get(fetch_version, 2)
        up = data if fetch_version >= 4 else convert_up(data, decompressed_bytes_max=1 << 20)
        found = records_of(up)
        assert [(row.key, row.value) for row in found] == [(row.key, row.value) for row in rows] * 2
        if magic == 1 and fetch_version >= 2:
            assert [row.timestamp for row in found] == [row.timestamp for row in rows] * 2


@ours_only
@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_batch_in_a_version_of_message_sets_is_refused(wire: Wire, topic: str, version: int) -> None:
    assert ErrorCode(wire.produce(topic, GOOD, version=version).error_code) is ErrorCode.INVALID_RECORD


# --- the request as a whole --------------------------------------------------------------------------------------


def test_a_partition_named_twice_is_appended_twice(wire: Wire, topic: str) -> None:
    entry = PartitionProduceData(index=0, records=GOOD)
    request = ProduceRequest(
        acks=-1, timeout_ms=30_000, topic_data=[TopicProduceData(name=topic, partition_data=[entry, entry])]
    )
    answers = wire.call(request, 9).responses[0].partition_responses
    assert {ErrorCode(answer.error_code) for answer in answers} == {ErrorCode.NONE}


def test_a_request_without_topics_is_answered(wire: Wire) -> None:
    assert wire.call(ProduceRequest(acks=-1, timeout_ms=1000), 9).responses == []


def test_hundreds_of_requests_in_flight_keep_their_order(wire: Wire, topic: str) -> None:
    send: Callable[[int], int] = lambda n: wire.send(produce_request(topic, {0: values(b"%d" % n)}, acks=1), 9)  # noqa: E731
    ids = [send(n) for n in range(400)]
    offsets = [wire.receive(ProduceRequest, 9, sent).responses[0].partition_responses[0].base_offset for sent in ids]
    assert offsets == list(range(400))
    assert [int(row.value or b"") for row in records_of(wire.fetch(topic).records)] == list(range(400))

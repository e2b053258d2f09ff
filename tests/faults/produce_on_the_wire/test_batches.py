"""What is wrong with a batch gets the code that Apache Kafka gives it.

Every code here was compared with Apache Kafka 4.3.1; where ours is another on purpose, the test says why. To compare
again: MILLSTREAM_COMPARE_WITH=host:port.
"""

from __future__ import annotations

import struct

import pytest
from faults_harness.produced import GOOD, HOUR_MS, NOW_MS, ours_only, patched, values, with_broken_checksum
from faults_harness.wire import Wire, new_topic_name
from log_harness.batches import keyed_batch, records_of

from protocol.errors import ErrorCode
from protocol.records import Compression, Record, build_batch, end_transaction_marker, write_message_set
from protocol.records.control import ControlType

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

"""Control batches: the markers that end transactions."""

from __future__ import annotations

import pytest

from protocol.errors import ErrorCode, KafkaError
from protocol.records import (
    ControlType,
    Record,
    build_batch,
    end_transaction_marker,
    read_batch_header,
    read_control_type,
    read_end_transaction_marker,
    verify_crc,
)


def refused() -> pytest.RaisesExc[KafkaError]:
    return pytest.RaisesExc(KafkaError, check=lambda error: error.code is ErrorCode.INVALID_RECORD)


def control_batch(key: bytes | None, value: bytes | None) -> bytes:
    return build_batch([Record(0, 1, key, value)], producer_id=1, producer_epoch=0, control=True)


@pytest.mark.parametrize(("control_type", "number"), [(ControlType.ABORT, 0), (ControlType.COMMIT, 1)])
def test_a_marker_is_one_control_record_of_its_producer(control_type: ControlType, number: int) -> None:
    marker = end_transaction_marker(
        control_type,
        producer_id=4000,
        producer_epoch=3,
        coordinator_epoch=12,
        timestamp_ms=1_700_000_000_000,
        base_offset=99,
        partition_leader_epoch=6,
    )
    header = read_batch_header(marker)
    verify_crc(marker, 0, header)

    # length 16, key 4 bytes: version, type; value 6 bytes: version, coordinator epoch
    assert marker[61:] == b"\x20\0\0\0\x08\0\0\0" + bytes([number]) + b"\x0c\0\0\0\0\0\x0c\0"
    assert header.is_control and header.is_transactional
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (4000, 3, -1)
    assert (header.base_offset, header.last_offset, header.record_count) == (99, 99, 1)
    assert header.partition_leader_epoch == 6
    assert read_control_type(marker, 0, header) is control_type
    assert read_end_transaction_marker(marker, 0, header) == (control_type, 12)


def test_a_type_from_the_future_is_unknown_and_no_error() -> None:
    batch = control_batch(b"\0\0\0\x63", None)
    header = read_batch_header(batch)

    assert read_control_type(batch, 0, header) is ControlType.UNKNOWN
    with refused():
        read_end_transaction_marker(batch, 0, header)


def test_a_version_from_the_future_is_read_by_its_known_fields() -> None:
    batch = control_batch(b"\0\x01\0\x01more", b"\0\x01\0\0\0\x07more")

    assert read_end_transaction_marker(batch, 0, read_batch_header(batch)) == (ControlType.COMMIT, 7)


@pytest.mark.parametrize("key", [None, b"", b"\0\0\0", b"\xff\xff\0\0"])
def test_a_malformed_key_is_refused(key: bytes | None) -> None:
    batch = control_batch(key, b"\0\0\0\0\0\0")
    with refused():
        read_control_type(batch, 0, read_batch_header(batch))


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\0\0", b"\xff\xff\0\0\0\0"])
def test_a_malformed_value_is_refused(value: bytes | None) -> None:
    batch = control_batch(b"\0\0\0\0", value)
    with refused():
        read_end_transaction_marker(batch, 0, read_batch_header(batch))


def test_a_data_batch_has_no_control_type() -> None:
    batch = build_batch([Record(0, 1, b"\0\0\0\0", None)])
    with refused():
        read_control_type(batch, 0, read_batch_header(batch))

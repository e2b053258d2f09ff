"""Reading the files of a log for people: `millstream log dump` of a segment, an index, a snapshot or a checkpoint.

`dump_file` gives one row per entry and, where the bytes are not what they should be, a row that says so and where; it
never stops at the first problem if the rest can still be made out. It opens no log and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crc32c import crc32c

from broker.log.leader_epochs import LeaderEpochs
from broker.log.offset_index import OFFSET_ENTRY
from broker.log.producer_state import ProducerStates
from broker.log.time_index import TIME_ENTRY
from broker.log.transaction_index import TRANSACTION_ENTRY
from broker.log.validation import DECOMPRESSED_BYTES_MAX
from protocol.errors import KafkaError
from protocol.records import (
    RECORD_BATCH_HEADER_SIZE,
    BatchHeader,
    peek_batch_header,
    read_control_type,
    read_records,
)
from wal import CorruptionError, Filesystem, read_atomic

Value = int | str | bool | None


@dataclass(frozen=True, slots=True)
class DumpRow:
    """`fields` in the order to show them; `problem` is empty where all is well."""

    position: int
    fields: dict[str, Value]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DumpOptions:
    """`records`: also the records of each batch, `values_bytes_max` of key and value each."""

    records: bool = False
    values_bytes_max: int = 200


def dump_file(filesystem: Filesystem, path: str, options: DumpOptions | None = None) -> Iterator[DumpRow]:
    """Rows of the file at `path`, told by its name. Raises StorageError if it cannot be read, ValueError if its name is
    none that a log has."""
    name = path.rpartition("/")[2]
    suffix = next((suffix for suffix in _DUMPERS if name.endswith(suffix)), None)
    if suffix is None:
        raise ValueError(f"{name} is not a file of a log; those end in {', '.join(_DUMPERS)}")
    data = read_atomic(filesystem, path)
    if data is None:
        raise FileNotFoundError(path)
    base_offset = int(name[:20]) if name[:20].isdigit() else 0
    return _DUMPERS[suffix](data, base_offset, options or DumpOptions())


def _dump_segment(data: bytes, base_offset: int, options: DumpOptions) -> Iterator[DumpRow]:
    position, next_offset = 0, base_offset
    while position < len(data):
        try:
            header = peek_batch_header(data, position)
        except KafkaError as error:
            yield DumpRow(position, {"bytes": len(data) - position}, f"no batch begins here: {error.message}")
            return
        problem = _batch_problem(data, position, header, next_offset)
        yield DumpRow(position, _batch_fields(data, position, header), problem)
        if position + header.size_bytes > len(data):
            return
        if options.records and not problem:
            yield from _dump_records(data, position, header, options)
        next_offset = max(next_offset, header.next_offset)
        position += header.size_bytes


def _batch_problem(data: bytes, position: int, header: BatchHeader, next_offset: int) -> str:
    end = position + header.size_bytes
    if end > len(data):
        return f"the batch has {header.size_bytes} bytes, the file {len(data) - position} more"
    if crc32c(memoryview(data)[position + 21 : end]) != header.crc:
        return "the checksum is wrong"
    if header.base_offset < next_offset:
        return f"offset {header.base_offset} comes after offset {next_offset - 1}"
    return ""


def _batch_fields(data: bytes, position: int, header: BatchHeader) -> dict[str, Value]:
    codec = header.attributes & 7
    fields: dict[str, Value] = {
        "base_offset": header.base_offset,
        "last_offset": header.last_offset,
        "count": header.record_count,
        "size": header.size_bytes,
        "leader_epoch": header.partition_leader_epoch,
        "compression": header.compression.name.lower() if codec <= 4 else codec,
        "timestamp_type": "LogAppendTime" if header.is_log_append_time else "CreateTime",
        "max_timestamp": header.max_timestamp,
        "crc": header.crc,
    }
    if header.producer_id >= 0:
        fields["producer_id"] = header.producer_id
        fields["producer_epoch"] = header.producer_epoch
        fields["base_sequence"] = header.base_sequence
        fields["transactional"] = header.is_transactional
    if header.has_delete_horizon:
        fields["delete_horizon_ms"] = header.base_timestamp
    if header.is_control:
        fields["control"] = _control_name(data, position, header)
    return fields


def _control_name(data: bytes, position: int, header: BatchHeader) -> str:
    if position + header.size_bytes > len(data) or header.size_bytes < RECORD_BATCH_HEADER_SIZE:
        return "cut"
    try:
        return read_control_type(data, position, header).name
    except KafkaError:
        return "unreadable"


def _dump_records(data: bytes, position: int, header: BatchHeader, options: DumpOptions) -> Iterator[DumpRow]:
    try:
        records = read_records(data, position, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
    except KafkaError as error:
        yield DumpRow(position, {"base_offset": header.base_offset}, f"its records cannot be read: {error.message}")
        return
    for record in records:
        fields: dict[str, Value] = {
            "offset": record.offset,
            "timestamp": record.timestamp,
            "key": _shown(record.key, options.values_bytes_max),
            "value": _shown(record.value, options.values_bytes_max),
        }
        if record.headers:
            fields["headers"] = ", ".join(
                f"{key}={_shown(value, options.values_bytes_max)}" for key, value in record.headers
            )
        yield DumpRow(position, fields)


def _shown(data: bytes | None, bytes_max: int) -> str | None:
    if data is None:
        return None
    text = data[:bytes_max].decode("utf-8", "backslashreplace")
    return text if len(data) <= bytes_max else f"{text}… ({len(data)} bytes)"


def _dump_offset_index(data: bytes, base_offset: int, _: DumpOptions) -> Iterator[DumpRow]:
    before: tuple[int, ...] = (-1, -1)
    for slot, entry in enumerate(OFFSET_ENTRY.iter_unpack(data[: len(data) // 8 * 8])):
        problem = (
            "" if entry[0] > before[0] and entry[1] > before[1] else "the entry does not rise above the one before"
        )
        yield DumpRow(slot * 8, {"offset": base_offset + entry[0], "position": entry[1]}, problem)
        before = entry
    yield from _rest(data, 8)


def _order_problem(entry: tuple[int, ...], before: tuple[int, ...]) -> str:
    rises = entry[0] > before[0] and entry[1] > before[1]
    return "" if rises else "the entry does not rise above the one before"


def _dump_time_index(data: bytes, base_offset: int, _: DumpOptions) -> Iterator[DumpRow]:
    before: tuple[int, ...] = (-1, -1)
    for slot, entry in enumerate(TIME_ENTRY.iter_unpack(data[: len(data) // 12 * 12])):
        problem = (
            "" if entry[0] > before[0] and entry[1] > before[1] else "the entry does not rise above the one before"
        )
        yield DumpRow(slot * 12, {"timestamp": entry[0], "offset": base_offset + entry[1]}, problem)
        before = entry
    yield from _rest(data, 12)


def _dump_transaction_index(data: bytes, _: int, __: DumpOptions) -> Iterator[DumpRow]:
    size = TRANSACTION_ENTRY.size
    for slot, entry in enumerate(TRANSACTION_ENTRY.iter_unpack(data[: len(data) // size * size])):
        names = ("version", "producer_id", "first_offset", "last_offset", "last_stable_offset")
        problem = "" if entry[0] == 0 else f"version {entry[0]} is not known"
        yield DumpRow(slot * size, dict(zip(names, entry, strict=True)), problem)
    yield from _rest(data, size)


def _rest(data: bytes, entry_bytes: int) -> Iterator[DumpRow]:
    left = len(data) % entry_bytes
    if left:
        yield DumpRow(len(data) - left, {"bytes": left}, f"half an entry: one has {entry_bytes} bytes")


def _dump_snapshot(data: bytes, _: int, __: DumpOptions) -> Iterator[DumpRow]:
    try:
        states = ProducerStates.decode(data, "the snapshot")
    except CorruptionError as error:
        yield DumpRow(0, {"bytes": len(data)}, str(error))
        return
    for producer_id, entry in states.entries.items():
        yield DumpRow(
            0,
            {
                "producer_id": producer_id,
                "producer_epoch": entry.producer_epoch,
                "coordinator_epoch": entry.coordinator_epoch,
                "last_timestamp": entry.last_timestamp,
                "open_transaction_first_offset": entry.transaction_first_offset,
                "batches": ", ".join(
                    f"{batch.first_sequence}-{batch.last_sequence}@{batch.first_offset}" for batch in entry.batches
                ),
            },
        )


def _dump_epochs(data: bytes, _: int, __: DumpOptions) -> Iterator[DumpRow]:
    try:
        epochs = LeaderEpochs.decode(data, "the file")
    except CorruptionError as error:
        yield DumpRow(0, {"bytes": len(data)}, str(error))
        return
    for epoch, start in epochs.entries:
        yield DumpRow(0, {"leader_epoch": epoch, "start_offset": start})


_DUMPERS: dict[str, Callable[[bytes, int, DumpOptions], Iterator[DumpRow]]] = {
    ".log": _dump_segment,
    ".timeindex": _dump_time_index,
    ".txnindex": _dump_transaction_index,
    ".index": _dump_offset_index,
    ".snapshot": _dump_snapshot,
    "leader-epoch-checkpoint": _dump_epochs,
}

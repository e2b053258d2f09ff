"""Reading the files of a data directory for people: what `millstream log dump` shows of a file of the logs.

One item per batch, entry or line, and where the bytes are not what they should be an item whose `problem` says so and
where; reading goes on behind it as far as the rest can still be made out. Opens nothing and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any

from broker.log.checkpoints import decode_checkpoint
from broker.log.journal_entries import KINDS, decode
from broker.log.leader_epochs import FILE_NAME as LEADER_EPOCHS_FILE
from broker.log.leader_epochs import LeaderEpochs
from broker.log.offset_index import OFFSET_ENTRY
from broker.log.partition_directory import METADATA_FILE, decode_metadata
from broker.log.producer_snapshot import decode_snapshot
from broker.log.time_index import TIME_ENTRY
from broker.log.transaction_index import TRANSACTION_ENTRY, AbortedTransaction
from broker.log.validation import DECOMPRESSED_BYTES_MAX
from protocol.errors import KafkaError
from protocol.records import (
    BatchHeader,
    Buffer,
    Record,
    peek_batch_header,
    read_control_type,
    read_records,
    verify_crc,
)
from wal import CorruptionError

Item = dict[str, Any]
NOT_RISING = "the entry does not rise above the one before"


def is_log_file(name: str) -> bool:
    return _dumper_of(name) is not None


def dump_file(name: str, data: Buffer, *, records: bool = False) -> Iterator[Item | Record]:
    """What the file called `name`, one for which `is_log_file` holds, has in it; with `records` also the records behind
    the item of each batch."""
    stem, _, suffix = name.rpartition(".")
    base_offset = int(stem) if stem.isdigit() else 0
    if suffix == "log":
        return _batches(data, base_offset=base_offset, records=records)
    dumper = _dumper_of(name)
    assert dumper is not None, name
    return iter(dumper(data, base_offset))


def dump_journal_entry(kind: int, payload: Buffer, *, records: bool = False) -> Iterator[Item | Record]:
    """What one entry of the node's journal says; with `records` also the batches in it and their records."""
    try:
        entry = decode(kind, payload)
    except CorruptionError as error:
        yield {"problem": str(error)}
        return
    item: Item = {"kind": KINDS[kind], "topic_id": entry.topic_id.hex(), "partition": entry.partition}
    yield item | {"leader_epoch": entry.leader_epoch, "offset": entry.offset, "bytes": len(entry.records)}
    if records:
        yield from _batches(bytes(entry.records), base_offset=0, records=True)


# --- batches -----------------------------------------------------------------------------------------------------


def _batches(data: Buffer, *, base_offset: int, records: bool) -> Iterator[Item | Record]:
    position, next_offset = 0, base_offset
    while position < len(data):
        try:
            header = peek_batch_header(data, position)
        except KafkaError as error:
            yield _problem(position, f"no batch begins here: {_text(error)}", bytes=len(data) - position)
            return
        item = _batch(position, header)
        if position + header.size_bytes > len(data):
            yield item | {"problem": f"the batch is longer than the {len(data) - position} bytes left"}
            return
        if header.base_offset < next_offset:
            item["problem"] = f"offset {header.base_offset} comes after offset {next_offset - 1}"
        yield from _whole_batch(data, position, header, item, records=records)
        next_offset = max(next_offset, header.next_offset)
        position += header.size_bytes


def _batch(position: int, header: BatchHeader) -> Item:
    item: Item = {
        "position": position,
        "base_offset": header.base_offset,
        "last_offset": header.last_offset,
        "records": header.record_count,
        "bytes": header.size_bytes,
        "leader_epoch": header.partition_leader_epoch,
        "compression": _compression(header),
        "timestamp_type": "LogAppendTime" if header.is_log_append_time else "CreateTime",
        "max_timestamp": header.max_timestamp,
    }
    if header.has_delete_horizon:
        item["delete_horizon_ms"] = header.base_timestamp
    if header.producer_id >= 0:
        item |= {"producer_id": header.producer_id, "producer_epoch": header.producer_epoch}
        item |= {"base_sequence": header.base_sequence, "transactional": header.is_transactional}
    return item


def _compression(header: BatchHeader) -> str:
    try:
        return header.compression.name.lower()
    except KafkaError:
        return f"unknown codec {header.attributes & 7}"


def _whole_batch(
    data: Buffer, position: int, header: BatchHeader, item: Item, *, records: bool
) -> Iterator[Item | Record]:
    found: list[Record] = []
    try:
        verify_crc(data, position, header)
        if header.is_control and header.record_count:  # compaction may have emptied it
            item["control"] = read_control_type(data, position, header).name
        if records:
            found = read_records(data, position, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
    except KafkaError as error:
        item["problem"] = _text(error)
    yield item
    yield from found


# --- indexes -----------------------------------------------------------------------------------------------------


def _offset_index(data: Buffer, base_offset: int) -> Iterator[Item]:
    for position, (offset, at), problem in _rising_entries(data, OFFSET_ENTRY):
        yield {"offset": base_offset + offset, "position": at} | _at(position, problem)
    yield from _rest(data, OFFSET_ENTRY)


def _time_index(data: Buffer, base_offset: int) -> Iterator[Item]:
    for position, (timestamp, offset), problem in _rising_entries(data, TIME_ENTRY):
        yield {"timestamp": timestamp, "offset": base_offset + offset} | _at(position, problem)
    yield from _rest(data, TIME_ENTRY)


def _rising_entries(data: Buffer, entry: Struct) -> Iterator[tuple[int, tuple[int, ...], str]]:
    """(position in the file, fields, problem). Both fields of an entry rise."""
    before: tuple[int, ...] = (-1, -1)
    for slot, fields in enumerate(entry.iter_unpack(_entries(data, entry))):
        rises = fields[0] > before[0] and fields[1] > before[1]
        yield slot * entry.size, fields, "" if rises else NOT_RISING
        before = fields


def _transaction_index(data: Buffer, _: int) -> Iterator[Item]:
    for slot, (version, *fields) in enumerate(TRANSACTION_ENTRY.iter_unpack(_entries(data, TRANSACTION_ENTRY))):
        problem = f"version {version} is not known" if version else ""
        yield AbortedTransaction(*fields)._asdict() | _at(slot * TRANSACTION_ENTRY.size, problem)
    yield from _rest(data, TRANSACTION_ENTRY)


def _entries(data: Buffer, entry: Struct) -> memoryview:
    return memoryview(data)[: len(data) - len(data) % entry.size]


def _rest(data: Buffer, entry: Struct) -> Iterator[Item]:
    if left := len(data) % entry.size:
        yield _problem(len(data) - left, f"{left} bytes are no whole entry of {entry.size}")


# --- snapshots and text ------------------------------------------------------------------------------------------


def _producers(data: Buffer, _: int) -> Iterator[Item]:
    try:
        states = decode_snapshot(bytes(data), "the file")
    except CorruptionError as error:
        yield _problem(0, str(error), bytes=len(data))
        return
    for producer_id, entry in sorted(states.entries.items()):
        yield {
            "producer_id": producer_id,
            "producer_epoch": entry.producer_epoch,
            "coordinator_epoch": entry.coordinator_epoch,
            "last_timestamp": entry.last_timestamp,
            "transaction_first_offset": entry.transaction_first_offset,
            "batches": [
                f"{batch.first_sequence}-{batch.last_sequence}@{batch.first_offset}-{batch.last_offset}"
                for batch in entry.batches
            ],
        }


def _leader_epochs(data: Buffer, _: int) -> Iterator[Item]:
    try:
        epochs = LeaderEpochs.decode(bytes(data), "the file")
    except CorruptionError as error:
        yield from _unreadable_lines(data, error)
        return
    for epoch, start_offset in epochs.entries:
        yield {"leader_epoch": epoch, "start_offset": start_offset}


def _checkpoint(data: Buffer, _: int) -> Iterator[Item]:
    try:
        offsets = decode_checkpoint(bytes(data), "the file")
    except CorruptionError as error:
        yield from _unreadable_lines(data, error)
        return
    for (topic, partition), offset in offsets.items():
        yield {"topic": topic, "partition": partition, "offset": offset}


def _partition_metadata(data: Buffer, _: int) -> Iterator[Item]:
    try:
        topic_id = decode_metadata(bytes(data), "the file")
    except CorruptionError as error:
        yield from _unreadable_lines(data, error)
        return
    # In hexadecimal too, which is how directories of deleted partitions and the journal's entries name it.
    yield from _lines(data)
    yield {"topic_id": topic_id.hex()}


def _lines(data: Buffer) -> Iterator[Item]:
    for line in bytes(data).decode(errors="backslashreplace").splitlines():
        yield {"line": line}


def _unreadable_lines(data: Buffer, error: CorruptionError) -> Iterator[Item]:
    yield _problem(0, str(error), bytes=len(data))
    yield from _lines(data)


def _problem(position: int, problem: str, **fields: int) -> Item:
    return {"position": position, **fields, "problem": problem}


def _at(position: int, problem: str) -> Item:
    """An index entry has a `position` of its own, so where it stands is told only where something is wrong with it."""
    return {"problem": f"byte {position}: {problem}"} if problem else {}


def _text(error: KafkaError) -> str:
    return error.message or error.code.name


_DUMPERS: dict[str, Callable[[Buffer, int], Iterator[Item]]] = {
    ".timeindex": _time_index,
    ".txnindex": _transaction_index,
    ".index": _offset_index,
    ".snapshot": _producers,
    LEADER_EPOCHS_FILE: _leader_epochs,
    "-checkpoint": _checkpoint,
    METADATA_FILE: _partition_metadata,
}


def _dumper_of(name: str) -> Callable[[Buffer, int], Iterator[Any]] | None:
    if name.endswith(".log"):
        return lambda data, base_offset: _batches(data, base_offset=base_offset, records=False)
    return next((dumper for suffix, dumper in _DUMPERS.items() if name.endswith(suffix)), None)

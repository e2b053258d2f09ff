"""The files of a data directory as items for people: what is in them, and where that cannot be read.

Nothing is opened for writing, and nothing is believed: a file of a broker that was killed may end anywhere.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from struct import Struct
from typing import Any

from broker.cli.connection import ClientError
from broker.cli.record_formats import record_object
from protocol import KafkaError
from protocol.records import (
    RECORD_BATCH_HEADER_SIZE,
    BatchHeader,
    Buffer,
    read_batch_header,
    read_records,
    verify_crc,
)

Item = dict[str, Any]

DECOMPRESSED_BYTES_MAX = 1 << 30
METADATA_DIRECTORY = "metadata"
METADATA_SNAPSHOT = "snapshot"
TEXT_FILES = {"meta.properties", "partition.metadata"}


def dump_path(path: str, *, records: bool) -> Iterator[Item]:
    """What is in a file, or in a journal's directory, in order. An item with a `problem` stands for what is damaged."""
    if path.endswith(".wal") or os.path.isdir(path):
        yield from _journal(path, records=records)
        return
    name = os.path.basename(path)
    if name == METADATA_SNAPSHOT:
        yield from _metadata_snapshot(path)
        return
    with open(path, "rb") as file:
        # A segment may be larger than memory. (A file without a byte cannot be mapped.)
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if os.path.getsize(path) else b"")
    stem, _, suffix = name.rpartition(".")
    base_offset = int(stem) if stem.isdigit() else 0
    if suffix == "log":
        yield from _batches(data, records=records)
    elif suffix == "index":
        yield from _offset_index(data, base_offset)
    elif suffix == "timeindex":
        yield from _time_index(data, base_offset)
    elif suffix == "txnindex":
        yield from _transaction_index(data)
    elif suffix == "snapshot":
        yield from _producers(bytes(data), path)
    elif name in TEXT_FILES or name.endswith("-checkpoint"):
        yield from ({"line": line} for line in bytes(data).decode(errors="replace").splitlines())
    else:
        raise ClientError(
            f"{path} is none of the files of a data directory: .log, .index, .timeindex, .txnindex, .snapshot, "
            ".wal, a checkpoint or a directory of .wal files"
        )


def _batches(data: Buffer, *, records: bool, at: int = 0) -> Iterator[Item]:
    position = 0
    while position < len(data):
        try:
            header = read_batch_header(data, position)
        except KafkaError as error:
            yield {"position": at + position, "problem": error.message or error.code.name}
            return
        yield from _batch(data, position, header, at=at, records=records)
        position += header.size_bytes


def _batch(data: Buffer, position: int, header: BatchHeader, *, at: int, records: bool) -> Iterator[Item]:
    item: Item = {
        "position": at + position,
        "base_offset": header.base_offset,
        "last_offset": header.last_offset,
        "records": header.record_count,
        "bytes": header.size_bytes,
        "leader_epoch": header.partition_leader_epoch,
        "compression": header.compression.name.lower(),
        "max_timestamp": header.max_timestamp,
    }
    if header.producer_id >= 0:
        item |= {"producer_id": header.producer_id, "producer_epoch": header.producer_epoch}
        item |= {"base_sequence": header.base_sequence, "transactional": header.is_transactional}
    if header.is_control:
        item["control"] = True
    try:
        verify_crc(data, position, header)
        found = read_records(data, position, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX) if records else []
    except KafkaError as error:
        yield item | {"problem": error.message or error.code.name}
        return
    yield item
    yield from (record_object(record) for record in found)


def _offset_index(data: Buffer, base_offset: int) -> Iterator[Item]:
    from broker.log.offset_index import OFFSET_ENTRY

    for offset, position in _entries(data, OFFSET_ENTRY):
        yield {"offset": base_offset + offset, "position": position}
    yield from _rest(data, OFFSET_ENTRY)


def _time_index(data: Buffer, base_offset: int) -> Iterator[Item]:
    from broker.log.time_index import TIME_ENTRY

    for timestamp, offset in _entries(data, TIME_ENTRY):
        yield {"timestamp": timestamp, "offset": base_offset + offset}
    yield from _rest(data, TIME_ENTRY)


def _transaction_index(data: Buffer) -> Iterator[Item]:
    from broker.log.transaction_index import TRANSACTION_ENTRY, AbortedTransaction

    for _, *fields in _entries(data, TRANSACTION_ENTRY):
        yield AbortedTransaction(*fields)._asdict()
    yield from _rest(data, TRANSACTION_ENTRY)


def _entries(data: Buffer, entry: Struct) -> Iterator[tuple[Any, ...]]:
    return entry.iter_unpack(data[: len(data) - len(data) % entry.size])


def _rest(data: Buffer, entry: Struct) -> Iterator[Item]:
    if left := len(data) % entry.size:
        yield {"position": len(data) - left, "problem": f"{left} bytes are no whole entry of {entry.size}"}


def _producers(data: bytes, path: str) -> Iterator[Item]:
    from broker.log.producer_state import ProducerStates
    from wal import CorruptionError

    try:
        states = ProducerStates.decode(data, path)
    except CorruptionError as error:
        yield {"position": 0, "problem": str(error)}
        return
    for producer_id, entry in sorted(states.entries.items()):
        yield {
            "producer_id": producer_id,
            "producer_epoch": entry.producer_epoch,
            "last_timestamp": entry.last_timestamp,
            "transaction_first_offset": entry.transaction_first_offset,
            "batches": [
                f"{batch.first_sequence}-{batch.last_sequence}@{batch.first_offset}-{batch.last_offset}"
                for batch in entry.batches
            ],
        }


def _journal(path: str, *, records: bool) -> Iterator[Item]:
    """Entries of the journal, or of the metadata log, which lies in a journal of its own."""
    from wal import DumpProblem, OsFilesystem
    from wal import dump as dump_journal

    for found in dump_journal(OsFilesystem(), path):
        where: Item = {"file": os.path.basename(found.path)}
        if isinstance(found, DumpProblem):
            yield where | {"position": found.position, "problem": found.message}
            continue
        where |= {"position": found.frame_position, "sequence": found.sequence}
        if os.path.basename(os.path.dirname(os.path.abspath(found.path))) == METADATA_DIRECTORY:
            yield from _metadata_entry(where, found.payload)
        else:
            yield from _log_entry(where, found.kind, found.payload, records=records)


def _metadata_entry(where: Item, payload: bytes) -> Iterator[Item]:
    import msgspec

    from broker.metadata import UnknownMetadata, decode_records

    try:
        yield from (where | msgspec.to_builtins(record) for record in decode_records(payload))
    except UnknownMetadata as error:
        yield where | {"problem": str(error)}


def _metadata_snapshot(path: str) -> Iterator[Item]:
    import msgspec

    from broker.metadata import UnknownMetadata, decode_snapshot
    from wal import OsFilesystem, StorageError, read_checked

    try:
        data = read_checked(OsFilesystem(), path)
        assert data is not None, path
        offset, records = decode_snapshot(data)
    except (StorageError, UnknownMetadata) as error:
        yield {"problem": str(error)}
        return
    yield {"metadata_offset": offset}
    yield from (msgspec.to_builtins(record) for record in records)


def _log_entry(where: Item, kind: int, payload: bytes, *, records: bool) -> Iterator[Item]:
    from broker.log.journal_entries import KINDS, decode

    if kind not in KINDS:
        yield where | {"problem": f"entries of kind {kind} are not known"}
        return
    entry = decode(kind, payload)
    item = where | {"kind": KINDS[kind], "topic_id": entry.topic_id.hex(), "partition": entry.partition}
    yield item | {"leader_epoch": entry.leader_epoch, "offset": entry.offset, "bytes": len(entry.records)}
    if records and len(entry.records) >= RECORD_BATCH_HEADER_SIZE:
        yield from _batches(bytes(entry.records), records=True)

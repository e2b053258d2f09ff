"""The files of a data directory as items for `millstream log dump`: each room reads its own, this finds the one to ask.

Nothing is opened for writing, and nothing is believed: a file of a broker that was killed may end anywhere.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from typing import Any

from broker.cli.connection import ClientError
from broker.cli.record_formats import record_object
from protocol.records import Buffer, Record

Item = dict[str, Any]

METADATA_DIRECTORY = "metadata"
METADATA_SNAPSHOT = "snapshot"
TEXT_FILES = {"meta.properties", ".kafka_cleanshutdown"}


def dump_path(path: str, *, records: bool) -> Iterator[Item]:
    """What is in a file, or in a journal's directory, in order. An item with a `problem` stands for what is damaged."""
    from broker.log import dump_file, is_log_file

    name = os.path.basename(path)
    if path.endswith(".wal") or os.path.isdir(path):
        yield from _journal(path, records=records)
    elif name == METADATA_SNAPSHOT:
        yield from _metadata_snapshot(path)
    elif is_log_file(name):
        yield from map(_item, dump_file(name, _content(path), records=records))
    elif name in TEXT_FILES:
        yield from ({"line": line} for line in bytes(_content(path)).decode(errors="backslashreplace").splitlines())
    else:
        raise ClientError(
            f"{path} is none of the files of a data directory: .log, .index, .timeindex, .txnindex, .snapshot, "
            ".wal, a checkpoint, partition.metadata, meta.properties, metadata/snapshot or a directory of .wal files"
        )


def _content(path: str) -> Buffer:
    """Mapped: a segment may be larger than memory. (A file without a byte cannot be mapped.)"""
    with open(path, "rb") as file:
        if not os.path.getsize(path):
            return b""
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _item(found: Item | Record) -> Item:
    return record_object(found) if isinstance(found, Record) else found


def _journal(path: str, *, records: bool) -> Iterator[Item]:
    """Entries of the journal, or of the metadata log, which lies in a journal of its own."""
    from broker.log import dump_journal_entry
    from wal import DumpProblem, OsFilesystem
    from wal import dump as dump_journal

    if os.path.isdir(path) and not any(name.endswith(".wal") for name in os.listdir(path)):
        raise ClientError(f"{path} has no journal: name a directory with .wal files, or a file")
    for found in dump_journal(OsFilesystem(), path):
        where: Item = {"file": os.path.basename(found.path)}
        if isinstance(found, DumpProblem):
            yield where | {"position": found.position, "problem": found.message}
            continue
        where |= {"position": found.frame_position, "sequence": found.sequence}
        if os.path.basename(os.path.dirname(os.path.abspath(found.path))) == METADATA_DIRECTORY:
            yield from _metadata_entry(where, found.kind, found.payload)
        else:
            first, *rest = map(_item, dump_journal_entry(found.kind, found.payload, records=records))
            yield where | first
            yield from rest


def _metadata_entry(where: Item, kind: int, payload: bytes) -> Iterator[Item]:
    import msgspec

    from broker.quorum import dump_entry

    for found in dump_entry(kind, payload):
        yield where | (found if isinstance(found, dict) else msgspec.to_builtins(found))


def _metadata_snapshot(path: str) -> Iterator[Item]:
    import msgspec

    from broker.quorum import dump_snapshot
    from wal import OsFilesystem

    for found in dump_snapshot(OsFilesystem(), os.path.dirname(os.path.abspath(path))):
        yield found if isinstance(found, dict) else msgspec.to_builtins(found)

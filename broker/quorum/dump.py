"""What lies in a metadata directory, for people: entries of the journal and the snapshot, decoded one by one."""

from __future__ import annotations

from collections.abc import Iterator
from struct import error as StructError
from typing import Any

from broker.metadata import UnknownMetadata, decode_records, decode_snapshot
from broker.quorum.log_storage import ENTRY, HARD_STATE, RESTORED, unpack_entry, unpack_hard_state, unpack_restored
from broker.quorum.snapshots import SnapshotFile
from raft import EntryKind, MessageError, decode_configuration
from wal import Buffer, Filesystem, StorageError

Item = dict[str, Any]


def dump_entry(kind: int, payload: Buffer) -> Iterator[Item | object]:
    """What one journal entry says: dicts, and for each metadata record the record. A dict's `problem` is damage."""
    try:
        if kind == ENTRY:
            entry = unpack_entry(payload)
            where = {"raft": entry.kind.name.lower(), "term": entry.term, "index": entry.index}
            if entry.kind is EntryKind.NORMAL:
                yield from decode_records(entry.data)
            elif entry.kind is EntryKind.CONFIGURATION:
                yield where | {"configuration": str(decode_configuration(entry.data))}
            else:
                yield where
        elif kind == HARD_STATE:
            state = unpack_hard_state(payload)
            yield {"raft": "state", "term": state.term, "voted_for": state.voted_for, "committed": state.committed}
        elif kind == RESTORED:
            index, term = unpack_restored(payload)
            yield {"raft": "restored", "index": index, "term": term}
        else:
            yield {"problem": f"entries of kind {kind} are not known"}
    except (StructError, ValueError, UnknownMetadata, MessageError) as error:
        yield {"problem": str(error)}


def dump_snapshot(filesystem: Filesystem, directory: str) -> Iterator[Item | object]:
    """The snapshot beside the journal: one dict about it, then its records."""
    try:
        snapshot = SnapshotFile(filesystem, directory).read()
        assert snapshot is not None, directory
        _, records = decode_snapshot(snapshot.content)
    except (StorageError, UnknownMetadata, MessageError) as error:
        yield {"problem": str(error)}
        return
    yield {"metadata_offset": snapshot.metadata.index, "term": snapshot.metadata.term}
    yield from records

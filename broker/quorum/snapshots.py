"""The file that holds the newest snapshot of the metadata, replaced as a whole.

`<directory>/snapshot`: 4 bytes length of the metadata | Raft's metadata of the snapshot (`raft.encoding`: index, term,
configuration, size, checksum of the content) | the content, which is `broker.metadata.encode_snapshot`'s.
"""

from __future__ import annotations

import struct

from crc32c import crc32c

from broker.metadata import MetadataImage, encode_snapshot
from raft import Configuration, SnapshotMetadata, decode_snapshot_metadata, encode_snapshot_metadata
from wal import CorruptionError, Filesystem, read_checked, write_checked

_LENGTH = struct.Struct(">I")


class Snapshot:
    """Metadata and content of one snapshot; never changed."""

    __slots__ = ("content", "metadata")

    def __init__(self, metadata: SnapshotMetadata, content: bytes) -> None:
        self.metadata = metadata
        self.content = content


def snapshot_of(image: MetadataImage, *, index: int, term: int, configuration: Configuration) -> Snapshot:
    """`image` is the state after the entry at `index`. May run in a worker: nothing here changes."""
    content = encode_snapshot(image)
    return Snapshot(SnapshotMetadata(index, term, configuration, len(content), crc32c(content)), content)


class SnapshotFile:
    def __init__(self, filesystem: Filesystem, directory: str) -> None:
        self._filesystem = filesystem
        self.path = f"{directory}/snapshot"

    def read(self) -> Snapshot | None:
        """None before the first one. Raises StorageError."""
        data = read_checked(self._filesystem, self.path)
        if data is None:
            return None
        if len(data) < _LENGTH.size:
            raise CorruptionError(f"{self.path} is cut short: restore it from a copy")
        (length,) = _LENGTH.unpack_from(data)
        metadata = decode_snapshot_metadata(data[_LENGTH.size : _LENGTH.size + length])
        content = bytes(data[_LENGTH.size + length :])
        check(metadata, content, self.path)
        return Snapshot(metadata, content)

    def write(self, snapshot: Snapshot) -> None:
        metadata = encode_snapshot_metadata(snapshot.metadata)
        write_checked(self._filesystem, self.path, _LENGTH.pack(len(metadata)) + metadata + snapshot.content)


def check(metadata: SnapshotMetadata, content: bytes, where: str) -> None:
    """Raises CorruptionError where the bytes are not those that were taken."""
    if len(content) != metadata.size_bytes or crc32c(content) != metadata.checksum:
        raise CorruptionError(f"{where}: the snapshot of entry {metadata.index} is not what was written")

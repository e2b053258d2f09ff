"""The file that holds the newest snapshot of the metadata, replaced as a whole.

`<directory>/snapshot`, inside the envelope of `wal.write_checked`; integers are big-endian:

    0       4       6       10
    +-------+-------+-------+-------- ... --------+---------- ... ----------+
    | magic | ver-  | bytes | Raft's metadata of  | the content, which is   |  index, term, configuration, size and
    | "MSMS"| sion 1|       | the snapshot        | encode_snapshot's       |  checksum of the content: raft.encoding
    +-------+-------+-------+-------- ... --------+---------- ... ----------+

Version 0 begins with the length. A cluster in which some nodes know only that goes on writing it (metadata.version).
"""

from __future__ import annotations

import struct

from crc32c import crc32c

from broker.metadata import MetadataImage, encode_snapshot, gated
from raft import Configuration, SnapshotMetadata, decode_snapshot_metadata, encode_snapshot_metadata
from wal import CorruptionError, Filesystem, read_checked, write_checked

MAGIC = b"MSMS"
FORMAT_VERSION = 1

_HEADER = struct.Struct(">4sH")
_LENGTH = struct.Struct(">I")


class Snapshot:
    """Metadata and content of one snapshot; never changed. `file_format` is what its file may be written in: where
    nobody looked into the content, one that every version reads."""

    __slots__ = ("content", "file_format", "metadata")

    def __init__(self, metadata: SnapshotMetadata, content: bytes, file_format: int = 0) -> None:
        self.metadata = metadata
        self.content = content
        self.file_format = file_format


def snapshot_of(image: MetadataImage, *, index: int, term: int, configuration: Configuration) -> Snapshot:
    """`image` is the state after the entry at `index`. May run in a worker: nothing here changes."""
    content = encode_snapshot(image)
    metadata = SnapshotMetadata(index, term, configuration, len(content), crc32c(content))
    return Snapshot(metadata, content, gated(image).snapshot_format)


class SnapshotFile:
    def __init__(self, filesystem: Filesystem, directory: str) -> None:
        self._filesystem = filesystem
        self.path = f"{directory}/snapshot"

    def read(self) -> Snapshot | None:
        """None before the first one. Raises StorageError."""
        data = read_checked(self._filesystem, self.path)
        if data is None:
            return None
        start = self._start_of_metadata(data)
        if len(data) < start + _LENGTH.size:
            raise CorruptionError(f"{self.path} is cut short: restore it from a copy")
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        metadata = decode_snapshot_metadata(data[start : start + length])
        content = bytes(data[start + length :])
        check(metadata, content, self.path)
        return Snapshot(metadata, content)

    def _start_of_metadata(self, data: bytes) -> int:
        if len(data) < _HEADER.size or not data.startswith(MAGIC):
            return 0
        _, version = _HEADER.unpack_from(data)
        if version != FORMAT_VERSION:
            raise CorruptionError(
                f"{self.path} has format {version}, this version reads up to {FORMAT_VERSION}: "
                "start the version that wrote it, or a newer one"
            )
        return _HEADER.size

    def write(self, snapshot: Snapshot) -> None:
        metadata = encode_snapshot_metadata(snapshot.metadata)
        header = _HEADER.pack(MAGIC, FORMAT_VERSION) if snapshot.file_format else b""
        write_checked(self._filesystem, self.path, header + _LENGTH.pack(len(metadata)) + metadata + snapshot.content)


def check(metadata: SnapshotMetadata, content: bytes, where: str) -> None:
    """Raises CorruptionError where the bytes are not those that were taken."""
    if len(content) != metadata.size_bytes or crc32c(content) != metadata.checksum:
        raise CorruptionError(f"{where}: the snapshot of entry {metadata.index} is not what was written")

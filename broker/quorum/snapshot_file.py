"""The file that holds the latest snapshot of the metadata, replaced as a whole."""

from __future__ import annotations

from broker.metadata import MetadataImage, MetadataRecord, decode_snapshot, encode_snapshot
from wal import Filesystem, read_checked, write_checked


class SnapshotFile:
    """`<directory>/snapshot`."""

    def __init__(self, filesystem: Filesystem, directory: str) -> None:
        self._filesystem = filesystem
        self._path = f"{directory}/snapshot"

    def read(self) -> tuple[int, list[MetadataRecord]] | None:
        """(metadata offset, records), or None before the first snapshot. Raises StorageError, UnknownMetadata."""
        data = read_checked(self._filesystem, self._path)
        return None if data is None else decode_snapshot(data)

    def write(self, image: MetadataImage) -> None:
        write_checked(self._filesystem, self._path, encode_snapshot(image))

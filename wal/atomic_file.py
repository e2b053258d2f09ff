"""Small files that are replaced as a whole: after a crash either the old content is there or the new one.

Plain (`write_atomically`) for formats that are read by others, such as Kafka's checkpoint files; checked
(`write_checked`) where only we read them:

    0       4       8                     all integers big-endian
    +-------+-------+------- ... ------+
    | crc   | bytes | data             |  CRC-32C of data
    +-------+-------+------- ... ------+
"""

from __future__ import annotations

import struct

from crc32c import crc32c

from wal.directory import TEMPORARY_SUFFIX, parent_of
from wal.errors import CorruptionError, storage_error, sync_error
from wal.filesystem import Buffer, Filesystem

_ENVELOPE = struct.Struct(">II")


def write_atomically(filesystem: Filesystem, path: str, data: Buffer) -> None:
    """Replace `path` by `data`, durably: temporary file, datasync, rename, directory sync. Its directory exists.

    One writer per path at a time. StorageError where it fails; the old content is then still there and it may be tried
    again. SyncFailed when only the last step failed: either content may be there, and other new names in doubt.
    """
    temporary = path + TEMPORARY_SUFFIX
    try:
        file = filesystem.open(temporary, create=True)
        try:
            file.truncate(0)
            file.append([data])
            file.datasync()
        finally:
            file.close()
        filesystem.rename(temporary, path)
    except OSError as error:
        raise storage_error(error, "replace", path) from error
    try:
        filesystem.sync_directory(parent_of(path))
    except OSError as error:
        raise sync_error(error, "sync the directory of", path) from error


def read_atomic(filesystem: Filesystem, path: str) -> bytes | None:
    """The content last written, or None if `path` was never written."""
    try:
        file = filesystem.open(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, "open", path) from error
    try:
        return file.pread(file.size(), 0)
    except OSError as error:
        raise storage_error(error, "read", path) from error
    finally:
        file.close()


def write_checked(filesystem: Filesystem, path: str, data: Buffer) -> None:
    """`write_atomically` with a CRC in front."""
    write_atomically(filesystem, path, _ENVELOPE.pack(crc32c(data), len(data)) + bytes(data))


def read_checked(filesystem: Filesystem, path: str) -> bytes | None:
    """What `write_checked` wrote, or None if it never did; CorruptionError where the bytes do not agree."""
    content = read_atomic(filesystem, path)
    if content is None:
        return None
    data = content[_ENVELOPE.size :]
    if len(content) < _ENVELOPE.size or _ENVELOPE.unpack_from(content) != (crc32c(data), len(data)):
        raise CorruptionError(f"{path} is damaged: its checksum does not agree; restore it from a copy")
    return data

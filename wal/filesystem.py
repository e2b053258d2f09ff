"""The seam to the disk: everything durable goes through these two protocols and nothing else.

Production uses `OsFilesystem`; crash tests use a simulated one that forgets what was not synced. Rules both obey:

- Bytes are durable after `File.datasync` (contents and size), names after `Filesystem.sync_directory` of the parent.
- `append` and `write_durably` write all of their buffers or raise; after a raise what they touched is undefined.
- Failures are `OSError`s as the system gave them; callers turn them into `wal.errors.StorageError` with a sentence.

Files are used from the event-loop thread and from worker threads; one `File` is appended by one thread at a time.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Protocol

Buffer = bytes | bytearray | memoryview

# The kernel takes at most IOV_MAX (1024) buffers a call.
BUFFERS_PER_WRITE_MAX = 1024

# Write and datasync as one system call (Linux). Beside a busy event-loop thread it takes a third of the time of two
# or less (means of 1,500 commits of 25 KB: 0.3 ms to 3.0, 1.4 to 4.8), because the GIL is taken back once, not twice.
# 0 where the system lacks it: then two calls.
_WRITE_DURABLY_FLAG: int = getattr(os, "RWF_DSYNC", 0)

# What a file system that does not know the flag answers (FUSE, 9p, some sandboxes), having written nothing.
_FLAG_UNKNOWN = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class File(Protocol):
    """One open file. Positions and sizes are in bytes."""

    def size(self) -> int: ...

    def append(self, buffers: Sequence[Buffer]) -> int:
        """Write all buffers at the end, in order; returns how many bytes that was."""
        ...

    def pread(self, length: int, position: int) -> bytes:
        """Up to `length` bytes; fewer only at the end of the file."""
        ...

    def pwrite(self, data: Buffer, position: int) -> None: ...

    def write_durably(self, buffers: Sequence[Buffer], position: int) -> int:
        """Write all buffers at `position` and return when they are durable; other writes may not be."""
        ...

    def truncate(self, size: int) -> None: ...

    def datasync(self) -> None: ...

    def descriptor(self) -> int | None:
        """By which the system itself may read the file, until `close`; None where there is none."""
        ...

    def close(self) -> None: ...


class Filesystem(Protocol):
    """Names are paths with `/`; the caller makes directories before it opens files in them."""

    def open(self, path: str, *, create: bool = False) -> File:
        """Open for reading and appending. Without `create` a missing file is FileNotFoundError."""
        ...

    def exists(self, path: str) -> bool: ...

    def list(self, directory: str) -> list[str]:
        """Names (not paths) in `directory`, sorted; FileNotFoundError if it is missing."""
        ...

    def size(self, path: str) -> int: ...

    def make_directory(self, path: str) -> None:
        """Create with its parents; an existing one is fine."""
        ...

    def remove(self, path: str) -> None: ...

    def remove_directory(self, path: str) -> None:
        """Remove a directory and everything in it."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Atomic; replaces `target` where it exists."""
        ...

    def sync_directory(self, path: str) -> None: ...

    def free_bytes(self, path: str) -> int: ...


class OsFile:
    """A file of the operating system, by descriptor."""

    __slots__ = ("_durably_flag", "_fd", "_size")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._durably_flag = _WRITE_DURABLY_FLAG
        self._size = os.fstat(fd).st_size

    def size(self) -> int:
        return self._size

    def append(self, buffers: Sequence[Buffer]) -> int:
        return self._write_all(buffers, self._size)

    def write_durably(self, buffers: Sequence[Buffer], position: int) -> int:
        if not self._durably_flag or len(buffers) > BUFFERS_PER_WRITE_MAX:
            total = self._write_all(buffers, position)
            os.fdatasync(self._fd)
            return total
        total = sum(map(len, buffers))
        try:
            done = os.pwritev(self._fd, buffers, position, self._durably_flag)
        except OSError as error:
            if error.errno not in _FLAG_UNKNOWN:
                raise
            self._durably_flag = 0
            return self.write_durably(buffers, position)
        if done < total:
            self._write_rest(buffers, position, done, total)
            os.fdatasync(self._fd)
        self._size = max(self._size, position + total)
        return total

    def _write_all(self, buffers: Sequence[Buffer], position: int) -> int:
        written = 0
        for start in range(0, len(buffers), BUFFERS_PER_WRITE_MAX):
            group = buffers[start : start + BUFFERS_PER_WRITE_MAX]
            total = sum(map(len, group))
            done = os.pwritev(self._fd, group, position + written)
            if done < total:
                self._write_rest(group, position + written, done, total)
            written += total
        self._size = max(self._size, position + written)
        return written

    def _write_rest(self, buffers: Sequence[Buffer], position: int, done: int, total: int) -> None:
        """A short write is legal (a signal, a disk nearly full): the rest either follows or raises."""
        rest = memoryview(b"".join(buffers))
        while done < total:
            done += os.pwrite(self._fd, rest[done:], position + done)

    def pread(self, length: int, position: int) -> bytes:
        data = os.pread(self._fd, length, position)
        if len(data) == length or not data:
            return data
        parts = [data]
        got = len(data)
        while got < length and (data := os.pread(self._fd, length - got, position + got)):
            parts.append(data)
            got += len(data)
        return b"".join(parts)

    def pwrite(self, data: Buffer, position: int) -> None:
        view = memoryview(data)
        done = 0
        while done < len(view):
            done += os.pwrite(self._fd, view[done:], position + done)
        self._size = max(self._size, position + len(view))

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        self._size = size

    def datasync(self) -> None:
        os.fdatasync(self._fd)

    def descriptor(self) -> int:
        return self._fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class OsFilesystem:
    """The disk of this machine."""

    def open(self, path: str, *, create: bool = False) -> OsFile:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        return OsFile(os.open(path, flags, 0o644))

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def list(self, directory: str) -> list[str]:
        return sorted(os.listdir(directory))

    def size(self, path: str) -> int:
        return os.stat(path).st_size

    def make_directory(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def remove(self, path: str) -> None:
        os.unlink(path)

    def remove_directory(self, path: str) -> None:
        for root, directories, files in os.walk(path, topdown=False):
            for name in files:
                os.unlink(os.path.join(root, name))
            for name in directories:
                os.rmdir(os.path.join(root, name))
        os.rmdir(path)

    def rename(self, source: str, target: str) -> None:
        os.replace(source, target)

    def sync_directory(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def free_bytes(self, path: str) -> int:
        stat = os.statvfs(path)
        return stat.f_bavail * stat.f_frsize

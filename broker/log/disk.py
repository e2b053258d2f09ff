"""The log's way to its files: by path, with a bounded number of them open, and every OSError translated here.

Ten thousand partitions must work under `ulimit -n 1024`, so no one holds a file: the least recently used is
closed when another is needed. Used from the loop thread only; worker threads make a `Disk` of their own (syncing
through another descriptor syncs the same file).
"""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import Sequence

from wal import File, Filesystem, make_directory_durably, storage_error, sync_error, write_atomically

Buffer = bytes | bytearray | memoryview

# A quarter of the smallest usual `ulimit -n`; a node with a higher one has more (descriptors.py).
OPEN_FILES_DEFAULT = 256

_NO_DESCRIPTOR_LEFT = frozenset({errno.EMFILE, errno.ENFILE})


class Disk:
    """Files by path. Every method raises StorageError where the system refuses."""

    __slots__ = ("_files", "_files_in", "_limit", "filesystem")

    def __init__(self, filesystem: Filesystem, open_files_max: int = OPEN_FILES_DEFAULT) -> None:
        assert open_files_max > 0
        self.filesystem = filesystem
        self._limit = open_files_max
        self._files: OrderedDict[str, File] = OrderedDict()
        # Paths of the open files by directory, for a partition that goes must not look at those of all others.
        self._files_in: dict[str, set[str]] = {}

    def _file(self, path: str, create: bool = False) -> File:
        file = self._files.get(path)
        if file is not None:
            self._files.move_to_end(path)
            return file
        while len(self._files) >= self._limit:
            self._close_least_recently_used()
        try:
            file = self.filesystem.open(path, create=create)
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR_LEFT or not self._files:
                raise
            # Someone else (connections) took the descriptors: give back half of ours, keep serving.
            for _ in range((len(self._files) + 1) // 2):
                self._close_least_recently_used()
            file = self.filesystem.open(path, create=create)
        self._files[path] = file
        self._files_in.setdefault(parent_of(path), set()).add(path)
        return file

    def _close_least_recently_used(self) -> None:
        self.forget(next(iter(self._files)))

    def append(self, path: str, buffers: Sequence[Buffer]) -> int:
        """Append to `path`, made where it is missing; returns the bytes written."""
        try:
            return self._file(path, True).append(buffers)
        except OSError as error:
            raise storage_error(error, "write", path) from error

    def rewrite(self, path: str, data: Buffer, position: int) -> None:
        """Write bytes that are there already, so that the next sync writes them: after a failed sync the kernel takes
        what never reached the disk for clean, and only this process's death ends what it had promised of it."""
        try:
            self._file(path).pwrite(data, position)
        except OSError as error:
            raise storage_error(error, "write", path) from error

    def pread(self, path: str, length: int, position: int) -> bytes:
        try:
            return self._file(path).pread(length, position)
        except OSError as error:
            raise storage_error(error, "read", path) from error

    def descriptor(self, path: str) -> int | None:
        """Of the open file, for this turn of the loop: any other file that is needed may close it."""
        try:
            return self._file(path).descriptor()
        except OSError as error:
            raise storage_error(error, "read", path) from error

    def read_all(self, path: str) -> bytes:
        """The whole of a small file, which is not kept open."""
        try:
            return self._read(path)
        except OSError as error:
            raise storage_error(error, "read", path) from error

    def read_if_there(self, path: str) -> bytes | None:
        """As `read_all`, or None where there is no such file: to look first would be a look for each partition."""
        try:
            return self._read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in _NO_DESCRIPTOR_LEFT and not self.filesystem.exists(path):
                return None  # the system asks for a descriptor before it looks
            raise storage_error(error, "read", path) from error

    def _read(self, path: str) -> bytes:
        file = self._files.get(path)
        if file is not None:
            return file.pread(file.size(), 0)
        file = self.filesystem.open(path)
        try:
            return file.pread(file.size(), 0)
        finally:
            file.close()

    def write_new(self, path: str, buffers: Sequence[Buffer]) -> None:
        """Replace what `path` holds, without sync; a reader after a crash must check what it finds."""
        try:
            file = self._file(path, True)
            if file.size():
                file.truncate(0)
            file.append(buffers)
        except OSError as error:
            raise storage_error(error, "write", path) from error
        self.forget(path)

    def write_atomically(self, path: str, data: bytes) -> None:
        self.forget(path)
        try:
            write_atomically(self.filesystem, path, data)
        except OSError as error:
            raise storage_error(error, "write", path) from error

    def create(self, path: str) -> None:
        try:
            self._file(path, True)
        except OSError as error:
            raise storage_error(error, "create", path) from error

    def truncate(self, path: str, size_bytes: int) -> None:
        try:
            self._file(path).truncate(size_bytes)
        except OSError as error:
            raise storage_error(error, "truncate", path) from error

    def size(self, path: str) -> int:
        try:
            file = self._files.get(path)
            return file.size() if file is not None else self.filesystem.size(path)
        except OSError as error:
            raise storage_error(error, "look at", path) from error

    def exists(self, path: str) -> bool:
        return path in self._files or self.filesystem.exists(path)

    def free_bytes(self, path: str) -> int:
        """Of the file system that `path` is on."""
        try:
            return self.filesystem.free_bytes(path)
        except OSError as error:
            raise storage_error(error, "look at", path) from error

    def list(self, directory: str) -> list[str]:
        try:
            return self.filesystem.list(directory)
        except OSError as error:
            raise storage_error(error, "list", directory) from error

    def make_directory(self, path: str) -> None:
        try:
            self.filesystem.make_directory(path)
        except OSError as error:
            raise storage_error(error, "make directory", path) from error

    def make_directory_durably(self, path: str) -> None:
        try:
            make_directory_durably(self.filesystem, path)
        except OSError as error:
            raise storage_error(error, "make directory", path) from error

    def remove(self, path: str) -> None:
        """Remove a file; one that is already gone is fine."""
        self.forget(path)
        try:
            self.filesystem.remove(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_error(error, "remove", path) from error

    def remove_directory(self, path: str) -> None:
        self.forget_directory(path)
        try:
            self.filesystem.remove_directory(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_error(error, "remove", path) from error

    def rename(self, source: str, target: str) -> None:
        self.forget(source)
        self.forget(target)
        try:
            self.filesystem.rename(source, target)
        except OSError as error:
            raise storage_error(error, "rename", source) from error

    def rename_if_there(self, source: str, target: str) -> None:
        if self.exists(source):
            self.rename(source, target)

    def sync(self, path: str) -> bool:
        """Make the contents of `path` durable. False if it is gone: then nobody needs them. SyncFailed is final."""
        open_file = self._files.get(path)
        try:
            file = open_file or self.filesystem.open(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise storage_error(error, "open", path) from error
        try:
            file.datasync()
        except OSError as error:
            raise sync_error(error, "sync", path) from error
        finally:
            if open_file is None:
                file.close()
        return True

    def sync_directory(self, path: str) -> bool:
        """Make the names in `path` durable. False if it is gone. SyncFailed is final."""
        try:
            self.filesystem.sync_directory(path)
            return True
        except FileNotFoundError:
            return False
        except OSError as error:
            raise sync_error(error, "sync directory", path) from error

    def forget(self, path: str) -> None:
        """Close `path` if it is open (it is about to be renamed, removed or replaced)."""
        file = self._files.pop(path, None)
        if file is not None:
            file.close()
            directory = parent_of(path)
            paths = self._files_in[directory]
            paths.remove(path)
            if not paths:
                del self._files_in[directory]

    def forget_directory(self, directory: str) -> None:
        """Close the open files that lie in it."""
        for path in tuple(self._files_in.get(directory, ())):
            self.forget(path)

    def close(self) -> None:
        for path in tuple(self._files):
            self.forget(path)


def parent_of(path: str) -> str:
    return path.rpartition("/")[0]

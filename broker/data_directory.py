"""The data directory of a node: one process at a time, and its errors said before anything is served."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass

LOCK_FILE = ".lock"


class DirectoryInUse(Exception):
    """Another process has the directory, or this one may not write there; the message says which and what to do."""


class DirectoryLock:
    """Held from before the first file is read until the process ends; the system releases it with the process."""

    def __init__(self, directory: str) -> None:
        self._fd = _open(directory)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise DirectoryInUse(
                f"another process (pid {holder}) uses the data directory {directory}: "
                "stop it, or give this node another directory (log.dirs)"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        os.close(self._fd)


def _open(directory: str) -> int:
    try:
        os.makedirs(directory, exist_ok=True)
        return os.open(os.path.join(directory, LOCK_FILE), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except (FileExistsError, NotADirectoryError):
        raise DirectoryInUse(
            f"cannot write in the data directory {directory} (it is a file, or in one): give this node another "
            "directory (log.dirs)"
        ) from None
    except OSError as error:
        raise DirectoryInUse(
            f"cannot write in the data directory {directory} ({error.strerror}): "
            "make it writable, or give this node another directory (log.dirs)"
        ) from None


@dataclass(frozen=True, slots=True)
class DiskSpace:
    total_bytes: int
    usable_bytes: int


def disk_space(directory: str) -> DiskSpace:
    """Of the filesystem that `directory` is on; -1 where the system does not say."""
    try:
        stat = os.statvfs(directory)
    except OSError:
        return DiskSpace(-1, -1)
    return DiskSpace(stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize)

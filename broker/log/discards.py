"""What is given up and goes later: files of deleted segments, directories of deleted logs."""

from __future__ import annotations

import threading

from broker.log.disk import Disk, parent_of
from broker.log.partition_directory import DELETE_SUFFIX
from wal import Filesystem


class Discards:
    """Files and directories that are given up and go later, when their delay is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: list[tuple[int, str]] = []  # (due ms, path)
        self._delayed: list[tuple[int, str]] = []  # (delay ms, path), counted from when the loop next looks

    def add(self, path: str, *, due_ms: int) -> None:
        self._due.append((due_ms, path))

    def add_delayed(self, path: str, *, delay_ms: int) -> None:
        """From a worker, which has no clock."""
        with self._lock:
            self._delayed.append((delay_ms, path))

    def take(self, now_ms: int) -> list[str]:
        with self._lock:
            delayed, self._delayed = self._delayed, []
        self._due += [(now_ms + delay_ms, path) for delay_ms, path in delayed]
        due = [path for due_ms, path in self._due if due_ms <= now_ms]
        self._due = [entry for entry in self._due if entry[0] > now_ms]
        return due


def remove_paths(filesystem: Filesystem, paths: list[str]) -> int:
    """Remove what `take_deleted` gave; returns how many. For a worker thread."""
    disk = Disk(filesystem, 1)
    for parent in {parent_of(path) for path in paths if path.endswith(DELETE_SUFFIX)}:
        # The new name first: a directory that came back under its old one must come back whole.
        disk.sync_directory(parent)
    for path in paths:
        if path.endswith(DELETE_SUFFIX):
            disk.remove_directory(path)
        else:
            disk.remove(path)
    return len(paths)

"""A disk of a few megabytes (tmpfs), which a test may fill; it needs root, and says so where it has it not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILL_STEP_BYTES = 4096


class SmallDisk:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Use up the space, all but `leave_bytes`."""
        stat = os.statvfs(self.path)
        with self._filler.open("ab") as filler:
            try:
                filler.write(b"x" * max(0, stat.f_bavail * stat.f_frsize - leave_bytes))
            except OSError:
                assert leave_bytes == 0

    def free(self) -> None:
        self._filler.unlink()

    def make_read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True, capture_output=True)


@contextmanager
def mounted(path: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    path.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted here (mount -t tmpfs needs root): the full disk is NOT tested")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a broker that the test left running keeps its files until the fixture behind this one ends it.
        subprocess.run(["umount", "-l", str(path)], check=True)

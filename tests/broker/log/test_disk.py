"""Files are opened by path, a bounded number of them stays open, and those of a directory close together."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from broker.log.disk import Disk
from wal import OsFilesystem, StorageError
from wal.filesystem import OsFile


class NoDescriptorLeft(OsFilesystem):
    def open(self, path: str, *, create: bool = False) -> OsFile:
        raise OSError(errno.EMFILE, "Too many open files", path)


class Opened(OsFilesystem):
    """The file system, which counts how often a path was opened."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def open(self, path: str, *, create: bool = False) -> OsFile:
        self.paths.append(path)
        return super().open(path, create=create)


def test_what_is_open_is_not_opened_again(tmp_path: Path) -> None:
    opened = Opened()
    disk = Disk(opened, 2)
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    for path in (first, second, first, second):
        disk.append(path, [b"data"])
    assert opened.paths == [first, second]


def test_the_least_recently_used_makes_room(tmp_path: Path) -> None:
    opened = Opened()
    disk = Disk(opened, 2)
    first, second, third = (str(tmp_path / name) for name in ("first", "second", "third"))
    for path in (first, second, first, third, first, second):
        disk.append(path, [b"data"])
    assert opened.paths == [first, second, third, second]
    assert disk.read_all(first) == b"data" * 3


def test_the_files_of_a_directory_close_together_and_those_of_others_stay_open(tmp_path: Path) -> None:
    opened = Opened()
    disk = Disk(opened)
    gone, stays = tmp_path / "topic-1", tmp_path / "topic-10"
    gone.mkdir()
    stays.mkdir()
    paths = [str(gone / "a"), str(gone / "b"), str(stays / "a")]
    for path in paths:
        disk.append(path, [b"data"])
    disk.forget_directory(str(gone))
    disk.forget_directory(str(gone))
    opened.paths.clear()
    for path in paths:
        disk.pread(path, 4, 0)
    assert opened.paths == paths[:2]


def test_a_file_that_is_not_there_is_missed_without_a_descriptor_too(tmp_path: Path) -> None:
    disk = Disk(NoDescriptorLeft())
    there = tmp_path / "there"
    there.write_bytes(b"data")
    assert disk.read_if_there(str(tmp_path / "missing")) is None
    with pytest.raises(StorageError, match="Too many open files"):
        disk.read_if_there(str(there))

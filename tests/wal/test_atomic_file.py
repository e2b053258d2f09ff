"""Small files are replaced as a whole, whatever happens."""

from __future__ import annotations

import errno

import pytest
from simulation import SimulatedCrash, SimulatedFilesystem

from wal import (
    CorruptionError,
    StorageError,
    make_directory_durably,
    read_atomic,
    read_checked,
    write_atomically,
    write_checked,
)

OLD, NEW = b"old" * 700, b"new content" * 300
PATH = "data/checkpoint"


def disk_with_old(seed: int = 0) -> SimulatedFilesystem:
    disk = SimulatedFilesystem(seed)
    make_directory_durably(disk, "data")
    write_atomically(disk, PATH, OLD)
    return disk


def test_a_file_never_written_reads_as_none() -> None:
    assert read_atomic(SimulatedFilesystem(), "missing") is None
    assert read_checked(SimulatedFilesystem(), "missing") is None


def test_what_was_written_is_read() -> None:
    disk = disk_with_old()
    assert read_atomic(disk, PATH) == OLD
    write_atomically(disk, PATH, memoryview(NEW))
    assert read_atomic(disk, PATH) == NEW
    write_atomically(disk, PATH, b"")
    assert read_atomic(disk, PATH) == b""
    assert disk.list("data") == ["checkpoint"]


def test_after_a_crash_at_any_operation_the_content_is_old_or_new_and_once_returned_it_is_new() -> None:
    operations = 0
    while True:
        operations += 1
        for seed in range(40):
            disk = disk_with_old(seed)
            disk.crash_at = disk.operations + operations
            try:
                write_atomically(disk, PATH, NEW)
                assert read_atomic(disk.power_loss(), PATH) == NEW
                finished = True
            except SimulatedCrash:
                disk = disk.power_loss() if seed % 2 else disk.kill()
                assert read_atomic(disk, PATH) in (OLD, NEW)
                write_atomically(disk, PATH, b"again")
                assert read_atomic(disk.power_loss(), PATH) == b"again"
                finished = False
        if finished:
            break
    assert operations >= 5


@pytest.mark.parametrize("operation", ["create", "write", "datasync", "rename"])
def test_a_failure_leaves_the_old_content_and_says_so(operation: str) -> None:
    disk = disk_with_old()
    disk.fail(operation, errno.ENOSPC)
    with pytest.raises(StorageError, match=r"cannot replace data/checkpoint: .*free space"):
        write_atomically(disk, PATH, NEW)
    assert read_atomic(disk, PATH) == OLD
    write_atomically(disk, PATH, NEW)
    assert read_atomic(disk, PATH) == NEW


def test_a_checked_file_tells_damage_from_content() -> None:
    disk = disk_with_old()
    write_checked(disk, PATH, NEW)
    assert read_checked(disk, PATH) == NEW
    for position in (0, 5, 8, 100):
        good = disk.content(PATH)[position]
        disk.damage(PATH, position, bytes([good ^ 0x10]))
        with pytest.raises(CorruptionError, match="data/checkpoint is damaged"):
            read_checked(disk, PATH)
        disk.damage(PATH, position, bytes([good]))
    disk.open(PATH).truncate(6)
    with pytest.raises(CorruptionError):
        read_checked(disk, PATH)


def test_a_directory_made_durably_survives_the_power_with_its_parents() -> None:
    for seed in range(50):
        disk = SimulatedFilesystem(seed)
        make_directory_durably(disk, "a/b/c")
        assert disk.power_loss().exists("a/b/c")


def test_a_directory_made_by_a_process_that_was_killed_is_synced_by_the_next() -> None:
    for operation in range(1, 7):
        for seed in range(20):
            disk = SimulatedFilesystem(seed)
            disk.crash_at = operation
            with pytest.raises(SimulatedCrash):
                make_directory_durably(disk, "a/b/c")
                disk.make_directory("end")
            disk = disk.kill()
            make_directory_durably(disk, "a/b/c")
            assert disk.power_loss().exists("a/b/c"), f"operation {operation}, seed {seed}"

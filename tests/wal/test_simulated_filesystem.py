"""The simulated disk forgets what it may forget, and nothing else."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from simulation import SimulatedCrash, SimulatedFilesystem

SEEDS = range(200)


def outcomes(
    prepare: Callable[[SimulatedFilesystem], None], look: Callable[[SimulatedFilesystem], object]
) -> set[object]:
    found = set()
    for seed in SEEDS:
        disk = SimulatedFilesystem(seed)
        prepare(disk)
        found.add(look(disk.power_loss()))
    return found


def content_or_none(disk: SimulatedFilesystem, path: str = "file") -> bytes | None:
    return bytes(disk.content(path)) if disk.exists(path) else None


def test_synced_bytes_under_a_synced_name_stay() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        file = disk.open("file", create=True)
        file.append([b"abc"])
        file.datasync()
        disk.sync_directory(".")

    assert outcomes(prepare, content_or_none) == {b"abc"}


def test_an_unsynced_name_may_vanish_with_synced_bytes() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        file = disk.open("file", create=True)
        file.append([b"abc"])
        file.datasync()

    assert outcomes(prepare, content_or_none) == {None, b"abc"}


def test_unsynced_bytes_vanish_or_stay_and_the_size_may_come_without_them() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        file = disk.open("file", create=True)
        file.datasync()
        disk.sync_directory(".")
        file.append([b"abc"])

    assert outcomes(prepare, content_or_none) >= {b"", b"abc", b"\0\0\0"}


def test_sectors_of_one_write_arrive_in_any_combination() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        file = disk.open("file", create=True)
        file.append([b"-" * 1536])
        file.datasync()
        disk.sync_directory(".")
        file.pwrite(b"+" * 1536, 0)

    def sectors(disk: SimulatedFilesystem) -> str:
        data = disk.content("file").decode()
        assert len(data) == 1536
        assert all(len(set(data[start : start + 512])) == 1 for start in (0, 512, 1024)), "a sector is never torn"
        return data[0] + data[512] + data[1024]

    assert len(outcomes(prepare, sectors)) == 8


def test_write_durably_syncs_its_own_range_only() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        file = disk.open("file", create=True)
        file.append([b"-" * 1024])
        file.datasync()
        disk.sync_directory(".")
        file.pwrite(b"?" * 512, 0)
        file.write_durably([b"+" * 512], 512)

    assert outcomes(prepare, content_or_none) == {b"-" * 512 + b"+" * 512, b"?" * 512 + b"+" * 512}


def test_a_rename_is_whole_or_not_at_all() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        for name, data in (("file", b"old"), ("file.tmp", b"new")):
            file = disk.open(name, create=True)
            file.append([data])
            file.datasync()
        disk.sync_directory(".")
        disk.rename("file.tmp", "file")

    def both(disk: SimulatedFilesystem) -> object:
        return content_or_none(disk), content_or_none(disk, "file.tmp")

    assert outcomes(prepare, both) == {(b"old", b"new"), (b"new", None)}


def test_removals_may_come_back_in_any_order() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        for name in ("a", "b"):
            disk.open(name, create=True)
        disk.sync_directory(".")
        disk.remove("a")
        disk.remove("b")

    assert outcomes(prepare, lambda disk: tuple(disk.list("."))) == {(), ("a",), ("b",), ("a", "b")}


def test_a_renamed_directory_keeps_what_was_synced_in_it_under_either_name() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        disk.make_directory("topic-0")
        disk.sync_directory(".")
        file = disk.open("topic-0/log", create=True)
        file.append([b"x"])
        file.datasync()
        disk.rename("topic-0", "topic-0-delete")
        disk.sync_directory("topic-0-delete")

    def where(disk: SimulatedFilesystem) -> object:
        return content_or_none(disk, "topic-0/log"), content_or_none(disk, "topic-0-delete/log")

    assert outcomes(prepare, where) == {(b"x", None), (None, b"x")}


def test_a_killed_process_loses_nothing_but_leaves_it_unsynced() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        disk.open("file", create=True).append([b"abc"])

    for seed in SEEDS:
        disk = SimulatedFilesystem(seed)
        prepare(disk)
        assert content_or_none(disk.kill()) == b"abc"
    found = set()
    for seed in SEEDS:
        disk = SimulatedFilesystem(seed)
        prepare(disk)
        found.add(content_or_none(disk.kill().power_loss()))
    assert found >= {None, b"abc"}


def test_a_failed_sync_is_not_made_good_by_the_next_one() -> None:
    def prepare(disk: SimulatedFilesystem) -> None:
        file = disk.open("file", create=True)
        file.append([b"---"])
        file.datasync()
        disk.sync_directory(".")
        file.pwrite(b"+++", 0)
        disk.fail("datasync", errno.EIO)
        with pytest.raises(OSError, match="Input/output error"):
            file.datasync()
        file.datasync()
        assert file.pread(3, 0) == b"+++"

    assert outcomes(prepare, content_or_none) == {b"---", b"+++"}


def test_a_full_disk_takes_what_fits_and_raises() -> None:
    disk = SimulatedFilesystem()
    disk.capacity_bytes = 100
    file = disk.open("file", create=True)
    file.append([bytes(90)])
    with pytest.raises(OSError, match="No space left"):
        file.append([bytes(20)])
    assert file.size() == 100
    file.pwrite(b"overwriting needs no space", 0)
    assert disk.free_bytes(".") == 0


def test_nothing_works_after_the_machine_stopped() -> None:
    disk = SimulatedFilesystem()
    file = disk.open("file", create=True)
    disk.crash_at = disk.operations + 1
    with pytest.raises(SimulatedCrash, match="write file"):
        file.append([b"abc"])
    for attempt in (lambda: file.pread(1, 0), lambda: disk.exists("file"), lambda: disk.remove("file"), file.datasync):
        with pytest.raises(SimulatedCrash):
            attempt()


def test_faults_strike_where_and_when_they_were_asked_to() -> None:
    disk = SimulatedFilesystem()
    disk.fail("create", errno.EMFILE, path_part="b", skip=1, times=2)
    disk.open("a", create=True)
    disk.open("b1", create=True)
    for name in ("b2", "b3"):
        with pytest.raises(OSError, match="Too many open files"):
            disk.open(name, create=True)
    disk.open("b4", create=True)
    assert disk.list(".") == ["a", "b1", "b4"]

"""Both file systems, the real and the simulated, keep the rules of `wal.filesystem`."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from simulation import SimulatedFilesystem

from wal import Filesystem, OsFilesystem
from wal.filesystem import BUFFERS_PER_WRITE_MAX


@pytest.fixture(params=["real", "simulated"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Filesystem, str]:
    if request.param == "real":
        return OsFilesystem(), str(tmp_path)
    disk = SimulatedFilesystem()
    disk.make_directory("/data")
    return disk, "/data"


def test_a_missing_file_is_not_made_unless_asked(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    with pytest.raises(FileNotFoundError):
        filesystem.open(f"{root}/file")
    assert not filesystem.exists(f"{root}/file")
    filesystem.open(f"{root}/file", create=True).close()
    assert filesystem.exists(f"{root}/file")
    assert filesystem.size(f"{root}/file") == 0


def test_append_goes_behind_what_is_there(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    file = filesystem.open(f"{root}/file", create=True)
    assert file.append([b"one", bytearray(b"two"), memoryview(b"three")]) == 11
    assert file.append([]) == 0
    assert file.append([b"!"]) == 1
    assert (file.size(), file.pread(100, 0)) == (12, b"onetwothree!")
    file.close()
    reopened = filesystem.open(f"{root}/file")
    reopened.append([b"?"])
    assert reopened.pread(3, 10) == b"e!?"


def test_more_buffers_than_the_system_takes_at_once(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    file = filesystem.open(f"{root}/file", create=True)
    buffers = [b"%05d" % number for number in range(BUFFERS_PER_WRITE_MAX * 2 + 7)]
    assert file.append(buffers) == 5 * len(buffers)
    assert file.write_durably(buffers, 5) == 5 * len(buffers)
    assert file.pread(1 << 20, 0) == b"00000" + b"".join(buffers)


def test_write_durably_writes_where_it_is_told(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    file = filesystem.open(f"{root}/file", create=True)
    file.append([b"0123456789"])
    assert file.write_durably([b"ab", b"cd"], 2) == 4
    assert (file.size(), file.pread(100, 0)) == (10, b"01abcd6789")
    assert file.write_durably([b"xyz"], 12) == 3
    assert (file.size(), file.pread(100, 9)) == (15, b"9\0\0xyz")


def test_pwrite_and_truncate_change_the_size(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    file = filesystem.open(f"{root}/file", create=True)
    file.pwrite(b"abc", 1000)
    assert file.size() == 1003
    file.truncate(1001)
    assert (file.size(), file.pread(10, 999)) == (1001, b"\0a")
    file.truncate(1005)
    assert file.pread(10, 1000) == b"a\0\0\0\0"
    file.append([b"end"])
    assert filesystem.size(f"{root}/file") == 1008


def test_reading_at_the_end_gives_what_is_left(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    file = filesystem.open(f"{root}/file", create=True)
    file.append([b"abc"])
    assert (file.pread(10, 1), file.pread(10, 3), file.pread(10, 50)) == (b"bc", b"", b"")


def test_names_are_listed_sorted_and_without_their_directory(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    filesystem.make_directory(f"{root}/a/b")
    filesystem.make_directory(f"{root}/a/b")
    for name in ("z", "m", "c"):
        filesystem.open(f"{root}/a/{name}", create=True).close()
    assert filesystem.list(f"{root}/a") == ["b", "c", "m", "z"]
    with pytest.raises(FileNotFoundError):
        filesystem.list(f"{root}/missing")
    with pytest.raises(NotADirectoryError):
        filesystem.list(f"{root}/a/z")


def test_a_file_in_a_missing_directory_cannot_be_made(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    with pytest.raises(FileNotFoundError):
        filesystem.open(f"{root}/missing/file", create=True)


def test_rename_replaces_its_target_and_an_open_file_stays_what_it_was(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    old = filesystem.open(f"{root}/target", create=True)
    old.append([b"old"])
    filesystem.open(f"{root}/source", create=True).append([b"new"])
    filesystem.rename(f"{root}/source", f"{root}/target")
    assert filesystem.list(root) == ["target"]
    assert filesystem.open(f"{root}/target").pread(10, 0) == b"new"
    assert old.pread(10, 0) == b"old"
    with pytest.raises(FileNotFoundError):
        filesystem.rename(f"{root}/source", f"{root}/target")


def test_a_directory_is_renamed_and_removed_with_what_is_in_it(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    filesystem.make_directory(f"{root}/a/b")
    filesystem.open(f"{root}/a/b/file", create=True).append([b"x"])
    filesystem.rename(f"{root}/a", f"{root}/c")
    assert filesystem.open(f"{root}/c/b/file").pread(10, 0) == b"x"
    filesystem.remove_directory(f"{root}/c")
    assert filesystem.list(root) == []


def test_a_removed_file_is_gone(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    filesystem.open(f"{root}/file", create=True).close()
    filesystem.remove(f"{root}/file")
    assert not filesystem.exists(f"{root}/file")
    with pytest.raises(FileNotFoundError):
        filesystem.remove(f"{root}/file")
    with pytest.raises(FileNotFoundError):
        filesystem.size(f"{root}/file")


def test_syncing_works_and_free_space_is_known(place: tuple[Filesystem, str]) -> None:
    filesystem, root = place
    file = filesystem.open(f"{root}/file", create=True)
    file.append([b"x"])
    file.datasync()
    filesystem.sync_directory(root)
    assert filesystem.free_bytes(root) > 0
    with pytest.raises(FileNotFoundError):
        filesystem.sync_directory(f"{root}/missing")


SHORT_WRITE = """
import resource, signal, sys
from wal import OsFilesystem
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
file = OsFilesystem().open(sys.argv[1], create=True)
for write in (file.append, lambda buffers: file.write_durably(buffers, 0)):
    try:
        write([bytes(6000), bytes(6000)])
        print("written")
    except OSError as error:
        print(error.errno)
    file.truncate(0)
print(file.append([bytes(5000)] * 2))
"""


def test_a_short_write_of_the_system_is_continued_or_raised_never_taken_for_whole(tmp_path: Path) -> None:
    """The file size limit makes Linux write the first 10,000 of 12,000 bytes and refuse the rest."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SHORT_WRITE), str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert result.stdout.split() == ["27", "27", "10000"]

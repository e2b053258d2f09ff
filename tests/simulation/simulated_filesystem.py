"""A disk in memory that forgets what was not synced; implements `wal.Filesystem`, deterministic by seed.

    disk = SimulatedFilesystem(seed=7)
    disk.crash_at = 12                    # the 12th operation that changes something raises SimulatedCrash
    disk = disk.power_loss()              # the machine restarted: a legal post-crash disk
    disk = disk.kill()                    # only the process died: the page cache lives on
    disk.fail("datasync", errno.EIO)      # the next datasync fails (and the kernel forgets, as Linux does)
    disk.capacity_bytes = 65_536          # ENOSPC beyond, after writing what still fits
    disk.before_operation = hook          # a slow sync: the hook runs while it is under way

Operations: "write", "truncate", "datasync", "create", "remove", "rename", "make_directory", "sync_directory" (and
"read" and "open", which count for faults but are no crash points: nothing differs before and after them). What may
be lost is described in `simulated_content` and `simulated_names`.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulation.simulated_content import SimulatedContent
from simulation.simulated_names import SimulatedDirectory, SimulatedNames, os_error
from wal import Buffer


class SimulatedCrash(BaseException):
    """The machine stopped. Not an Exception, so that no handler survives it by accident."""


@dataclass(slots=True)
class Fault:
    """Operations of one kind fail, on paths that contain `path_part`, after `skip` good ones, `times` times."""

    operation: str
    error: int
    path_part: str = ""
    skip: int = 0
    times: int = 1

    def strikes(self, operation: str, path: str) -> bool:
        if operation != self.operation or self.path_part not in path or self.times == 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class SimulatedFile:
    """An open file; keeps working after its name was removed or renamed, as POSIX files do."""

    __slots__ = ("_content", "_filesystem", "_path")

    def __init__(self, filesystem: SimulatedFilesystem, path: str, content: SimulatedContent) -> None:
        self._filesystem = filesystem
        self._path = path
        self._content = content

    def size(self) -> int:
        return len(self._content.visible)

    def append(self, buffers: Sequence[Buffer]) -> int:
        return self._filesystem.write(self._path, self._content, b"".join(buffers), self.size())

    def pread(self, length: int, position: int) -> bytes:
        self._filesystem.step("read", self._path)
        return bytes(self._content.visible[position : position + length])

    def pwrite(self, data: Buffer, position: int) -> None:
        self._filesystem.write(self._path, self._content, bytes(data), position)

    def write_durably(self, buffers: Sequence[Buffer], position: int) -> int:
        written = self._filesystem.write(self._path, self._content, b"".join(buffers), position)
        self._filesystem.sync(self._path, self._content)
        self._content.sync_range(position, written)
        return written

    def truncate(self, size: int) -> None:
        self._filesystem.step("truncate", self._path)
        self._content.truncate(size)

    def datasync(self) -> None:
        self._filesystem.sync(self._path, self._content)
        self._content.sync()

    def descriptor(self) -> None:
        return None

    def close(self) -> None:
        pass


class SimulatedFilesystem:
    """`operations` counts what changed the disk since this object was made; `trace` names each one."""

    def __init__(self, seed: int = 0, *, names: SimulatedNames | None = None) -> None:
        self.rng = random.Random(seed)
        self.names = names or SimulatedNames()
        self.operations = 0
        self.trace: list[tuple[str, str]] = []
        self.crash_at: int | None = None
        self.capacity_bytes: int | None = None
        self.before_operation: Callable[[str, str], None] | None = None
        # Told at the moment of `crash_at`, before anybody could act on it.
        self.on_crash: Callable[[], None] | None = None
        self._faults: list[Fault] = []
        self._stopped = False

    # --- what a test does to it ---------------------------------------------------------------------------------

    def power_loss(self) -> SimulatedFilesystem:
        """This machine is gone; the answer is the disk as the next start finds it."""
        self._stopped = True
        return SimulatedFilesystem(self.rng.getrandbits(64), names=self.names.power_loss(self.rng))

    def kill(self) -> SimulatedFilesystem:
        """The process died, the system did not: everything written is there, still unsynced."""
        self._stopped = True
        return SimulatedFilesystem(self.rng.getrandbits(64), names=self.names.copy_after_kill())

    def fail(self, operation: str, error: int, *, path_part: str = "", skip: int = 0, times: int = 1) -> Fault:
        """Let the next such operation fail; -1 times means from now on. The answer can be changed later."""
        fault = Fault(operation, error, path_part, skip, times)
        self._faults.append(fault)
        return fault

    def forget_faults(self) -> None:
        self._faults.clear()
        self.crash_at = None

    def content(self, path: str) -> bytearray:
        """The visible bytes, to look at or to damage (a damage is durable at once: it is the disk's doing)."""
        content = self.names.content(path)
        content.sync()
        return content.visible

    def damage(self, path: str, position: int, data: bytes) -> None:
        """Overwrite bytes durably behind the program's back."""
        content = self.names.content(path)
        content.write(data, position)
        content.sync()

    # --- wal.Filesystem -----------------------------------------------------------------------------------------

    def open(self, path: str, *, create: bool = False) -> SimulatedFile:
        self.step("open", path)
        if create and self.names.find(path) is None:
            directory, name = self.names.parent(path)
            self.step("create", path)
            directory.add(name, SimulatedContent())
        return SimulatedFile(self, path, self.names.content(path))

    def exists(self, path: str) -> bool:
        self._require_running()
        return self.names.find(path) is not None

    def list(self, directory: str) -> list[str]:
        self._require_running()
        return sorted(self.names.directory(directory).visible)

    def size(self, path: str) -> int:
        self._require_running()
        return len(self.names.content(path).visible)

    def make_directory(self, path: str) -> None:
        self._require_running()
        if self.names.find(path) is not None:
            self.names.directory(path)
            return
        self.make_directory(path.rstrip("/").rpartition("/")[0])
        directory, name = self.names.parent(path)
        self.step("make_directory", path)
        directory.add(name, SimulatedDirectory())

    def remove(self, path: str) -> None:
        self.names.content(path)
        directory, name = self.names.parent(path)
        self.step("remove", path)
        directory.remove(name)

    def remove_directory(self, path: str) -> None:
        removed = self.names.directory(path)
        for name, node in sorted(removed.visible.items()):
            if isinstance(node, SimulatedDirectory):
                self.remove_directory(f"{path}/{name}")
            else:
                self.remove(f"{path}/{name}")
        parent, name = self.names.parent(path)
        self.step("remove", path)
        parent.remove(name)

    def rename(self, source: str, target: str) -> None:
        """Within one directory, as everything here does; across two it would be two changes."""
        directory, name = self.names.parent(source)
        target_directory, target_name = self.names.parent(target)
        if target_directory is not directory:
            raise os_error(errno.EXDEV, target)
        if name not in directory.visible:
            raise os_error(errno.ENOENT, source)
        self.step("rename", source)
        directory.rename(name, target_name)

    def sync_directory(self, path: str) -> None:
        directory = self.names.directory(path)
        self.step("sync_directory", path)
        directory.sync()

    def free_bytes(self, path: str) -> int:
        self._require_running()
        if self.capacity_bytes is None:
            return 1 << 40
        return max(self.capacity_bytes - self.names.used_bytes(), 0)

    # --- what its files use -------------------------------------------------------------------------------------

    def step(self, operation: str, path: str) -> None:
        """One operation is about to happen: count it, crash or fail where that was asked for."""
        self._require_running()
        if operation not in ("read", "open"):
            self.operations += 1
            self.trace.append((operation, path))
            if self.operations == self.crash_at:
                self._stopped = True
                if self.on_crash is not None:
                    self.on_crash()
                raise SimulatedCrash(f"at operation {self.operations}: {operation} {path}")
        if self.before_operation is not None:
            self.before_operation(operation, path)
        for fault in self._faults:
            if fault.strikes(operation, path):
                raise os_error(fault.error, path)

    def write(self, path: str, content: SimulatedContent, data: bytes, position: int) -> int:
        try:
            self.step("write", path)
        except OSError:
            # A failed write may have written a part.
            content.write(data[: self.rng.randrange(len(data) + 1)], position)
            raise
        except SimulatedCrash:
            content.write(data[: self.rng.randrange(len(data) + 1)], position)
            raise
        growth = max(position + len(data) - len(content.visible), 0)
        room = growth if self.capacity_bytes is None else min(growth, self.free_bytes(path))
        if room < growth:
            content.write(data[: len(data) - growth + room], position)
            raise os_error(errno.ENOSPC, path)
        content.write(data, position)
        return len(data)

    def sync(self, path: str, content: SimulatedContent) -> None:
        """The step of a datasync, up to the moment at which it succeeds."""
        try:
            self.step("datasync", path)
        except OSError:
            content.fail_sync(self.rng)
            raise

    def _require_running(self) -> None:
        if self._stopped:
            raise SimulatedCrash("the machine has stopped")

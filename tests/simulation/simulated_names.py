"""Names in a simulated file system: which file a path leads to, now and after the power went.

Each creation, removal and rename that was not followed by a sync of its directory is kept or lost on its own,
independently of all others and of what is in the files; a rename is never half done. Real file systems keep them in
order; a program that survives this one does not depend on that.
"""

from __future__ import annotations

import errno
import os
import random
from dataclasses import dataclass

from simulation.simulated_content import SimulatedContent


def os_error(error: int, path: str) -> OSError:
    return OSError(error, os.strerror(error), path)


@dataclass(frozen=True, slots=True)
class _Change:
    """In one directory: the name `removed` goes away, the name `added` leads to `node`; both at once or neither."""

    removed: str | None
    added: str | None
    node: Node | None

    def apply(self, entries: dict[str, Node]) -> None:
        if self.removed is not None:
            entries.pop(self.removed, None)
        if self.added is not None:
            assert self.node is not None
            entries[self.added] = self.node


class SimulatedDirectory:
    """The entries of one directory. `visible` is what programs see while the machine runs."""

    __slots__ = ("_durable", "_unsynced", "visible")

    def __init__(self) -> None:
        self.visible: dict[str, Node] = {}
        self._durable: dict[str, Node] = {}
        self._unsynced: list[_Change] = []

    def add(self, name: str, node: Node) -> None:
        self._change(_Change(None, name, node))

    def remove(self, name: str) -> None:
        self._change(_Change(name, None, None))

    def rename(self, source: str, target: str) -> None:
        self._change(_Change(source, target, self.visible[source]))

    def sync(self) -> None:
        for change in self._unsynced:
            change.apply(self._durable)
        self._unsynced.clear()

    def after_power_loss(self, rng: random.Random, seen: dict[int, Node]) -> SimulatedDirectory:
        entries = dict(self._durable)
        chance = rng.choice((0.0, 0.5, 0.5, 1.0))
        for change in self._unsynced:
            if rng.random() < chance:
                change.apply(entries)
        after = SimulatedDirectory()
        for name, node in sorted(entries.items()):
            # Two names of one file (half of two lost renames) stay one file.
            if id(node) not in seen:
                seen[id(node)] = (
                    node.power_loss(rng) if isinstance(node, SimulatedContent) else node.after_power_loss(rng, seen)
                )
            after.visible[name] = after._durable[name] = seen[id(node)]
        return after

    def after_kill(self, seen: dict[int, Node]) -> SimulatedDirectory:
        def copied(node: Node) -> Node:
            if id(node) not in seen:
                seen[id(node)] = node.copy_after_kill() if isinstance(node, SimulatedContent) else node.after_kill(seen)
            return seen[id(node)]

        after = SimulatedDirectory()
        after.visible = {name: copied(node) for name, node in self.visible.items()}
        after._durable = {name: copied(node) for name, node in self._durable.items()}
        after._unsynced = [
            _Change(change.removed, change.added, None if change.node is None else copied(change.node))
            for change in self._unsynced
        ]
        return after

    def _change(self, change: _Change) -> None:
        change.apply(self.visible)
        self._unsynced.append(change)


Node = SimulatedContent | SimulatedDirectory


class SimulatedNames:
    """Paths from one root; leading, trailing and doubled slashes mean nothing."""

    __slots__ = ("root",)

    def __init__(self, root: SimulatedDirectory | None = None) -> None:
        self.root = root or SimulatedDirectory()

    def power_loss(self, rng: random.Random) -> SimulatedNames:
        return SimulatedNames(self.root.after_power_loss(rng, {}))

    def copy_after_kill(self) -> SimulatedNames:
        return SimulatedNames(self.root.after_kill({}))

    def find(self, path: str) -> Node | None:
        node: Node | None = self.root
        for name in _names(path):
            if not isinstance(node, SimulatedDirectory):
                return None
            node = node.visible.get(name)
        return node

    def directory(self, path: str) -> SimulatedDirectory:
        node = self.find(path)
        if node is None:
            raise os_error(errno.ENOENT, path)
        if not isinstance(node, SimulatedDirectory):
            raise os_error(errno.ENOTDIR, path)
        return node

    def content(self, path: str) -> SimulatedContent:
        node = self.find(path)
        if node is None:
            raise os_error(errno.ENOENT, path)
        if isinstance(node, SimulatedDirectory):
            raise os_error(errno.EISDIR, path)
        return node

    def parent(self, path: str) -> tuple[SimulatedDirectory, str]:
        """The directory that holds `path`, and its name there."""
        names = _names(path)
        if not names:
            raise os_error(errno.EBUSY, path)
        return self.directory("/".join(names[:-1])), names[-1]

    def used_bytes(self) -> int:
        return _used_bytes(self.root)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _used_bytes(directory: SimulatedDirectory) -> int:
    return sum(
        len(node.visible) if isinstance(node, SimulatedContent) else _used_bytes(node)
        for node in directory.visible.values()
    )

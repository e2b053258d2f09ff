"""The bytes of one simulated file: what programs see, what the disk has, and every sector in between.

A sector (512 B) that was written and not synced remembers all of its unsynced versions. When the power goes, the disk
has for each such sector any one of them or the durable one, independently of all others; the size is any the file
had since the last sync, or anything in between. Bytes that never arrived below that size read as zeros.
"""

from __future__ import annotations

import random

SECTOR_BYTES = 512


class SimulatedContent:
    """Positions and sizes in bytes. `visible` is what every reader sees while the machine runs."""

    __slots__ = ("_durable", "_sizes", "_unsynced", "visible")

    def __init__(self, data: bytes = b"") -> None:
        self.visible = bytearray(data)
        self._durable = bytearray(data)
        self._unsynced: dict[int, list[bytes]] = {}
        self._sizes: list[int] = []

    @property
    def is_durable(self) -> bool:
        return not self._unsynced and not self._sizes

    def write(self, data: bytes, position: int) -> None:
        if not data:
            return
        end = position + len(data)
        if end > len(self.visible):
            self._sizes.append(end)
            self.visible.extend(bytes(end - len(self.visible)))
        self.visible[position:end] = data
        for sector in range(position // SECTOR_BYTES, -(-end // SECTOR_BYTES)):
            self._unsynced.setdefault(sector, []).append(self._sector(self.visible, sector))

    def truncate(self, size: int) -> None:
        if size == len(self.visible):
            return
        self._sizes.append(size)
        if size > len(self.visible):
            self.visible.extend(bytes(size - len(self.visible)))
            return
        first = size // SECTOR_BYTES
        last = -(-len(self.visible) // SECTOR_BYTES)
        del self.visible[size:]
        for sector in range(first, last):
            self._unsynced.setdefault(sector, []).append(self._sector(self.visible, sector))

    def sync(self) -> None:
        """All of the file is on the disk."""
        self._sync_sectors(list(self._unsynced))

    def sync_range(self, position: int, length: int) -> None:
        """That range is on the disk, and the size; other sectors stay as they are."""
        wanted = range(position // SECTOR_BYTES, -(-(position + length) // SECTOR_BYTES))
        self._sync_sectors([sector for sector in wanted if sector in self._unsynced])

    def fail_sync(self, rng: random.Random) -> None:
        """A sync that fails as Linux's does: some sectors arrived; the kernel forgets that the others did not.

        They stay visible, no later sync writes them, and only a new write to the same sector would.
        """
        self._durable = self._after_power_loss(rng)
        self._unsynced.clear()
        self._sizes.clear()

    def power_loss(self, rng: random.Random) -> SimulatedContent:
        """The file as the disk has it after the power went."""
        return SimulatedContent(bytes(self._after_power_loss(rng)))

    def copy_after_kill(self) -> SimulatedContent:
        """The file after its process died: the page cache, unsynced sectors included, lives on."""
        copy = SimulatedContent()
        copy.visible = bytearray(self.visible)
        copy._durable = bytearray(self._durable)
        copy._unsynced = {sector: list(versions) for sector, versions in self._unsynced.items()}
        copy._sizes = list(self._sizes)
        return copy

    def _after_power_loss(self, rng: random.Random) -> bytearray:
        disk = bytearray(self._durable)
        # One mood per crash, so that "nothing arrived", "all did" and "one sector is missing" are all common.
        chance = rng.choice((0.0, 0.05, 0.5, 0.95, 1.0))
        for sector, versions in sorted(self._unsynced.items()):
            if rng.random() < chance:
                version = versions[-1] if rng.random() < 0.8 else rng.choice(versions)
                self._place(disk, sector, version)
        size = self._size_after_power_loss(rng, chance)
        del disk[size:]
        disk.extend(bytes(size - len(disk)))
        return disk

    def _size_after_power_loss(self, rng: random.Random, chance: float) -> int:
        if not self._sizes:
            return len(self._durable)
        if rng.random() < chance:
            return self._sizes[-1]
        sizes = [len(self._durable), *self._sizes]
        if rng.random() < 0.5:
            return rng.choice(sizes)
        return rng.randrange(min(sizes), max(sizes) + 1)

    def _sync_sectors(self, sectors: list[int]) -> None:
        for sector in sectors:
            self._place(self._durable, sector, self._sector(self.visible, sector))
            del self._unsynced[sector]
        size = len(self.visible)
        del self._durable[size:]
        self._durable.extend(bytes(size - len(self._durable)))
        self._sizes.clear()

    @staticmethod
    def _sector(data: bytearray, sector: int) -> bytes:
        return bytes(data[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES]).ljust(SECTOR_BYTES, b"\0")

    @staticmethod
    def _place(disk: bytearray, sector: int, data: bytes) -> None:
        start = sector * SECTOR_BYTES
        if len(disk) < start + SECTOR_BYTES:
            disk.extend(bytes(start + SECTOR_BYTES - len(disk)))
        disk[start : start + SECTOR_BYTES] = data

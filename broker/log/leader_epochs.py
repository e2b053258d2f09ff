"""Which leader epoch began at which offset (KIP-101, KIP-320): by this lineage replicas find where they diverge.

Kept in Kafka's `leader-epoch-checkpoint`: version, count, then `epoch start_offset` lines. The file is written at
checkpoints; batches carry their epoch, so what a crash loses of it comes back from the recovery scan.

Invariant: epochs and start offsets both rise strictly from entry to entry.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING

from broker.log.disk import Disk
from wal import CorruptionError

if TYPE_CHECKING:
    from broker.log.segment import Segment

FILE_NAME = "leader-epoch-checkpoint"
FORMAT_VERSION = 0
UNDEFINED_EPOCH = -1
UNDEFINED_OFFSET = -1


class LeaderEpochs:
    """The epochs of one log. `dirty` says that the file does not have them yet."""

    __slots__ = ("_epochs", "_starts", "dirty", "latest")

    def __init__(self) -> None:
        self._epochs: list[int] = []
        self._starts: list[int] = []
        self.latest = UNDEFINED_EPOCH
        self.dirty = False

    @property
    def entries(self) -> list[tuple[int, int]]:
        """(epoch, start offset) pairs, oldest first."""
        return list(zip(self._epochs, self._starts, strict=True))

    def assign(self, epoch: int, start_offset: int) -> None:
        """Note that `epoch` begins at `start_offset`. One already known, or older than the latest, is passed over."""
        if epoch <= self.latest:
            return
        # An epoch in which nothing was written leaves no trace: its successor starts at the same offset.
        while self._starts and self._starts[-1] >= start_offset:
            self._starts.pop()
            self._epochs.pop()
        self._epochs.append(epoch)
        self._starts.append(start_offset)
        self.latest = epoch
        self.dirty = True

    def end_offset_for(self, epoch: int, log_end_offset: int) -> tuple[int, int]:
        """The largest epoch ≤ `epoch` and where it ended (exclusive): the start of the next one, or the log end.

        Answers (-1, -1) for an epoch older than all we have, or newer than the latest.
        """
        if epoch == UNDEFINED_EPOCH or epoch > self.latest:
            return UNDEFINED_EPOCH, UNDEFINED_OFFSET
        if epoch == self.latest:
            return epoch, log_end_offset
        following = bisect_right(self._epochs, epoch)
        if following == 0:
            # Everything we know is newer: the requested epoch ended no later than where our history begins.
            return epoch, self._starts[0]
        return self._epochs[following - 1], self._starts[following]

    def epoch_of(self, offset: int) -> int:
        """The epoch in which `offset` was written, -1 if that is before our history."""
        index = bisect_right(self._starts, offset) - 1
        return self._epochs[index] if index >= 0 else UNDEFINED_EPOCH

    def truncate_from_end(self, end_offset: int) -> None:
        """Forget epochs that begin at or after `end_offset`."""
        while self._starts and self._starts[-1] >= end_offset:
            self._starts.pop()
            self._epochs.pop()
            self.dirty = True
        self.latest = self._epochs[-1] if self._epochs else UNDEFINED_EPOCH

    def truncate_from_start(self, start_offset: int) -> None:
        """Forget epochs that ended at or before `start_offset`; the one it lies in now begins there."""
        index = bisect_right(self._starts, start_offset) - 1
        if index < 0 or (index == 0 and self._starts[0] == start_offset):
            return
        del self._starts[:index]
        del self._epochs[:index]
        self._starts[0] = start_offset
        self.dirty = True

    def clear(self) -> None:
        self._epochs.clear()
        self._starts.clear()
        self.latest = UNDEFINED_EPOCH
        self.dirty = True

    def encode(self) -> bytes:
        lines = [f"{FORMAT_VERSION}\n{len(self._epochs)}\n"]
        lines += [f"{epoch} {start}\n" for epoch, start in self.entries]
        return "".join(lines).encode()

    @classmethod
    def decode(cls, data: bytes, path: str) -> LeaderEpochs:
        """Raises CorruptionError when `data` is not such a file."""
        epochs = cls()
        try:
            lines = data.decode().splitlines()
            version, count = int(lines[0]), int(lines[1])
            for line in lines[2:]:
                epoch, start = line.split(" ")
                epochs.assign(int(epoch), int(start))
        except (ValueError, IndexError) as error:
            raise CorruptionError(f"{path} is not a leader epoch file: {error}") from error
        if version != FORMAT_VERSION or count != len(epochs._epochs):
            raise CorruptionError(f"{path} is not a leader epoch file: it says version {version}, {count} entries")
        epochs.dirty = False
        return epochs


def load_leader_epochs(disk: Disk, directory: str) -> LeaderEpochs:
    path = f"{directory}/{FILE_NAME}"
    data = disk.read_if_there(path)
    return LeaderEpochs() if data is None else LeaderEpochs.decode(data, path)


def recover_leader_epochs(segments: Iterable[Segment]) -> LeaderEpochs:
    """The epochs as the batches tell them, for a log whose file is damaged."""
    epochs = LeaderEpochs()
    for segment in segments:
        for _, header in segment.scan():
            epochs.assign(header.partition_leader_epoch, header.base_offset)
    return epochs

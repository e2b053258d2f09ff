"""One log in a manager on a simulated disk, for tests that look at one thing."""

from __future__ import annotations

from simulation import SimulatedFilesystem

from broker.log import AppendOrigin, AppendResult, LogCleaner, LogConfig, LogManager, PartitionLog
from broker.log.offset_map import MEMORY_BYTES_DEFAULT
from log_harness.batches import NOW_MS
from protocol.records import Buffer
from wal import Entry, StorageError

DIRECTORY = "data/logs"
TOPIC = "orders"
TOPIC_ID = bytes(range(16))


class LogOnDisk:
    """`log` is partition 0 of one topic; `entries` is the journal that goes with it."""

    def __init__(
        self,
        config: LogConfig | None = None,
        *,
        disk: SimulatedFilesystem | None = None,
        cleaner_memory_bytes: int = MEMORY_BYTES_DEFAULT,
        open_files_max: int = 8,
    ) -> None:
        self.config = config or LogConfig()
        self.disk = disk or SimulatedFilesystem(seed=1)
        self.entries: list[Entry] = []
        self.cleaner_memory_bytes = cleaner_memory_bytes
        self.open_files_max = open_files_max
        self.start()

    def start(self) -> None:
        self.logs = LogManager(
            self.disk, DIRECTORY, config_of=lambda topic: self.config, open_files_max=self.open_files_max
        )
        self.logs.load_all()
        self.logs.replay(self.entries)
        self.log: PartitionLog = self.logs.get_or_create(TOPIC, TOPIC_ID, 0, config=self.config)
        self.cleaner = LogCleaner(self.logs, memory_bytes=self.cleaner_memory_bytes)

    def append(
        self,
        batch: Buffer,
        *,
        leader_epoch: int = 1,
        now_ms: int = NOW_MS,
        origin: AppendOrigin = AppendOrigin.CLIENT,
    ) -> AppendResult:
        """Append and write out, as one turn of the loop; the journal has it."""
        result = self.log.append_as_leader(batch, leader_epoch=leader_epoch, now_ms=now_ms, origin=origin)
        self.write_out()
        return result

    def write_out(self) -> None:
        parts = self.log.write_out_entry()
        if parts:
            self.entries.append(Entry(len(self.entries) + 1, 1, memoryview(b"".join(parts))))

    def kill(self, *, power_loss: bool = False) -> None:
        """The process dies and starts again; with `power_loss` the machine."""
        self.disk = self.disk.power_loss() if power_loss else self.disk.kill()
        self.start()

    def restart(self) -> None:
        """A clean stop and a start."""
        self.logs.close()
        self.start()

    def compact(self, now_ms: int, *, high_watermark: int | None = None) -> bool:
        """Checkpoint, then one compaction if one is due. False if not, or if it did not come to its end."""
        self.logs.checkpoint(0)
        work = self.cleaner.choose(now_ms, lambda log: log.log_end_offset if high_watermark is None else high_watermark)
        if work is None:
            return False
        compaction = self.cleaner.begin(work, now_ms)
        try:
            compaction.run()
        except StorageError as error:
            self.cleaner.failed(work.log, error)
            return False
        return self.cleaner.finish(compaction)

    def recompact(self, now_ms: int) -> bool:
        """A compaction of the whole log, as if it were all dirty."""
        self.logs.files.cleaned_until.clear()
        return self.compact(now_ms)

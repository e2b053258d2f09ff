"""A node's journal and logs used at random on a disk that crashes at random, beside a model of what they promised.

The promises, checked after every restart:

- acknowledged: every record whose journal entry was durable is there, with its bytes, offset and epoch
- nothing twice, no holes: the offsets from the log's start to its end are consecutive
- nothing resurrected: what a durable entry cut or deleted stays away, and so do deleted partitions
- nothing invented: what is there beyond the acknowledged was at least appended there
- idempotence: an idempotent producer's last batch, sent again, is a duplicate at its old offset
"""

from __future__ import annotations

import errno
import random

from simulation import SimulatedCrash, SimulatedFilesystem

from broker.log import LogConfig, LogManager, PartitionLog, journal_entries, remove_paths
from log_harness.batches import NOW_MS, batch
from log_harness.model import Operation, PartitionModel, Row
from wal import Journal, JournalLimits, StorageError

DIRECTORY = "data/logs"
LIMITS = JournalLimits(commit_bytes_max=20_000, commit_entries_max=32, segment_bytes=24_576, spare_segments_max=1)
CONFIG = LogConfig(
    segment_bytes=2500,
    index_interval_bytes=200,
    segment_index_bytes=800,
    max_message_bytes=2000,
    retention_bytes=6000,
    file_delete_delay_ms=0,
)
PRODUCER_ID = 77
NEVER = 1 << 62  # a sequence that no entry has

FAULTS = (
    ("datasync", errno.EIO),
    ("write", errno.ENOSPC),
    ("write", errno.EIO),
    ("rename", errno.EIO),
    ("create", errno.ENOSPC),
    ("sync_directory", errno.EIO),
    ("truncate", errno.EIO),
)


class LogScenario:
    """One data directory through any number of lives. `rng` decides the work, the disk's own what a crash leaves.

    `opens_later`: what a fault took offline at a start is opened while the others are served; else the node dies."""

    def __init__(self, seed: int, *, opens_later: bool = False) -> None:
        self.opens_later = opens_later
        self.opened_later = 0
        self.rng = random.Random(seed)
        self.disk = SimulatedFilesystem(self.rng.getrandbits(64))
        self.models: list[PartitionModel] = []
        self.removed: dict[bytes, int] = {}  # topic id -> the sequence of its REMOVED
        self.topics = 0
        self.values = 0
        self.epoch = 1
        self.crashes = 0
        self.faults = 0
        self.faulty = False

    # --- lives -----------------------------------------------------------------------------------------------------

    def live(self, *, operations_max: int) -> None:
        """Start, check, work; the machine stops within `operations_max` changes of the disk, wherever that is."""
        self.disk.crash_at = self.rng.randrange(1, operations_max + 1)
        self.faulty = self.rng.random() < (0.7 if self.opens_later else 0.2)
        if self.faulty:
            operation, error = self.rng.choice(FAULTS)
            self.disk.fail(operation, error, skip=self.rng.randrange(10 if self.opens_later else operations_max // 2))
        try:
            self.start()
            while True:
                self.work()
                if self.rng.random() < 0.02:
                    self.stop()
                    self.start()
        except StorageError:
            self.faults += 1
            self.disk = self.disk.kill()
        except SimulatedCrash:
            self.crashes += 1
            self.disk = self.disk.power_loss() if self.rng.random() < 0.7 else self.disk.kill()

    def start(self) -> None:
        self.logs = LogManager(self.disk, DIRECTORY, config_of=lambda topic: CONFIG, open_files_max=5)
        self.logs.load_all()
        self.journal = Journal.open(self.disk, f"{DIRECTORY}/journal", LIMITS)
        self.logs.replay(self.journal.replay())
        self.check()

    def stop(self) -> None:
        self.commit()
        self.logs.close()
        self.journal.close()

    def check(self) -> None:
        durable = self.journal.durable_sequence
        if self.logs.offline and self.faulty and not self.opens_later:
            # A fault struck while a log was opened. It is offline until the next start, as its log line says.
            raise StorageError(str(self.logs.offline))
        late = [model for model in self.models if (model.topic, 0) in self.logs.offline]
        self.check_those([model for model in self.models if model not in late], durable)
        if self.faulty and self.logs.offline:
            self.never_durable(late, durable)
            self.open_later()
            self.opened_later += len(late)
        assert not self.logs.offline, self.logs.offline
        self.check_those(late, durable)

    def check_those(self, models: list[PartitionModel], durable: int) -> None:
        # The node's metadata forgets a topic before its logs are deleted, so it also knows what a crash brought back.
        back = [log for log in self.logs.logs.values() if self.removed.get(log.topic_id, durable + 1) <= durable]
        assert not back, f"{back} were deleted, durably, and are back"
        self.logs.set_aside_strays([model.topic_id for model in self.models if model.topic_id not in self.removed])
        for model in models:
            log = self.logs.find(model.topic_id, 0)
            if model.topic_id in self.removed:
                del self.removed[model.topic_id]
                self.models.remove(model)
                continue
            if log is None:
                # The node's metadata knows it; it makes the log again where nothing was promised.
                log = self.logs.get_or_create(model.topic, model.topic_id, 0, config=CONFIG)
            assert log.topic == model.topic
            model.check(log, durable)
            self.check_producer(log)

    def never_durable(self, late: list[PartitionModel], durable: int) -> None:
        """The others' entries get the sequences of what these lost."""
        for operation in [operation for model in late for operation in model.operations]:
            if operation.sequence > durable:
                operation.sequence = NEVER
        self.removed |= {topic_id: NEVER for topic_id, sequence in self.removed.items() if sequence > durable}

    def open_later(self) -> None:
        """What a fault took offline is opened and repeated from the journal, while the others are served."""
        for key in self.logs.to_load_again():
            self.serve_the_others()
            self.logs.load_again(*key)
        if self.logs.is_replaying:
            for entry in self.journal.replay():
                if self.rng.random() < 0.1:
                    self.serve_the_others()
                self.logs.repeat(entry)
            self.logs.finish_repeating(NOW_MS)
        if self.logs.offline:
            raise StorageError(str(self.logs.offline))  # for good, or of another fault

    def serve_the_others(self) -> None:
        served = [(log, model) for model in self.models if (log := self.logs.find(model.topic_id, 0)) is not None]
        for log, model in served:
            self.append(log, model)
        if self.rng.random() < 0.5:
            self.checkpoint_of_what_is_there()

    def checkpoint_of_what_is_there(self) -> None:
        checkpoint = self.logs.begin_checkpoint(self.journal.next_sequence)
        self.journal.commit()
        checkpoint.run()
        self.journal.trim(checkpoint.sequence)

    def check_producer(self, log: PartitionLog) -> None:
        """What the log remembers of its idempotent producer is what its records say."""
        last: tuple[int, bytes] | None = None
        model = self.model_of(log)
        for offset, row in model.rows.items():
            if row.value.startswith(b"idempotent "):
                last = offset, row.value
        if last is None or log.log_start_offset > 0:
            return
        sequence = int(last[1].split()[1])
        again = batch(last[1], producer_id=PRODUCER_ID, producer_epoch=0, base_sequence=sequence)
        result = log.append_as_leader(again, leader_epoch=self.epoch, now_ms=NOW_MS)
        assert result.is_duplicate and result.base_offset == last[0], f"{log}: {last} again gave {result}"

    # --- work ------------------------------------------------------------------------------------------------------

    def work(self) -> None:
        choice = self.rng.random()
        model = self.a_partition()
        log = self.logs.find(model.topic_id, 0)
        assert log is not None
        if choice < 0.62:
            self.append(log, model)
        elif choice < 0.80:
            self.commit()
        elif choice < 0.86:
            self.checkpoint()
        elif choice < 0.90:
            self.truncate(log, model)
        elif choice < 0.93:
            self.delete_records(log, model)
        elif choice < 0.96:
            log.apply_retention(NOW_MS, log.log_end_offset)
            model.retained_from = max(model.retained_from, log.log_start_offset)
            remove_paths(self.disk, self.logs.take_deleted(NOW_MS))
        elif choice < 0.97:
            self.restart_log(log, model)
        elif choice < 0.985:
            self.epoch += 1
        else:
            self.remove(log, model)

    def a_partition(self) -> PartitionModel:
        alive = [model for model in self.models if model.topic_id not in self.removed]
        if len(alive) < 2 or (len(alive) < 4 and self.rng.random() < 0.02):
            name = f"topic-{self.rng.randrange(3)}"
            if all(model.topic != name for model in alive):
                self.topics += 1
                model = PartitionModel(name, self.topics.to_bytes(16, "big"))
                self.models.append(model)
                self.logs.get_or_create(model.topic, model.topic_id, 0, config=CONFIG)
                return model
        return self.rng.choice(alive) if alive else self.a_partition()

    def model_of(self, log: PartitionLog) -> PartitionModel:
        return next(model for model in self.models if model.topic_id == log.topic_id)

    def append(self, log: PartitionLog, model: PartitionModel) -> None:
        """What one turn of the loop does: some batches, one write, one journal entry."""
        # Noted before anything is written: a crash may leave any part of it.
        operation = Operation(self.journal.next_sequence)
        model.operations.append(operation)
        for _ in range(self.rng.randrange(1, 4)):
            if self.rng.random() < 0.3:
                sequence = next((p.last_sequence for p in log.producers()), -1) + 1
                values = [b"idempotent %d %d" % (sequence, self._next_value())]
                data = batch(*values, producer_id=PRODUCER_ID, producer_epoch=0, base_sequence=sequence)
            else:
                size = self.rng.choice((1, 30, 30, 200, 900))
                values = [b"%d " % self._next_value() + bytes(size) for _ in range(self.rng.randrange(1, 3))]
                data = batch(*values)
            base_offset = log.log_end_offset
            operation.rows |= {base_offset + index: Row(value, self.epoch) for index, value in enumerate(values)}
            result = log.append_as_leader(data, leader_epoch=self.epoch, now_ms=NOW_MS)
            assert not result.is_duplicate and result.base_offset == base_offset
        entry = log.write_out_entry()
        assert self.journal.enqueue(journal_entries.APPEND, entry) == operation.sequence

    def _next_value(self) -> int:
        self.values += 1
        return self.values

    def commit(self) -> None:
        self.journal.commit()

    def checkpoint(self) -> None:
        """As the node does it: what the checkpoint covers is durable in the journal before the points are written."""
        checkpoint = self.logs.begin_checkpoint(self.journal.next_sequence)
        self.journal.commit()
        if self.rng.random() < 0.3:
            self.work_beside(checkpoint.run)
        else:
            checkpoint.run()
        self.journal.trim(checkpoint.sequence)

    def work_beside(self, run: object) -> None:
        """The loop goes on between the begin and the syncs."""
        model = self.a_partition()
        log = self.logs.find(model.topic_id, 0)
        assert log is not None and callable(run)
        self.append(log, model)
        if self.rng.random() < 0.3:
            self.truncate(log, model)
        run()

    def truncate(self, log: PartitionLog, model: PartitionModel) -> None:
        offset = self.rng.randrange(log.log_start_offset, log.log_end_offset + 1)
        # Whole batches are cut, so the log may end earlier than asked.
        offset = log.truncation_offset(offset)
        model.operations.append(Operation(self.journal.next_sequence, truncated_to=offset))
        self.journal.enqueue(journal_entries.TRUNCATE, [journal_entries.encode_truncate(log.topic_id, 0, offset)])
        self.journal.commit()
        log.truncate_to(offset)
        assert log.log_end_offset == offset

    def delete_records(self, log: PartitionLog, model: PartitionModel) -> None:
        offset = self.rng.randrange(log.log_start_offset, log.log_end_offset + 1)
        if offset == log.log_start_offset:
            return
        model.operations.append(Operation(self.journal.next_sequence, started_at=offset))
        log.advance_log_start(offset)
        self.journal.enqueue(journal_entries.LOG_START, [journal_entries.encode_log_start(log.topic_id, 0, offset)])

    def restart_log(self, log: PartitionLog, model: PartitionModel) -> None:
        offset = self.rng.randrange(log.log_end_offset + 1, log.log_end_offset + 50)
        log.make_names_durable()
        model.operations.append(Operation(self.journal.next_sequence, restarted_at=offset))
        self.journal.enqueue(journal_entries.RESTARTED, [journal_entries.encode_restarted(log.topic_id, 0, offset)])
        self.journal.commit()
        log.truncate_fully_and_start_at(offset)

    def remove(self, log: PartitionLog, model: PartitionModel) -> None:
        self.removed[model.topic_id] = self.journal.next_sequence
        self.journal.enqueue(journal_entries.REMOVED, [journal_entries.encode_removed(log.topic_id, 0)])
        self.logs.delete(log)


def run_log_seed(seed: int, *, lives: int = 4, operations_max: int = 120) -> int:
    """One scenario from start to end; returns how many crashes and faults it survived, or raises what it did not."""
    scenario = _run(LogScenario(seed), lives, operations_max)
    return scenario.crashes + scenario.faults


def run_late_opening_seed(seed: int, *, lives: int = 8, operations_max: int = 120) -> int:
    """The same, but what a fault takes offline at a start is opened later; returns how often that was."""
    return _run(LogScenario(seed, opens_later=True), lives, operations_max).opened_later


def _run(scenario: LogScenario, lives: int, operations_max: int) -> LogScenario:
    for _ in range(lives):
        scenario.live(operations_max=operations_max if scenario.rng.random() < 0.8 else 20)
    scenario.faulty = False
    scenario.start()
    scenario.stop()
    scenario.start()
    return scenario

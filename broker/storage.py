"""What a node keeps on its disk, opened: its journal, its logs with the journal repeated onto them, and their marks."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from broker.config import BrokerConfig
from broker.durability import begin_journal_anew
from broker.log import LogManager
from broker.partition import HighWatermarkCheckpoint
from wal import Filesystem, Journal, JournalLimits

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Storage:
    """`flush` is how this run acknowledges: as configured, or more durably where the last run left no choice."""

    logs: LogManager
    journal: Journal
    high_watermarks: HighWatermarkCheckpoint
    flush: str


def open_storage(config: BrokerConfig, filesystem: Filesystem, *, files_max: int, now_ms: int) -> Storage:
    """Raises StorageError where that would lose what was acknowledged, or cannot be done."""
    data = config.data_directory
    logs = LogManager(filesystem, data, open_files_max=files_max, opens_later=config.flush != "os")
    logs.load_all(now_ms=now_ms)
    journal = Journal.open(filesystem, f"{data}/journal", JournalLimits.named(config.journal_profile))
    logs.replay(journal.replay(), now_ms=now_ms)
    flush = config.flush
    if flush == "os" and journal.durable_sequence:
        if logs.offline:
            # The next start repeats all of it again: a cut of the run before would take what this one did not journal.
            flush = "commit"
            logger.warning(
                "flush=os waits for the next start: %d offline partitions need the journal, so what is appended beside "
                "them has to be in it, too; this run acknowledges as with flush=commit",
                len(logs.offline),
            )
        else:
            logs.checkpoint(0)
            journal = begin_journal_anew(journal, filesystem, data)
    return Storage(logs, journal, HighWatermarkCheckpoint(filesystem, data), flush)

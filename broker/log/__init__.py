"""One replica's records on disk: the logs of the partitions, what opens, checkpoints and deletes them.

Doors: `PartitionLog` (one log), `LogManager` (all of a node), `journal_entries` (what goes into the node's journal).
"""

from broker.log import journal_entries
from broker.log.checkpointing import Checkpoint
from broker.log.checkpoints import TopicPartition, read_checkpoint, write_checkpoint
from broker.log.cleaner import LogCleaner
from broker.log.compaction import Cleanable, Compaction
from broker.log.discards import remove_paths
from broker.log.disk import Disk
from broker.log.dump import dump_file, dump_journal_entry, is_log_file
from broker.log.leader_epochs import LeaderEpochs
from broker.log.log_config import LogConfig
from broker.log.log_manager import LogManager
from broker.log.partition_log import NOT_PLAIN, PartitionLog
from broker.log.results import (
    ActiveProducer,
    AppendOrigin,
    AppendResult,
    InvalidRecords,
    ReadResult,
    TimestampOffset,
)
from broker.log.stored_slice import NEVER_STORED, StoredSlice
from broker.log.transaction_index import AbortedTransaction
from broker.log.truncation import NewStart, Truncation

__all__ = [
    "NEVER_STORED",
    "NOT_PLAIN",
    "AbortedTransaction",
    "ActiveProducer",
    "AppendOrigin",
    "AppendResult",
    "Checkpoint",
    "Cleanable",
    "Compaction",
    "Disk",
    "InvalidRecords",
    "LeaderEpochs",
    "LogCleaner",
    "LogConfig",
    "LogManager",
    "NewStart",
    "PartitionLog",
    "ReadResult",
    "StoredSlice",
    "TimestampOffset",
    "TopicPartition",
    "Truncation",
    "dump_file",
    "dump_journal_entry",
    "is_log_file",
    "journal_entries",
    "read_checkpoint",
    "remove_paths",
    "write_checkpoint",
]

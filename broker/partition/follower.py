"""The follower's part of a partition: whom it follows, and what it does with what the leader sends.

Its log is the leader's, batch by batch, except for a tail that the leader may not have: the leader finds where the two
part by comparing epochs (KIP-101, KIP-279, KIP-595), and the follower cuts there. Cuts go into the journal as appends
do, so a replay after a crash repeats them in order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from broker.log import NewStart, PartitionLog, Truncation, journal_entries
from wal import StorageError

if TYPE_CHECKING:
    from broker.partition.partition import Partition

logger = logging.getLogger(__name__)

UNDEFINED = -1


class FollowerRole:
    """One run of following `leader_id`. What a leader of another epoch answers is not for this role.

    `on_stored` is called when the log's end became durable, or was cut, or when the disk refused what was appended.
    """

    def __init__(self, partition: Partition, leader_id: int, leader_epoch: int) -> None:
        self.partition = partition
        self.log = partition.log
        self.leader_id = leader_id
        self.leader_epoch = leader_epoch
        self.on_stored: Callable[[FollowerRole], None] | None = None
        # Epochs that this replica led without writing a record are not history.
        self.log.leader_epochs.truncate_from_end(self.log.log_end_offset)

    @property
    def is_current(self) -> bool:
        return self.partition.following is self

    @property
    def is_stored(self) -> bool:
        """Whether the end of the log is durable: only then may it be told to the leader."""
        return not self.partition.is_being_cut and self.partition.durable_end_offset >= self.log.log_end_offset

    @property
    def last_fetched_epoch(self) -> int:
        """The epoch of the last record, which the leader compares with its own history; -1 for an empty log."""
        return self.log.leader_epochs.epoch_of(self.log.log_end_offset - 1)

    def append(self, records: bytes | memoryview) -> None:
        """Collect whole batches for the write at the end of this turn; `on_stored` says when they are durable.

        Raises KafkaError CORRUPT_MESSAGE where they do not belong at the end of this log, StorageError."""
        end_offset = self.log.log_end_offset
        try:
            self.log.append_as_follower(records)
        except StorageError:
            self.partition.append_refused()
            raise
        finally:
            if self.log.log_end_offset > end_offset:
                self.partition.appended()

    def learn(self, *, high_watermark: int, log_start_offset: int) -> None:
        """What the leader said of its own log beside the records. Raises KafkaError."""
        log = self.log
        self.partition.move_high_watermark(min(high_watermark, log.log_end_offset))
        if log.log_start_offset < log_start_offset <= log.log_end_offset:
            self.partition.log_starts.advance(log_start_offset)

    def truncate(self, leader_epoch: int, leader_end_offset: int) -> None:
        """The leader's largest epoch up to our last one is `leader_epoch`, and it ended at `leader_end_offset`.

        `on_stored` says when the log was cut. Raises StorageError."""
        log = self.log
        offset = log.truncation_offset(truncation_offset(log, leader_epoch, leader_end_offset))
        # Below the high watermark only after an unclean election, or one of a replica that lost its disk.
        is_loss = offset < self.partition.high_watermark
        logger.log(
            logging.ERROR if is_loss else logging.INFO,
            "%s: truncated from %d to %d, where its history parts from that of leader %d at epoch %d%s",
            log,
            log.log_end_offset,
            offset,
            self.leader_id,
            self.leader_epoch,
            f"; BELOW the high watermark {self.partition.high_watermark}" if is_loss else "",
        )
        payload = journal_entries.encode_truncate(log.topic_id, log.partition, offset)
        self.partition.cut(journal_entries.TRUNCATE, payload, Truncation(log, offset))

    def restart_at(self, offset: int) -> None:
        """Nothing here is of use: what the leader has begins at `offset`. `on_stored` says when. StorageError."""
        log = self.log
        logger.warning("%s: begins anew at %d, where the log of leader %d begins", log, offset, self.leader_id)
        log.make_names_durable()
        payload = journal_entries.encode_restarted(log.topic_id, log.partition, offset)
        self.partition.cut(journal_entries.RESTARTED, payload, NewStart(log, offset))

    def stored(self) -> None:
        if self.on_stored is not None:
            self.on_stored(self)


def truncation_offset(log: PartitionLog, leader_epoch: int, leader_end_offset: int) -> int:
    """Where to cut after the leader said: my largest epoch up to your last is `leader_epoch`, it ended at that offset.

    KIP-279: with an epoch that this log does not know, it is cut where its own next lower one ended, and the next
    fetch asks about that one; so it steps back through the history until both agree.
    """
    end_offset = log.log_end_offset
    if leader_epoch == UNDEFINED:
        return min(leader_end_offset, end_offset)
    epoch, own_end_offset = log.leader_epochs.end_offset_for(min(leader_epoch, log.leader_epochs.latest), end_offset)
    if epoch == UNDEFINED:
        return min(leader_end_offset, end_offset)
    if epoch != leader_epoch:
        return min(own_end_offset, end_offset)
    return min(leader_end_offset, own_end_offset, end_offset)

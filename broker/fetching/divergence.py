"""Where a reader's log parts from a leader's, by comparing the epoch of its last record with the leader's history."""

from __future__ import annotations

from broker.partition import Partition
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import EpochEndOffset, PartitionData

# Nearly always the answer. The very default of the field: the codec needs no comparison to leave it out.
NOWHERE = PartitionData().diverging_epoch


def diverging_epoch(partition: Partition, last_fetched_epoch: int, fetch_offset: int) -> EpochEndOffset:
    """KIP-595: where the reader's log parts from ours, if its last batch is not one that we have there."""
    if last_fetched_epoch < 0:
        return NOWHERE
    log = partition.log
    epoch, end_offset = log.leader_epochs.end_offset_for(last_fetched_epoch, log.log_end_offset)
    if epoch < 0:
        raise KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE, f"leader epoch {last_fetched_epoch} is unknown to {partition}")
    if epoch < last_fetched_epoch or end_offset < fetch_offset:
        return EpochEndOffset(epoch=epoch, end_offset=end_offset)
    return NOWHERE


def replica_divergence(partition: Partition, last_fetched_epoch: int, fetch_offset: int) -> EpochEndOffset:
    """The same for a follower. One that is ahead of all that is here, without an epoch to compare, is told where this
    log ends: what Kafka's follower asks for then, and cuts its log to."""
    found = diverging_epoch(partition, last_fetched_epoch, fetch_offset)
    end_offset = partition.log.journalled_end_offset
    if found.end_offset == -1 and fetch_offset > end_offset:
        return EpochEndOffset(end_offset=end_offset)
    return found

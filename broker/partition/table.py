"""Every partition that has a replica on this node, by name and by topic id, kept in step with the metadata image.

The node shows it no image before that knows this run of the broker: to lead again at the leader epoch of an earlier run
would give one epoch two histories.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from broker.clock import Clock
from broker.durability import Durability
from broker.end_of_turn import EndOfTurn
from broker.log import LogConfig, LogManager, PartitionLog, TopicPartition, journal_entries
from broker.metadata import (
    EMPTY_IMAGE,
    NO_LEADER,
    RESOURCE_TOPIC,
    MetadataDelta,
    MetadataImage,
    PartitionImage,
    TopicImage,
)
from broker.partition.cuts import LogCut, cut_at_once
from broker.partition.isr import UNKNOWN_BROKER_EPOCH
from broker.partition.offline import OfflinePartitions, tell_missing
from broker.partition.partition import Partition
from broker.partition.turns import Turns
from protocol.errors import ErrorCode
from wal import StorageError

logger = logging.getLogger(__name__)

# Told that this node began (a leader epoch) or ceased (None) to lead a partition.
OnLeadership = Callable[[Partition, int | None], None]
# Told that a partition has another role: it leads, follows, another leader or epoch, or it is gone.
OnRole = Callable[[Partition], None]


class PartitionTable:
    def __init__(
        self,
        logs: LogManager,
        *,
        node_id: int,
        durability: Durability,
        clock: Clock,
        end_of_turn: EndOfTurn,
        log_config_of: Callable[[str], LogConfig],
        lag_time_max_ms: Callable[[], int] = lambda: 30_000,
        high_watermarks: Mapping[TopicPartition, int] | None = None,
    ) -> None:
        """`high_watermarks` as checkpointed."""
        self._logs = logs
        self.node_id = node_id
        self.durability = durability
        self.clock = clock
        self._end_of_turn = end_of_turn
        self._log_config_of = log_config_of
        self._lag_time_max_ms = lag_time_max_ms
        self._high_watermarks = high_watermarks or {}
        self._image = EMPTY_IMAGE
        self._by_name: dict[str, dict[int, Partition]] = {}
        self._by_id: dict[bytes, dict[int, Partition]] = {}
        # The same dicts by the bytes that a frame names the topic with: no string is made to look one up.
        self._by_encoding: dict[bytes, dict[int, Partition]] = {}
        self._offline = OfflinePartitions()
        # Until the metadata of the start is applied: what has no directory then was not created just now.
        self._is_starting = True
        self._to_write: list[Partition] = []
        self._turns = Turns()
        self._on_leadership: list[OnLeadership] = []
        self._on_role: list[OnRole] = []
        self._on_opened: Callable[[PartitionLog], None] = _no_worker
        self._make_cut: Callable[[Partition, LogCut], None] = cut_at_once
        self._on_write_refused: list[Callable[[Partition, StorageError], None]] = []
        self._on_isr_change: Callable[[Partition], None] = _no_controller
        # Cut off from the controller for so long that others lead: this node leads nothing, whatever its image says.
        self._stands_down = False

    # --- finding -----------------------------------------------------------------------------------------------

    def find(self, topic: str, index: int) -> Partition | None:
        partitions = self._by_name.get(topic)
        return None if partitions is None else partitions.get(index)

    def find_by_id(self, topic_id: bytes, index: int) -> Partition | None:
        partitions = self._by_id.get(topic_id)
        return None if partitions is None else partitions.get(index)

    def of_encoded_topic(self, topic: bytes) -> dict[int, Partition] | None:
        """By the bytes of the topic's name or, where these are 16 bytes that no name has, of its id."""
        return self._by_encoding.get(topic)

    def absence(self, topic: str | bytes, index: int) -> ErrorCode:
        """Why there is no such partition here (a topic by name or id): its disk failed, or nobody knows of it."""
        if (topic, index) in self._offline:
            return ErrorCode.KAFKA_STORAGE_ERROR
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    def of_topic(self, topic: str) -> dict[int, Partition]:
        return self._by_name.get(topic, {})

    def __iter__(self) -> Iterator[Partition]:
        for partitions in self._by_name.values():
            yield from partitions.values()

    # --- following the metadata --------------------------------------------------------------------------------

    def on_leadership(self, callback: OnLeadership) -> None:
        self._on_leadership.append(callback)

    def on_role(self, callback: OnRole) -> None:
        self._on_role.append(callback)

    def on_opened(self, callback: Callable[[PartitionLog], None]) -> None:
        """`callback` is told of each log that a partition was given, new or found on the disk."""
        self._on_opened = callback

    def cut_with(self, make_cut: Callable[[Partition, LogCut], None]) -> None:
        self._make_cut = make_cut

    def on_write_refused(self, callback: Callable[[Partition, StorageError], None]) -> None:
        self._on_write_refused.append(callback)

    def on_isr_change(self, callback: Callable[[Partition], None]) -> None:
        """`callback` brings a leader's proposal (`partition.leading.proposal`) to the controller."""
        self._on_isr_change = callback

    def on_metadata_update(self, delta: MetadataDelta, image: MetadataImage) -> None:
        """Follow the image: the first delta after a start holds every topic, on the logs that recovery found."""
        self._image = image
        for topic in delta.deleted_topics:
            self._remove_topic(topic.topic_id)
        for topic in delta.created_topics:
            for assigned in topic.partitions:
                self._apply(topic, assigned)
        for change in delta.partition_changes:
            self._apply(change.topic, change.partition)
        for resource_type, name in delta.changed_configs:
            if resource_type == RESOURCE_TOPIC:
                self.reload_configs(name)

    def reload_configs(self, topic: str) -> None:
        for partition in self.of_topic(topic).values():
            partition.log.update_config(self._log_config_of(topic))
            partition.config_changed()

    def set_aside_strays(self, image: MetadataImage) -> None:
        """At the end of the start: logs on disk of topics that the metadata does not know."""
        self._logs.set_aside_strays(image.topics_by_id.keys())
        self._is_starting = False

    def stand_down(self) -> None:
        """Lead nothing any more: the controller must have made others the leaders, though no image says so here."""
        self._stands_down = True
        self._give_all_roles()

    def stand_up(self) -> None:
        """The controller hears of this node again: the image says who leads."""
        self._stands_down = False
        self._give_all_roles()

    def _give_all_roles(self) -> None:
        for partition in list(self):
            topic = self._image.topics_by_id.get(partition.topic_id)
            if topic is not None:
                self._give_role(partition, topic.partitions[partition.index])

    def _apply(self, topic: TopicImage, assigned: PartitionImage) -> None:
        partition = self.find_by_id(topic.topic_id, assigned.partition)
        if self.node_id not in assigned.replicas:
            if partition is not None:
                self._remove_replica(partition)
            return
        if partition is None:
            partition = self._add(topic, assigned.partition)
        if partition is not None:
            self._give_role(partition, assigned)

    def open_again(self) -> None:
        """Partitions that are offline, where the disk may let them be opened by now."""
        for topic_id, index in self._offline.to_try_again():
            topic = self._image.topics_by_id[topic_id]
            self._apply(topic, topic.partitions[index])

    def write_refused(self, partition: Partition, error: StorageError) -> None:
        for callback in self._on_write_refused:
            callback(partition, error)

    def make_cut(self, partition: Partition, cut: LogCut) -> None:
        self._make_cut(partition, cut)

    def was_cut(self, partition: Partition) -> None:
        topic = self._image.topics_by_id.get(partition.topic_id)
        if topic is not None and self.find_by_id(topic.topic_id, partition.index) is partition:
            self._give_role(partition, topic.partitions[partition.index])

    def _give_role(self, partition: Partition, assigned: PartitionImage) -> None:
        if assigned.leader == self.node_id and partition.is_being_cut:
            return  # `was_cut` comes
        former_epoch, was_leader = partition.leader_epoch, partition.is_leader
        leads = assigned.leader == self.node_id
        if leads and not self._stands_down:
            partition.lead(assigned)
        elif leads or assigned.leader == NO_LEADER:
            partition.resign(ErrorCode.NOT_LEADER_OR_FOLLOWER)
        else:
            partition.follow(assigned.leader, assigned.leader_epoch)
        if (partition.leader_epoch, partition.is_leader) == (former_epoch, was_leader):
            return
        if partition.is_leader:
            self._announce(partition, assigned.leader_epoch)
        elif was_leader:
            self._announce(partition, None)
        self._announce_role(partition)

    def _add(self, topic: TopicImage, index: int) -> Partition | None:
        is_absent = self._logs.find(topic.topic_id, index) is None
        is_missing = is_absent and (self._is_starting or self._offline.was_missing(topic, index))
        try:
            log = self._logs.get_or_create(topic.name, topic.topic_id, index, config=self._log_config_of(topic.name))
            _ = log.leader_epochs  # read here, where a refusal is this partition's: leading needs them at once
        except StorageError as error:
            # One partition that cannot be opened must not take the others down; it stays offline and says why.
            by_start, waits = (topic.name, index) in self._logs.offline, self._logs.waits(topic.name, index)
            self._offline.add(topic, index, error, was_missing=is_missing, by_start=by_start, waits=waits)
            return None
        self._offline.opened(topic, index)
        self._on_opened(log)
        high_watermark = self._high_watermarks.get((topic.name, index))
        partition = Partition(log, self, high_watermark=high_watermark)
        if is_missing:
            self._begin_empty(partition, topic.partitions[index].replicas)
        partitions = self._by_name.setdefault(topic.name, {})
        partitions[index] = partition
        self._by_id[topic.topic_id] = partitions
        # A topic id is a version-4 UUID, whose ninth byte is above 127: no topic's name has it.
        self._by_encoding[topic.name.encode()] = self._by_encoding[topic.topic_id] = partitions
        return partition

    def _begin_empty(self, partition: Partition, replicas: Sequence[int]) -> None:
        """The metadata knows it and the disk does not: a crash right after its creation, or someone took it away."""
        tell_missing(partition, replicas)
        # Entries that the journal may still have of its former records must not come back over the new ones.
        payload = journal_entries.encode_restarted(partition.topic_id, partition.index, 0)
        self.durability.append(journal_entries.RESTARTED, [payload], _nobody_waits)

    def _remove_topic(self, topic_id: bytes) -> None:
        self._offline.forget_topic(topic_id)
        partitions = self._by_id.pop(topic_id, {})
        self._by_encoding.pop(topic_id, None)
        for partition in partitions.values():
            if self._by_name.get(partition.topic) is partitions:
                del self._by_name[partition.topic]
                self._by_encoding.pop(partition.topic.encode(), None)
            self._end(partition, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        self.durability.wake()

    def _remove_replica(self, partition: Partition) -> None:
        """Its replica was moved to other brokers, which have what was written here: whoever waits is to ask them."""
        logger.info("%s has no replica here any more", partition)
        partitions = self._by_id[partition.topic_id]
        del partitions[partition.index]
        if not partitions:
            self._remove_topic(partition.topic_id)
        self._end(partition, ErrorCode.NOT_LEADER_OR_FOLLOWER)
        self.durability.wake()

    def _end(self, partition: Partition, error: ErrorCode) -> None:
        partition.resign(error)
        self._announce(partition, None)
        self._announce_role(partition)
        self._delete_log(partition)

    def _delete_log(self, partition: Partition) -> None:
        """The metadata has promised it: what the disk refuses here, the next start finds as a stray."""
        try:
            self._logs.delete(partition.log, self.clock.now_ms())
            # A replay of the journal must not bring back what was deleted.
            payload = journal_entries.encode_removed(partition.topic_id, partition.index)
            self.durability.append(journal_entries.REMOVED, [payload], _nobody_waits)
        except StorageError as error:
            logger.error("%s is deleted, but its files stay until the next start: %s", partition, error)

    def _announce(self, partition: Partition, leader_epoch: int | None) -> None:
        for callback in self._on_leadership:
            callback(partition, leader_epoch)

    def _announce_role(self, partition: Partition) -> None:
        for callback in self._on_role:
            callback(partition)

    # --- what its partitions ask of it ---------------------------------------------------------------------------

    @property
    def lag_time_max_ms(self) -> int:
        return self._lag_time_max_ms()

    def is_eligible(self, node_id: int, broker_epoch: int) -> bool:
        """KIP-841, KIP-903: this incarnation of the broker is alive, as far as the image knows."""
        broker = self._image.brokers.get(node_id)
        if broker is None or not broker.is_active:
            return False
        return broker_epoch in (UNKNOWN_BROKER_EPOCH, broker.broker_epoch)

    def isr_change_wanted(self, partition: Partition) -> None:
        self._on_isr_change(partition)

    def schedule_write(self, partition: Partition) -> None:
        if not self._to_write and not self._turns.has_waiters:
            self._end_of_turn.add(self.write_out)
        self._to_write.append(partition)

    def when_durable(self, waiter: Callable[[], None]) -> None:
        """Run `waiter` once when everything appended so far, by whichever partition, is durable, or was refused: the
        leaders' promises say which. One wait for all of a request, however many partitions it has."""
        if not self._to_write and not self._turns.has_waiters:
            self._end_of_turn.add(self.write_out)
        self._turns.wait(waiter)

    def write_out(self) -> None:
        """Write what this turn appended, then let the committer begin: it finds all of the turn's entries."""
        if not self._to_write and not self._turns.has_waiters:
            return  # a follower has written already what it scheduled: no reason to wake the committer once more
        partitions, self._to_write = self._to_write, []
        for partition in partitions:
            partition.write_out()
        self._turns.written(self.durability)
        self.durability.wake()

    def fail_all(self, reason: str) -> None:
        """The journal failed: nothing is acknowledged any more, reading goes on."""
        for partition in self:
            partition.fail(reason)
        self._turns.end_all()


def _no_controller(partition: Partition) -> None:
    """Before anyone carries proposals to a controller; they stay proposed, which is safe."""


def _no_worker(log: PartitionLog) -> None:
    """Where nobody makes names durable beforehand, the first write of a log does."""


def _nobody_waits() -> None:
    """Deletion was acknowledged by the metadata log already."""

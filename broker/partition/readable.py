"""A replica as those see it who read: its role and epoch, what may be read of its log, and the news of progress.

The high watermark is the role's while this node leads, and what the leader told while it follows; a consumer sees
nothing above it, here or there.
"""

from __future__ import annotations

from collections.abc import Callable

from broker.log import NEVER_STORED, PartitionLog, ReadResult
from broker.partition.committed_bytes import CommittedBytes
from broker.partition.follower import FollowerRole
from broker.partition.host import NO_LEADER_EPOCH, IsolationLevel, PartitionHost, PartitionRead, ReplicaReader
from broker.partition.leader import LeaderRole
from protocol.errors import ErrorCode, KafkaError


class ReadableReplica:
    """What `Partition` is for readers; it has the rest. Everything here runs on the loop's thread."""

    def __init__(self, log: PartitionLog, host: PartitionHost, high_watermark: int) -> None:
        self.log = log
        self.topic = log.topic
        self.topic_id = log.topic_id
        self.index = log.partition
        self._host = host
        # The one that it has, if any. `leading` is a plain attribute: the produce path asks for it with every batch.
        self.leading: LeaderRole | None = None
        self._follower_role: FollowerRole | None = None
        self._followers_of_progress: dict[Callable[[ReadableReplica], None], None] = {}
        self._replica_readers: list[ReplicaReader] = []
        self._high_watermark = min(max(high_watermark, log.log_start_offset), log.log_end_offset)
        self._committed_bytes = CommittedBytes()

    def __repr__(self) -> str:
        return f"{self.topic}-{self.index}"

    # --- its role ------------------------------------------------------------------------------------------------

    @property
    def is_leader(self) -> bool:
        return self.leading is not None

    @property
    def following(self) -> FollowerRole | None:
        return self._follower_role

    @property
    def _role(self) -> LeaderRole | FollowerRole | None:
        return self.leading or self._follower_role

    @property
    def has_role(self) -> bool:
        return self._role is not None

    @property
    def leader_epoch(self) -> int:
        role = self._role
        return role.leader_epoch if role is not None else NO_LEADER_EPOCH

    def check_leader(self, current_leader_epoch: int = NO_LEADER_EPOCH) -> ErrorCode:
        """KIP-320: whether a client that believes in `current_leader_epoch` may be served here. NONE if so."""
        if self.leading is None:
            return ErrorCode.NOT_LEADER_OR_FOLLOWER
        return self.check_replica(current_leader_epoch)

    def check_replica(self, current_leader_epoch: int = NO_LEADER_EPOCH) -> ErrorCode:
        """The same for a read that a follower may serve, too (KIP-392)."""
        role = self._role
        if role is None:
            return ErrorCode.NOT_LEADER_OR_FOLLOWER
        if current_leader_epoch in (NO_LEADER_EPOCH, role.leader_epoch):
            return ErrorCode.NONE
        if current_leader_epoch < role.leader_epoch:
            return ErrorCode.FENCED_LEADER_EPOCH
        return ErrorCode.UNKNOWN_LEADER_EPOCH

    def _leader(self) -> LeaderRole:
        if self.leading is None:
            raise KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER, f"this node does not lead {self}")
        return self.leading

    # --- reading -----------------------------------------------------------------------------------------------

    @property
    def high_watermark(self) -> int:
        return self.leading.committed.progress if self.leading is not None else self._high_watermark

    @property
    def knows_what_is_committed(self) -> bool:
        """KIP-207: a new leader's high watermark may be behind its predecessor's until its own epoch is committed."""
        role = self.leading
        return role is not None and role.committed.progress >= role.epoch_start_offset

    @property
    def last_stable_offset(self) -> int:
        """KIP-98: the end of what a read_committed consumer may see."""
        return self.log.last_stable_offset(self.high_watermark)

    def end_offset(self, isolation: IsolationLevel) -> int:
        """Where a consumer's view of the log ends, exclusive."""
        if isolation is IsolationLevel.READ_COMMITTED:
            return self.last_stable_offset
        return self.high_watermark

    def read(
        self,
        offset: int,
        *,
        max_bytes: int,
        isolation: IsolationLevel,
        at_least_one_batch: bool,
        stored_bytes_min: int = NEVER_STORED,
    ) -> PartitionRead:
        """As `ReadableLog.read`. Raises KafkaError: OFFSET_OUT_OF_RANGE below the log's start or above its end."""
        end_offset = self.end_offset(isolation)
        return PartitionRead(
            self.log.read(
                offset,
                max_bytes=max_bytes,
                max_offset=end_offset,
                at_least_one_batch=at_least_one_batch,
                stored_bytes_min=stored_bytes_min,
            ),
            self.high_watermark,
            self.last_stable_offset,
            self.log.log_start_offset,
        )

    @property
    def committed_bytes(self) -> int:
        """Grows with the high watermark; only differences of two readings mean something."""
        return self._committed_bytes.count

    def follow_progress(self, on_progress: Callable[[ReadableReplica], None]) -> None:
        """Call `on_progress` whenever the high watermark moves or the role ends, until `unfollow_progress`."""
        self._followers_of_progress[on_progress] = None

    def unfollow_progress(self, on_progress: Callable[[ReadableReplica], None]) -> None:
        self._followers_of_progress.pop(on_progress, None)

    def _notify_progress(self) -> None:
        if self._followers_of_progress:
            for on_progress in tuple(self._followers_of_progress):
                on_progress(self)

    # --- followers read ------------------------------------------------------------------------------------------

    def read_by_replica(self, reader: ReplicaReader) -> None:
        """Tell `reader` of what a follower may fetch, until `unread_by_replica`."""
        self._replica_readers.append(reader)

    def unread_by_replica(self, reader: ReplicaReader) -> None:
        if reader in self._replica_readers:
            self._replica_readers.remove(reader)

    def read_as_replica(self, offset: int, *, max_bytes: int, at_least_one_batch: bool) -> ReadResult:
        """What a follower fetches: everything that the journal was given, committed or not. Raises KafkaError."""
        self._leader()
        return self.log.read(
            offset,
            max_bytes=max_bytes,
            max_offset=self.log.journalled_end_offset,
            at_least_one_batch=at_least_one_batch,
        )

"""The follower's side of a fetch session (KIP-227): which request comes next, and what it must name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broker.partition import FollowerRole
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, ReplicaState

EPOCH_MAX = 2**31 - 1
NO_SESSION = 0

PartitionKey = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """Of one request."""

    max_wait_ms: int
    max_bytes: int
    partition_max_bytes: int


class FetchSession:
    """One session, from its first request on; after a broken connection or a refusal a new one begins."""

    def __init__(self, node_id: int, broker_epoch: int) -> None:
        self._replica = ReplicaState(replica_id=node_id, replica_epoch=broker_epoch)
        self.session_id = NO_SESSION
        self._epoch = 0
        self._named: set[PartitionKey] = set()
        self._forgotten: dict[PartitionKey, None] = {}

    @property
    def is_open(self) -> bool:
        """Whether the leader answered to the first request."""
        return self.session_id != NO_SESSION

    def forget(self, key: PartitionKey) -> None:
        if key in self._named:
            self._named.discard(key)
            self._forgotten[key] = None

    def request(self, roles: Iterable[FollowerRole], bounds: FetchBounds) -> FetchRequest:
        """The next request: it names `roles` with their new positions, and goes on reading those named before."""
        request = FetchRequest(
            replica_state=self._replica,
            # The first is answered at once: until the session has its id, nothing can be said behind a request.
            max_wait_ms=bounds.max_wait_ms if self.is_open else 0,
            min_bytes=1,
            max_bytes=bounds.max_bytes,
            session_id=self.session_id,
            session_epoch=self._epoch,
            forgotten_topics_data=[
                ForgottenTopic(topic_id=topic_id, partitions=[index]) for topic_id, index in self._forgotten
            ],
        )
        topics: dict[bytes, FetchTopic] = {}
        for role in roles:
            log = role.log
            topic = topics.get(log.topic_id)
            if topic is None:
                topic = topics[log.topic_id] = FetchTopic(topic_id=log.topic_id)
                request.topics.append(topic)
            topic.partitions.append(position_of(role, bounds.partition_max_bytes))
            self._named.add((log.topic_id, log.partition))
            self._forgotten.pop((log.topic_id, log.partition), None)
        self._forgotten.clear()
        self._epoch = 1 if self._epoch == EPOCH_MAX else self._epoch + 1
        return request


def position_of(role: FollowerRole, partition_max_bytes: int) -> FetchPartition:
    """Where `role` goes on, and with that: what it has."""
    log = role.log
    return FetchPartition(
        partition=log.partition,
        current_leader_epoch=role.leader_epoch,
        fetch_offset=log.log_end_offset,
        last_fetched_epoch=role.last_fetched_epoch,
        log_start_offset=log.log_start_offset,
        partition_max_bytes=partition_max_bytes,
        high_watermark=role.partition.high_watermark,
    )

"""The fetches of followers, each in a session of its own kind: a follower is told only of partitions that have news.

A follower reads many partitions of which few have anything at a time, so nothing here walks over all of them: a
partition tells the sessions that read it when its log grew, and only those are looked at for the answer.

What a follower names in a request is its acknowledgement: everything below the fetch offset is durable there. After an
answer about a partition, the session says no more of it until the follower names it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from broker.fetching.divergence import diverging_epoch, replica_divergence
from broker.fetching.sessions import EPOCH_MAX, INITIAL_EPOCH, NO_SESSION
from broker.fetching.throttling import NoThrottle, Throttle, is_held_back, sent
from broker.partition import Partition
from broker.request import Deferred
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import (
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    PartitionData,
)

# KIP-1166: how long a moved high watermark may wait for records to go with. A follower that serves consumers, or is
# elected, should know it; an answer for every commit would double the fetches under light load.
HIGH_WATERMARK_DELAY_S = 0.02
UNKNOWN_HIGH_WATERMARK = 2**63 - 1
# How many turns of the loop an answer waits for more where each appends some: a fetch costs as much as 100 records.
GATHERED_TURNS_MAX = 3

TargetKey = tuple[bytes, int]
FindPartition = Callable[[bytes, int], Partition]


@dataclass(frozen=True, slots=True)
class Follower:
    """Who fetches: a broker, in one of its runs."""

    node_id: int
    broker_epoch: int


class ReplicaTarget:
    """One partition in a session; the partition tells it what happens there (`ReplicaReader`)."""

    __slots__ = ("asked", "awaits_request", "counts_no_more", "key", "partition", "session", "told")

    def __init__(self, session: ReplicaSession, key: TargetKey, partition: Partition) -> None:
        self.session = session
        self.key = key
        self.partition = partition
        self.asked = FetchPartition()
        self.awaits_request = False
        # What it last named was told to a role that has ended, and the next one knows nothing of it.
        self.counts_no_more = False
        # The high watermark and the log's start, as the follower last heard of them.
        self.told = (-1, -1)

    def log_grew(self) -> None:
        if not self.awaits_request:
            self.session.has_records(self)

    def has_news(self) -> None:
        if not self.awaits_request:
            self.session.has_news(self)

    def role_ended(self) -> None:
        self.awaits_request = False
        self.counts_no_more = True
        self.session.has_records(self)

    def named(self, asked: FetchPartition, follower: Follower) -> None:
        """The follower asks from a new offset, which is all that it may be told from now on."""
        self.asked = asked
        self.awaits_request = self.counts_no_more = False
        if asked.high_watermark != UNKNOWN_HIGH_WATERMARK:
            self.told = (asked.high_watermark, asked.log_start_offset)
        partition = self.partition
        if self._may_be_read() and asked.fetch_offset <= partition.log.journalled_end_offset:
            partition.replica_fetched(
                follower.node_id,
                asked.fetch_offset,
                log_start_offset=asked.log_start_offset,
                broker_epoch=follower.broker_epoch,
            )

    def _may_be_read(self) -> bool:
        """Whether its history is ours: only then says its fetch offset what it has of our log."""
        asked = self.asked
        if self.partition.check_leader(asked.current_leader_epoch) is not ErrorCode.NONE:
            return False
        return diverging_epoch(self.partition, asked.last_fetched_epoch, asked.fetch_offset).epoch == -1

    def read(self, max_bytes: int, *, at_least_one_batch: bool) -> PartitionData | None:
        """What there is to tell; None for nothing."""
        partition, asked = self.partition, self.asked
        data = PartitionData(partition_index=asked.partition, high_watermark=-1, records=b"")
        try:
            error = partition.check_leader(asked.current_leader_epoch)
            if error is not ErrorCode.NONE or self.counts_no_more:
                raise KafkaError(error or ErrorCode.NOT_LEADER_OR_FOLLOWER)
            data.log_start_offset = partition.log.log_start_offset
            data.high_watermark = partition.high_watermark
            data.diverging_epoch = replica_divergence(partition, asked.last_fetched_epoch, asked.fetch_offset)
            if data.diverging_epoch.end_offset == -1:
                read = partition.read_as_replica(
                    asked.fetch_offset,
                    max_bytes=min(max_bytes, asked.partition_max_bytes),
                    at_least_one_batch=at_least_one_batch,
                )
                data.records = read.records
        except KafkaError as failure:
            data.error_code = failure.code
        if data.records or data.error_code != ErrorCode.NONE or data.diverging_epoch.end_offset != -1:
            self.awaits_request = True
        elif (data.high_watermark, data.log_start_offset) == self.told:
            return None
        self.told = (data.high_watermark, data.log_start_offset)
        return data


class ReplicaSession:
    """What one fetcher of one follower reads here. Its requests come one after the other, over one connection."""

    def __init__(
        self, session_id: int, follower: Follower, throttle: Throttle, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.session_id = session_id
        self._throttle = throttle
        self.follower = follower
        self.epoch = INITIAL_EPOCH
        self._loop = loop
        self._targets: dict[TargetKey, ReplicaTarget] = {}
        # In the order in which they became so; those that one answer had no room for come first in the next.
        self._with_records: dict[ReplicaTarget, None] = {}
        self._with_news: dict[ReplicaTarget, None] = {}
        self._refused: list[tuple[bytes, PartitionData]] = []
        self._max_bytes = 0
        self._waiting: ReplicaFetchWait | None = None

    def fetch(self, request: FetchRequest, find: FindPartition) -> FetchResponse | Deferred:
        if self._waiting is not None:
            self._waiting.end()
        self.epoch = 1 if self.epoch == EPOCH_MAX else self.epoch + 1
        self._max_bytes = request.max_bytes
        for forgotten in request.forgotten_topics_data:
            for index in forgotten.partitions:
                self._forget((forgotten.topic_id, index))
        for topic in request.topics:
            for asked in topic.partitions:
                self._named((topic.topic_id, asked.partition), asked, find)
        more_comes = request.max_wait_ms > 0 and self.more_comes
        if not more_comes:
            response = self._answer()
            if response.responses or request.max_wait_ms <= 0:
                return response
        self._waiting = ReplicaFetchWait(self, request.max_wait_ms / 1000, self._loop)
        if more_comes:
            self._waiting.end_soon()
        return self._waiting

    def _named(self, key: TargetKey, asked: FetchPartition, find: FindPartition) -> None:
        try:
            target = self._targets.get(key)
            partition = find(*key)
            if target is None or target.partition is not partition:
                self._forget(key)
                target = self._targets[key] = ReplicaTarget(self, key, partition)
                partition.read_by_replica(target)
            target.named(asked, self.follower)
        except KafkaError as error:
            self._forget(key)
            refusal = PartitionData(partition_index=key[1], error_code=error.code, high_watermark=-1, records=b"")
            self._refused.append((key[0], refusal))
            return
        self._with_records[target] = None

    def _forget(self, key: TargetKey) -> None:
        target = self._targets.pop(key, None)
        if target is not None:
            target.partition.unread_by_replica(target)
            self._with_records.pop(target, None)
            self._with_news.pop(target, None)

    # --- partitions tell -----------------------------------------------------------------------------------------

    def has_records(self, target: ReplicaTarget) -> None:
        self._with_records[target] = None
        if self._waiting is not None and not self._is_held_back(target):
            self._waiting.end_soon()

    def has_news(self, target: ReplicaTarget) -> None:
        self._with_news[target] = None
        if self._waiting is not None:
            self._waiting.end_in(HIGH_WATERMARK_DELAY_S)

    # --- answers -------------------------------------------------------------------------------------------------

    @property
    def more_comes(self) -> bool:
        """Whether a log that this one reads has records which are written at the end of this turn of the loop."""
        return any(target.partition.log.has_collected for target in self._with_records)

    def answer_waiting(self) -> FetchResponse:
        self._waiting = None
        return self._answer()

    def stop_waiting(self) -> None:
        self._waiting = None

    def _answer(self) -> FetchResponse:
        response = FetchResponse(session_id=self.session_id)
        topics: dict[bytes, FetchableTopicResponse] = {}
        refused, self._refused = self._refused, []
        for topic_id, refusal in refused:
            _add(response, topics, topic_id, refusal)
        remaining = self._max_bytes
        for target in [*self._with_records, *self._with_news]:
            if remaining <= 0:
                return response
            self._with_records.pop(target, None)
            self._with_news.pop(target, None)
            if target.awaits_request:
                continue
            must_wait = self._is_held_back(target)
            data = target.read(
                0 if must_wait else remaining,
                at_least_one_batch=not must_wait and remaining == self._max_bytes,
            )
            if must_wait and not target.awaits_request:
                # Looked at again with the next request, which comes when this one has waited.
                self._with_records[target] = None
            if data is None:
                continue
            if data.records:
                remaining -= len(data.records)
                sent(self._throttle, target.partition, len(data.records))
            _add(response, topics, target.key[0], data)
        return response

    def _is_held_back(self, target: ReplicaTarget) -> bool:
        return is_held_back(self._throttle, target.partition, self.follower.node_id)

    def close(self) -> None:
        if self._waiting is not None:
            self._waiting.end()
        for key in list(self._targets):
            self._forget(key)


def _add(
    response: FetchResponse, topics: dict[bytes, FetchableTopicResponse], topic_id: bytes, data: PartitionData
) -> None:
    topic = topics.get(topic_id)
    if topic is None:
        topic = topics[topic_id] = FetchableTopicResponse(topic_id=topic_id)
        response.responses.append(topic)
    topic.partitions.append(data)


class ReplicaFetchWait(Deferred):
    """A fetch that found nothing, or came too soon: it ends with a turn of the loop in which a log grew, with the last
    one where several follow each other, or in time."""

    __slots__ = ("_ends_early", "_ends_soon", "_loop", "_session", "_timer")

    def __init__(self, session: ReplicaSession, max_wait_s: float, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._session = session
        self._loop = loop
        self._timer: asyncio.Handle = loop.call_later(max_wait_s, self.end)
        self._ends_early = False
        self._ends_soon = False

    def end_soon(self) -> None:
        """At the end of this turn: other partitions may grow in it, too."""
        if not self._ends_soon:
            self._ends_soon = True
            self._timer.cancel()
            self._timer = self._loop.call_soon(self._end_unless_more_comes, GATHERED_TURNS_MAX)

    def _end_unless_more_comes(self, turns_left: int) -> None:
        if turns_left and self._session.more_comes:
            self._timer = self._loop.call_soon(self._end_unless_more_comes, turns_left - 1)
        else:
            self.end()

    def end_in(self, delay_s: float) -> None:
        if not self._ends_early and not self._ends_soon:
            self._ends_early = True
            self._timer.cancel()
            self._timer = self._loop.call_later(delay_s, self.end)

    def end(self) -> None:
        if not self.resolved:
            self._timer.cancel()
            self.resolve(self._session.answer_waiting())

    def request_behind(self) -> None:
        """The fetcher has more to say: it follows new partitions, and would rather fetch them than wait."""
        self.end_soon()

    def node_stops(self) -> None:
        self.end()

    def abandon(self) -> None:
        self._timer.cancel()
        self._session.stop_waiting()


class ReplicaSessions:
    """The sessions of all followers. A fetcher has one; when it begins anew, the one before it ends."""

    def __init__(
        self, *, choose_id: Callable[[], int], loop: asyncio.AbstractEventLoop, throttle: Throttle | None = None
    ) -> None:
        self._throttle = throttle or NoThrottle()
        self._choose_id = choose_id
        self._loop = loop
        self._by_fetcher: dict[tuple[int, str], ReplicaSession] = {}

    def __len__(self) -> int:
        return len(self._by_fetcher)

    def open(self, request: FetchRequest, follower: Follower, client_id: str) -> ReplicaSession:
        """The session of this request. Raises KafkaError FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH."""
        key = (follower.node_id, client_id)
        session = self._by_fetcher.get(key)
        if request.session_epoch == INITIAL_EPOCH:
            if session is not None:
                session.close()
            session_id = NO_SESSION
            while session_id == NO_SESSION:
                session_id = self._choose_id()
            session = self._by_fetcher[key] = ReplicaSession(session_id, follower, self._throttle, self._loop)
            return session
        if session is None or session.session_id != request.session_id:
            raise KafkaError(ErrorCode.FETCH_SESSION_ID_NOT_FOUND, f"no session of broker {follower.node_id}")
        if session.epoch != request.session_epoch:
            raise KafkaError(ErrorCode.INVALID_FETCH_SESSION_EPOCH, f"expected {session.epoch}")
        if session.follower != follower:
            raise KafkaError(ErrorCode.FETCH_SESSION_ID_NOT_FOUND, "the session is of an earlier run of that broker")
        return session

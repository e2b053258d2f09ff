"""Incremental fetch sessions (KIP-227): a client names its partitions once, then only what changed.

A session holds the partitions in the order they are read. A partition whose data went out moves to the end, so that
one that always has data does not starve the others. Limits: `max.incremental.fetch.session.cache.slots` sessions; when
all are taken, one that was unused for `EVICTABLE_AFTER_MS` makes room, else the client is served without a session.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import FetchPartition, FetchRequest, PartitionData

NO_SESSION = 0
INITIAL_EPOCH = 0
FINAL_EPOCH = -1
EPOCH_MAX = 2**31 - 1
EVICTABLE_AFTER_MS = 120_000
TOPIC_ID_MIN_VERSION = 13

# A topic as the client named it: its name below v13, its id from there on; and the partition's index.
PartitionKey = tuple[str | bytes, int]


@dataclass(slots=True)
class FetchTarget:
    """One partition that a client reads, and what it was last told of it."""

    topic: str | bytes
    request: FetchPartition
    told_high_watermark: int = -1
    told_last_stable_offset: int = -1
    told_log_start_offset: int = -1

    def is_news(self, data: PartitionData) -> bool:
        """Whether an incremental response must hold this partition: it has records, an error, or moved offsets."""
        return bool(
            data.records
            or data.error_code != ErrorCode.NONE
            or data.high_watermark != self.told_high_watermark
            or data.last_stable_offset != self.told_last_stable_offset
            or data.log_start_offset != self.told_log_start_offset
            or data.diverging_epoch.epoch != -1
        )

    def told(self, data: PartitionData) -> None:
        # An error is told again until it is gone: the client asks anew for the partition when it has recovered.
        failed = data.error_code != ErrorCode.NONE
        self.told_high_watermark = -1 if failed else data.high_watermark
        self.told_last_stable_offset = data.last_stable_offset
        self.told_log_start_offset = data.log_start_offset


@dataclass(slots=True)
class FetchSession:
    session_id: int
    uses_topic_ids: bool
    epoch: int = 1
    last_used_ms: int = 0
    targets: OrderedDict[PartitionKey, FetchTarget] = field(default_factory=OrderedDict)

    def update(self, request: FetchRequest) -> None:
        for target in targets_of(request, self.uses_topic_ids):
            key = (target.topic, target.request.partition)
            known = self.targets.get(key)
            if known is None:
                self.targets[key] = target
            else:
                known.request = target.request
        for forgotten in request.forgotten_topics_data:
            topic = forgotten.topic_id if self.uses_topic_ids else forgotten.topic
            for index in forgotten.partitions:
                self.targets.pop((topic, index), None)

    def sent_records(self, target: FetchTarget) -> None:
        self.targets.move_to_end((target.topic, target.request.partition))


def targets_of(request: FetchRequest, uses_topic_ids: bool) -> list[FetchTarget]:
    return [
        FetchTarget(topic.topic_id if uses_topic_ids else topic.topic, partition)
        for topic in request.topics
        for partition in topic.partitions
    ]


class FetchSessions:
    """`choose_id` gives random positive int32s: a guessable id would let one client end another's session."""

    def __init__(self, slots: int, *, choose_id: Callable[[], int]) -> None:
        self._slots = slots
        self._choose_id = choose_id
        self._sessions: OrderedDict[int, FetchSession] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, request: FetchRequest, version: int, now_ms: int) -> tuple[FetchSession | None, list[FetchTarget]]:
        """The session of this request (None: served without one) and what it reads, in order.

        Raises KafkaError: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR.
        """
        uses_topic_ids = version >= TOPIC_ID_MIN_VERSION
        if request.session_epoch in (INITIAL_EPOCH, FINAL_EPOCH):
            self._sessions.pop(request.session_id, None)
            session = None
            if request.session_epoch == INITIAL_EPOCH and version >= 7:
                session = self._create(uses_topic_ids, now_ms)
            if session is None:
                return None, targets_of(request, uses_topic_ids)
            session.update(request)
            return session, list(session.targets.values())
        session = self._resume(request, uses_topic_ids)
        session.last_used_ms = now_ms
        session.update(request)
        return session, list(session.targets.values())

    def _resume(self, request: FetchRequest, uses_topic_ids: bool) -> FetchSession:
        session = self._sessions.get(request.session_id)
        if session is None:
            raise KafkaError(ErrorCode.FETCH_SESSION_ID_NOT_FOUND, f"no fetch session {request.session_id}")
        if session.uses_topic_ids != uses_topic_ids:
            raise KafkaError(
                ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR, "the session began with the other kind of topic names"
            )
        if session.epoch != request.session_epoch:
            raise KafkaError(
                ErrorCode.INVALID_FETCH_SESSION_EPOCH,
                f"expected {session.epoch}, not {request.session_epoch}",
            )
        session.epoch = 1 if session.epoch == EPOCH_MAX else session.epoch + 1
        self._sessions.move_to_end(session.session_id)
        return session

    def _create(self, uses_topic_ids: bool, now_ms: int) -> FetchSession | None:
        if len(self._sessions) >= self._slots and not self._evict(now_ms):
            return None
        session_id = self._choose_id()
        while session_id in self._sessions or session_id == NO_SESSION:
            session_id = self._choose_id()
        session = self._sessions[session_id] = FetchSession(session_id, uses_topic_ids, last_used_ms=now_ms)
        return session

    def _evict(self, now_ms: int) -> bool:
        oldest = next(iter(self._sessions.values()), None)
        if oldest is None or now_ms - oldest.last_used_ms < EVICTABLE_AFTER_MS:
            return False
        del self._sessions[oldest.session_id]
        return True

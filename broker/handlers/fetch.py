"""Fetch (API key 1), versions 0–18: read record batches from partitions this node leads.

v0–1 are answered with message sets of magic 0, v2–3 of magic 1. v3 has a limit for the whole response (KIP-74).
v4 brings isolation levels and aborted transactions (KIP-98), v5 log start offsets, v7 sessions (KIP-227), v9 leader
epochs (KIP-320), v10 zstd (KIP-110), v11 the rack (KIP-392), v12 is flexible and tells diverging epochs (KIP-595),
v13 names topics by id (KIP-516), v15 moves the replica's state into a tag (KIP-903), v16 names node endpoints
(KIP-951), v17 and v18 serve followers.

Too few bytes: the answer waits for appends or `max_wait_ms`, whichever is first; nothing polls.

Not implemented:
- fetching as a follower (replica id ≥ 0), and from the closest replica (KIP-392): one node has no other replica.
"""

from __future__ import annotations

import asyncio

from broker.fetching import NO_SESSION, Collector, FetchLimits, FetchSession, FetchTarget, FetchWait
from broker.handlers.services import Services
from broker.partition import IsolationLevel, Partition
from broker.request import Deferred, RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import FetchableTopicResponse, FetchRequest, FetchResponse, PartitionData

ZSTD_MIN_VERSION = 10


def handle(services: Services, context: RequestContext, request: FetchRequest) -> FetchResponse | Deferred:
    version = context.api_version
    try:
        session, targets = services.fetch_sessions.open(request, version, services.clock.monotonic_ms())
    except KafkaError as error:
        return FetchResponse(error_code=error.code)
    limits = FetchLimits(
        version=version,
        isolation=IsolationLevel(1 if request.isolation_level == 1 else 0),
        min_bytes=min(request.min_bytes, services.config.fetch_max_bytes),
        max_bytes=min(request.max_bytes, services.config.fetch_max_bytes),
        max_wait_ms=request.max_wait_ms,
    )
    finder = _Finder(services, version)
    collector = Collector(targets, limits, finder)
    found, enough = collector.read()
    if enough:
        return _response(session, targets, found)
    return FetchWait(
        list(finder.found.values()),
        available_bytes=sum(len(data.records) for data in found if data.records),
        min_bytes=limits.min_bytes,
        max_wait_ms=limits.max_wait_ms,
        answer=lambda: _response(session, targets, collector.read()[0]),
        loop=asyncio.get_running_loop(),
    )


class _Finder:
    """Looks partitions up as this version names them, and remembers those it found."""

    def __init__(self, services: Services, version: int) -> None:
        self._services = services
        self._version = version
        self.found: dict[int, Partition] = {}

    def __call__(self, target: FetchTarget) -> Partition:
        partition = self._find(target)
        if self._version < ZSTD_MIN_VERSION and partition.log.config.compression_type == "zstd":
            raise KafkaError(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, f"zstd needs Fetch v{ZSTD_MIN_VERSION} or newer")
        self.found[id(partition)] = partition
        return partition

    def _find(self, target: FetchTarget) -> Partition:
        partitions = self._services.partitions
        index = target.request.partition
        if isinstance(target.topic, str):
            partition = partitions.find(target.topic, index)
            if partition is None:
                raise KafkaError(partitions.absence(target.topic, index))
            return partition
        partition = partitions.find_by_id(target.topic, index)
        if partition is None:
            known = target.topic in self._services.metadata.image.topics_by_id
            raise KafkaError(partitions.absence(target.topic, index) if known else ErrorCode.UNKNOWN_TOPIC_ID)
        return partition


def _response(session: FetchSession | None, targets: list[FetchTarget], found: list[PartitionData]) -> FetchResponse:
    """Group by topic in the order read; an established session hears only what is news to it."""
    response = FetchResponse(session_id=session.session_id if session is not None else NO_SESSION)
    topics: dict[str | bytes, FetchableTopicResponse] = {}
    for target, data in zip(targets, found, strict=True):
        if session is not None:
            if session.epoch > 1 and not target.is_news(data):
                continue
            target.told(data)
            if data.records and (target.topic, data.partition_index) in session.targets:
                session.sent_records(target)
        topic = topics.get(target.topic)
        if topic is None:
            topic = topics[target.topic] = _topic(target.topic)
            response.responses.append(topic)
        topic.partitions.append(data)
    return response


def _topic(topic: str | bytes) -> FetchableTopicResponse:
    if isinstance(topic, str):
        return FetchableTopicResponse(topic=topic)
    return FetchableTopicResponse(topic_id=topic)

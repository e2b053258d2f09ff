"""Fetch (API key 1), versions 0–18: read record batches from partitions this node leads.

v0–1 are answered with message sets of magic 0, v2–3 of magic 1. v3 has a limit for the whole response (KIP-74).
v4 brings isolation levels and aborted transactions (KIP-98), v5 log start offsets, v7 sessions (KIP-227), v9 leader
epochs (KIP-320), v10 zstd (KIP-110), v11 the rack (KIP-392), v12 is flexible and tells diverging epochs (KIP-595),
v13 names topics by id (KIP-516), v15 moves the replica's state into a tag (KIP-903), v16 names node endpoints
(KIP-951), v17 and v18 serve followers.

Too few bytes: the answer waits for appends or `max_wait_ms`, whichever is first; nothing polls.

Followers' fetches are another matter: replica_fetch.py. From v11 on a consumer may read from a follower, up to the high
watermark that this one knows; with `replica.selector.class` the leader sends it to an in-sync replica in its own rack.
"""

from __future__ import annotations

import asyncio

from broker.fetching import NO_SESSION, Collector, FetchLimits, FetchSession, FetchTarget, FetchWait
from broker.handlers import replica_fetch
from broker.handlers.closest_replica import ReplicaSelector
from broker.handlers.locating import MOVED, find_by_id, find_by_name, leader_hint
from broker.handlers.services import Services
from broker.partition import IsolationLevel, Partition
from broker.request import Deferred, RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import (
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionData,
)

ZSTD_MIN_VERSION = 10
CURRENT_LEADER_MIN_VERSION = 12
NODE_ENDPOINTS_MIN_VERSION = 16


def handle(services: Services, context: RequestContext, request: FetchRequest) -> FetchResponse | Deferred:
    version = context.api_version
    follower = replica_fetch.follower_of(version, request)
    if follower is not None:
        return replica_fetch.handle(services, context, request, follower)
    try:
        session, targets = services.fetch_sessions.open(request, version, services.clock.monotonic_ms())
    except KafkaError as error:
        return FetchResponse(error_code=error.code)
    limits = FetchLimits(
        version=version,
        isolation=IsolationLevel.READ_COMMITTED if request.isolation_level == 1 else IsolationLevel.READ_UNCOMMITTED,
        min_bytes=min(request.min_bytes, services.config.fetch_max_bytes),
        max_bytes=min(request.max_bytes, services.config.fetch_max_bytes),
        max_wait_ms=request.max_wait_ms,
    )
    finder = _Finder(services, version)
    collector = Collector(targets, limits, finder, ReplicaSelector.of(services, request.rack_id))

    def answer(found: list[PartitionData]) -> FetchResponse:
        response = _response(session, targets, found)
        if version >= CURRENT_LEADER_MIN_VERSION:
            _tell_leaders(services, context, response)
        return response

    found, enough = collector.read()
    if enough:
        return answer(found)
    return FetchWait(
        list(finder.found.values()),
        available_bytes=sum(len(data.records) for data in found if data.records),
        min_bytes=limits.min_bytes,
        max_wait_ms=limits.max_wait_ms,
        answer=lambda: answer(collector.read()[0]),
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
        if isinstance(target.topic, str):
            return find_by_name(self._services, target.topic, target.request.partition)
        return find_by_id(self._services, target.topic, target.request.partition)


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


def _tell_leaders(services: Services, context: RequestContext, response: FetchResponse) -> None:
    """KIP-951: beside an error that another broker leads, which one it is."""
    told: set[int] = set()
    for topic in response.responses:
        for data in topic.partitions:
            if data.error_code not in MOVED:
                continue
            name_or_id = topic.topic or topic.topic_id
            hint = leader_hint(services, context.listener_name, name_or_id, data.partition_index)
            if hint is None:
                continue
            data.current_leader = LeaderIdAndEpoch(leader_id=hint.leader_id, leader_epoch=hint.leader_epoch)
            if context.api_version >= NODE_ENDPOINTS_MIN_VERSION and hint.leader_id not in told:
                told.add(hint.leader_id)
                response.node_endpoints.append(
                    NodeEndpoint(node_id=hint.leader_id, host=hint.host, port=hint.port, rack=hint.rack)
                )

"""A fetcher: everything this broker follows of one leader, over one connection and one fetch session.

    name what has news ──request──> leader ──records──> append, write out ──durable──> name it anew

A partition is named with the end of its log once that is durable here, so the request that fetches more is the
acknowledgement of what came before. One request waits at the leader for news; when a partition is added meanwhile, a
second one goes behind it, and the leader ends the first for it. Nothing polls; partitions without news cost nothing.

A partition that fails (its leader does not know yet that it leads, the disk is full) is left alone for a while and
named again; the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from broker.network import PeerUnreachable
from broker.partition import FollowerRole
from broker.replication.fetch_session import FetchBounds, FetchSession, PartitionKey
from broker.replication.throttle import ReplicationThrottle
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import FetchRequest, FetchResponse, PartitionData
from protocol.records import read_batch_header
from wal import StorageError

logger = logging.getLogger(__name__)

FETCH_VERSION = 18
REQUESTS_MAX = 2
# The leader, or this broker, applies the same change of metadata in a moment.
BACKOFF_S_MIN = 0.01
FAILURES_TOLD_FROM = 4
# A request that is never sent.
NEVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FetcherLimits:
    """What the settings say, as read at each request."""

    bounds: FetchBounds
    timeout_ms: int
    backoff_s_max: float


class Peer(Protocol):
    """One ordered connection to a leader's listener; `PeerConnection` is one."""

    async def send(
        self, request: FetchRequest, response_type: type[FetchResponse], *, version: int, timeout_ms: float
    ) -> FetchResponse:
        """Raises PeerUnreachable: then every request under way has failed, and the next one connects again."""
        ...

    def close(self) -> None: ...


class Followed:
    """One partition of a fetcher."""

    __slots__ = ("failures", "has_all", "key", "named_in", "named_offset", "problem", "retry", "role")

    def __init__(self, role: FollowerRole) -> None:
        self.role = role
        self.key: PartitionKey = (role.log.topic_id, role.log.partition)
        self.named_offset = -1
        # The number of the request that named it last. What earlier ones are answered is of another time: the replica
        # may have been removed since, and be here again, empty.
        self.named_in = NEVER
        # Whether it had everything that the leader called committed when it was last heard of.
        self.has_all = False
        self.failures = 0
        # What was wrong last, told in the log when it changes.
        self.problem = ""
        self.retry: asyncio.TimerHandle | None = None


class Fetcher:
    """`write_out` puts what was appended into the journal at once; `new_session` knows this broker's epoch."""

    def __init__(
        self,
        leader_id: int,
        peer: Peer,
        *,
        new_session: Callable[[], FetchSession],
        limits: Callable[[], FetcherLimits],
        write_out: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        throttle: ReplicationThrottle | None = None,
    ) -> None:
        self._throttle = throttle
        self._held_back: dict[Followed, None] = {}
        self._pause: asyncio.TimerHandle | None = None
        self.leader_id = leader_id
        self._peer = peer
        self._new_session = new_session
        self._limits = limits
        self._write_out = write_out
        self._loop = loop
        self._followed: dict[PartitionKey, Followed] = {}
        self._to_name: dict[Followed, None] = {}
        self._storing: set[Followed] = set()
        self._session = new_session()
        self._exchanges: dict[asyncio.Task[None], None] = {}
        self._requests = 0
        self._sent = 0
        self._will_go_on = False
        self._problem = ""
        self._is_stopped = False

    def __len__(self) -> int:
        return len(self._followed)

    # --- what is followed ----------------------------------------------------------------------------------------

    def add(self, role: FollowerRole) -> None:
        self.remove((role.log.topic_id, role.log.partition), forget=False)
        followed = Followed(role)
        self._followed[followed.key] = followed
        role.on_stored = lambda _: self._stored(followed)
        if role.is_stored:
            self._to_name[followed] = None
            self._go_on_soon()
        else:
            self._storing.add(followed)

    def remove(self, key: PartitionKey, *, forget: bool = True) -> None:
        followed = self._followed.pop(key, None)
        if followed is None:
            return
        followed.role.on_stored = None
        self._to_name.pop(followed, None)
        self._held_back.pop(followed, None)
        if followed.retry is not None:
            followed.retry.cancel()
        if followed in self._storing:
            self._storing.discard(followed)
            self._go_on_soon()
        if forget:
            self._session.forget(key)

    async def stop(self) -> None:
        self._is_stopped = True
        if self._pause is not None:
            self._pause.cancel()
        for key in list(self._followed):
            self.remove(key)
        self._peer.close()
        for exchange in self._exchanges:
            exchange.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)

    # --- requests ------------------------------------------------------------------------------------------------

    def _go_on_soon(self) -> None:
        """At the end of this turn: a change of metadata brings many partitions."""
        if not self._will_go_on:
            self._will_go_on = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Send the next request, if one is due: the first, or one that has something to say behind it."""
        self._will_go_on = False
        if self._is_stopped or self._storing or not self._followed:
            return
        self._hold_back()
        if self._requests and (not self._to_name or self._requests >= REQUESTS_MAX or not self._session.is_open):
            return
        limits = self._limits()
        self._sent += 1
        for followed in self._to_name:
            followed.named_offset, followed.named_in = followed.role.log.log_end_offset, self._sent
        request = self._session.request([followed.role for followed in self._to_name], limits.bounds)
        self._to_name = {}
        self._requests += 1
        exchange = self._loop.create_task(self._exchange(request, self._sent, self._session, limits))
        self._exchanges[exchange] = None
        exchange.add_done_callback(self._exchanges.pop)

    def _hold_back(self) -> None:
        """What is not named the leader does not send: partitions that lag wait while too much is fetched."""
        throttle = self._throttle
        if throttle is None or not self._to_name or not throttle.is_exceeded:
            return
        for followed in list(self._to_name):
            log = followed.role.log
            may_wait = not followed.has_all and throttle.covers(log.topic, log.partition)
            if may_wait and not throttle.is_in_sync(log.topic, log.partition):
                del self._to_name[followed]
                self._held_back[followed] = None
        if self._held_back and self._pause is None:
            self._pause = self._loop.call_later(throttle.pause_s, self._go_on_with_held_back)

    def _go_on_with_held_back(self) -> None:
        self._pause = None
        held_back, self._held_back = self._held_back, {}
        self._to_name |= held_back
        self._go_on_soon()

    async def _exchange(self, request: FetchRequest, number: int, session: FetchSession, limits: FetcherLimits) -> None:
        try:
            response = await self._peer.send(
                request, FetchResponse, version=FETCH_VERSION, timeout_ms=limits.timeout_ms
            )
        except PeerUnreachable as error:
            if session is self._session:
                self._tell(f"leader {self.leader_id} cannot be fetched from: {error}")
                # Not at once: what was not even sent (no common version, too much under way) fails without waiting.
                self._begin_session(BACKOFF_S_MIN)
            return
        if session is not self._session:
            return
        self._requests -= 1
        if response.error_code:
            self._tell(f"leader {self.leader_id} refuses to be fetched from: {ErrorCode(response.error_code).name}")
            self._loop.call_later(BACKOFF_S_MIN, self._begin_session)
            return
        self._problem = ""
        session.session_id = response.session_id
        self._received(response, number)

    def _begin_session(self, delay_s: float = 0.0) -> None:
        """Everything is named anew, over a new connection where the old one broke (after its back-off)."""
        self._session = self._new_session()
        self._requests = 0
        for followed in self._followed.values():
            if followed not in self._storing and followed.retry is None:
                self._to_name[followed] = None
        self._loop.call_later(delay_s, self._go_on)

    def _tell(self, problem: str) -> None:
        if problem != self._problem and not self._is_stopped:
            self._problem = problem
            logger.info("%s", problem)

    # --- answers -------------------------------------------------------------------------------------------------

    def _received(self, response: FetchResponse, number: int) -> None:
        taken: list[tuple[Followed, PartitionData]] = []
        for topic in response.responses:
            for data in topic.partitions:
                followed = self._followed.get((topic.topic_id, data.partition_index))
                if followed is None or number < followed.named_in or not followed.role.is_current:
                    continue
                if self._take(followed, data):
                    taken.append((followed, data))
        if self._storing:
            self._write_out()
        # After the write: the disk may have refused records that the leader's high watermark covers.
        for followed, data in taken:
            self._learn(followed, data)
        self._go_on()

    def _take(self, followed: Followed, data: PartitionData) -> bool:
        """Whether it belongs to this log, and brought what more there is of it."""
        try:
            if data.error_code != ErrorCode.NONE:
                self._refused(followed, data)
                return False
            if data.diverging_epoch.epoch != -1 or data.diverging_epoch.end_offset != -1:
                followed.role.truncate(data.diverging_epoch.epoch, data.diverging_epoch.end_offset)
                self._storing.add(followed)
                return False
            if data.records:
                self._append(followed, data.records)
        except (KafkaError, StorageError) as error:
            self._back_off(followed, str(error))
            return False
        followed.failures = 0
        followed.problem = ""
        return True

    def _learn(self, followed: Followed, data: PartitionData) -> None:
        role = followed.role
        if not role.is_current:
            return
        start_offset = role.log.log_start_offset
        try:
            role.learn(high_watermark=data.high_watermark, log_start_offset=data.log_start_offset)
            followed.has_all = role.log.log_end_offset >= data.high_watermark
        except (KafkaError, StorageError) as error:
            self._back_off(followed, str(error))
            return
        if role.log.log_start_offset != start_offset and followed not in self._storing:
            self._to_name[followed] = None  # the leader waits for it (DeleteRecords)

    def _append(self, followed: Followed, records: bytes | memoryview) -> None:
        if read_batch_header(records).base_offset < followed.role.log.log_end_offset:
            return  # an answer to an earlier naming: it has them already
        followed.role.append(records)
        log = followed.role.log
        if self._throttle is not None and self._throttle.covers(log.topic, log.partition):
            self._throttle.record(len(records))
        self._storing.add(followed)

    def _stored(self, followed: Followed) -> None:
        if followed not in self._storing or not followed.role.is_stored:
            return
        self._storing.discard(followed)
        if followed.role.log.log_end_offset == followed.named_offset:
            self._back_off(followed, "the disk refused what was fetched")
        else:
            self._to_name[followed] = None
        if not self._storing:
            self._go_on()

    def _refused(self, followed: Followed, data: PartitionData) -> None:
        code, role = ErrorCode(data.error_code), followed.role
        end_offset = role.log.log_end_offset
        is_outside = not data.log_start_offset <= end_offset <= data.high_watermark
        if code is ErrorCode.OFFSET_OUT_OF_RANGE and data.log_start_offset >= 0 and is_outside:
            role.restart_at(data.log_start_offset)
            self._storing.add(followed)
            return
        self._back_off(followed, f"leader {self.leader_id} answers {code.name}")

    def _back_off(self, followed: Followed, problem: str) -> None:
        """Leave it alone for a while. Short at first: mostly one of two brokers is a moment ahead of the other."""
        self._to_name.pop(followed, None)
        followed.failures += 1
        if problem != followed.problem and followed.failures >= FAILURES_TOLD_FROM:
            followed.problem = problem
            logger.info("%s: %s", followed.role.partition, problem)
        delay_s = min(BACKOFF_S_MIN * 2 ** min(followed.failures - 1, 10), self._limits().backoff_s_max)
        followed.retry = self._loop.call_later(delay_s, self._retry, followed)

    def _retry(self, followed: Followed) -> None:
        followed.retry = None
        if self._followed.get(followed.key) is followed:
            self._to_name[followed] = None
            self._go_on_soon()

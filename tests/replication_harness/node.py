"""One simulated node: a disk, a journal that commits a little later, and the rooms that replicate."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from simulation import SimulatedFilesystem

from broker.cluster import IsrChange, IsrChangeResult
from broker.config import BrokerConfig
from broker.controller import IsrWish
from broker.end_of_turn import EndOfTurn
from broker.fetching import Follower, ReplicaSessions
from broker.log import LogConfig, LogManager
from broker.metadata import EMPTY_IMAGE, MetadataDelta, MetadataImage, MetadataPublisher
from broker.partition import HighWatermarkCheckpoint, Partition, PartitionTable
from broker.replication import FOLLOWER, LEADER, Replication, ReplicationThrottle, ThrottleSettings
from broker.request import Deferred
from protocol import decode
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import FetchRequest, FetchResponse
from replication_harness.network import Link
from wal import Buffer, Journal, JournalLimits

if TYPE_CHECKING:
    from replication_harness.world import ReplicaWorld

LIMITS = JournalLimits(commit_bytes_max=20_000, commit_entries_max=64, segment_bytes=65_536, spare_segments_max=1)
LOG_CONFIG = LogConfig(segment_bytes=3000, index_interval_bytes=200, segment_index_bytes=800)
COMMIT_MS_MAX = 8


class SlowJournal:
    """`Durability`: what was appended becomes durable some milliseconds after the wake."""

    def __init__(self, node: ReplicaNode, journal: Journal) -> None:
        self.node = node
        self.journal = journal
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._is_due = False

    def append(
        self, kind: int, parts: Sequence[Buffer], on_durable: Callable[[], None], *, record_count: int = 1
    ) -> None:
        self._waiting.append((self.journal.enqueue(kind, parts), on_durable))

    def append_durably(self, kind: int, payload: Buffer, on_durable: Callable[[], None]) -> None:
        self.append(kind, [payload], on_durable)
        self.wake()

    def after_all(self, on_durable: Callable[[], None]) -> None:
        if self._waiting:
            self._waiting.append((self._waiting[-1][0], on_durable))
        else:
            on_durable()

    def wake(self) -> None:
        if not self._is_due and self._waiting:
            self._is_due = True
            self.node.later(self.node.world.rng.randrange(COMMIT_MS_MAX + 1), self._commit)

    def _commit(self) -> None:
        self._is_due = False
        while self.journal.durable_sequence + 1 < self.journal.next_sequence:
            self.journal.commit()
        while self._waiting and self._waiting[0][0] <= self.journal.durable_sequence:
            self._waiting.popleft()[1]()


class ReplicaNode:
    def __init__(self, world: ReplicaWorld, node_id: int) -> None:
        self.world = world
        self.node_id = node_id
        self.disk = SimulatedFilesystem(world.rng.getrandbits(64))
        self.is_running = False
        self.is_paused = False
        self._asleep: list[Callable[[], object]] = []
        self._life = 0
        self.tasks: set[asyncio.Task[None]] = set()

    # --- lives ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        world, config = self.world, self.world.config
        self._life += 1
        self.is_running, self.joined = True, False
        self.epoch = -1
        self.logs = LogManager(self.disk, "data", config_of=lambda topic: LOG_CONFIG, open_files_max=8)
        self.logs.load_all()
        self.journal = Journal.open(self.disk, "data/journal", LIMITS)
        self.logs.replay(self.journal.replay())
        assert not self.logs.offline, self.logs.offline
        self.publisher = MetadataPublisher()
        loop: Any = _LoopOfNode(self)
        checkpoint = HighWatermarkCheckpoint(self.disk, "data")
        self.table = PartitionTable(
            self.logs,
            node_id=self.node_id,
            durability=SlowJournal(self, self.journal),
            clock=world.clock,
            end_of_turn=EndOfTurn(loop),
            log_config_of=lambda topic: dataclasses.replace(LOG_CONFIG, min_insync_replicas=world.min_insync_replicas),
            lag_time_max_ms=lambda: config.replica_lag_time_max_ms,
            high_watermarks=checkpoint.read(),
        )
        self.sessions = ReplicaSessions(
            choose_id=lambda: world.rng.randrange(1, 1 << 30), loop=loop, throttle=self._throttle(LEADER)
        )
        self.replication = Replication(
            config=lambda: config,
            connect=lambda leader_id, client_id: Link(self, leader_id, client_id),
            partitions=self.table,
            publisher=self.publisher,
            channel=self,
            high_watermarks=checkpoint,
            loop=loop,
            throttle=self._throttle(FOLLOWER),
        )
        self.checkpoint = checkpoint
        self.publisher.subscribe(self._image_moved)
        self.applied = 0
        self.apply_all_soon()
        world.register(self)
        self.later(500, self._look_after)

    def _throttle(self, settings: ThrottleSettings) -> ReplicationThrottle:
        world = self.world
        return ReplicationThrottle(
            settings,
            dataclasses.replace(world.config, node_id=self.node_id),
            config=lambda: world.config,
            publisher=self.publisher,
            clock=world.clock,
        )

    def crash(self, *, power_loss: bool) -> None:
        self.is_running = False
        self.is_paused = False
        self._asleep.clear()
        for task in list(self.tasks):
            task.cancel()
        for link in self.world.links:
            if self.node_id in (link.source.node_id, link.target_id):
                link.break_off()
        self.disk = self.disk.power_loss() if power_loss else self.disk.kill()

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False
        asleep, self._asleep = self._asleep, []
        for act in asleep:
            self.world.loop.call_soon(self.when_awake, act)

    def when_awake(self, act: Callable[[], object]) -> None:
        if self.is_paused:
            self._asleep.append(act)
        elif self.is_running:
            act()

    def later(self, delay_ms: float, act: Callable[[], object]) -> asyncio.TimerHandle:
        life = self._life
        return self.world.loop.call_later(
            delay_ms / 1000, lambda: self.when_awake(lambda: act() if self._life == life else None)
        )

    # --- metadata ------------------------------------------------------------------------------------------------

    def apply_all_soon(self) -> None:
        self.later(self.world.delay_ms(), self._apply)

    def _apply(self) -> None:
        records = self.world.records
        while self.applied < len(records):
            self.applied += 1
            self.publisher.apply([records[self.applied - 1]], self.applied)

    def _image_moved(self, delta: MetadataDelta, image: MetadataImage) -> None:
        """As a node does it: partitions have roles from the moment at which the image knows this life as a member."""
        if self.joined:
            self.table.on_metadata_update(delta, image)
            return
        broker = image.brokers.get(self.node_id)
        if broker is None or broker.broker_epoch != self.epoch:
            return
        if broker.fenced:
            self.later(self.world.delay_ms(), lambda: self.world.unfence(self))
            return
        self.joined = True
        self.table.on_metadata_update(MetadataDelta.between(EMPTY_IMAGE, image), image)

    async def alter_partition(self, changes: Sequence[IsrChange]) -> list[IsrChangeResult]:
        """`broker.replication.Controller`; an answer may be lost, as any may."""
        life = self._life
        await asyncio.sleep(self.world.delay_ms() / 1000)
        if self._life != life or not self.is_running or self.world.is_cut_off(self.node_id):
            raise KafkaError(ErrorCode.REQUEST_TIMED_OUT, "no controller")
        wishes = [
            IsrWish(
                change.topic_id,
                change.partition,
                change.leader_epoch,
                change.partition_epoch,
                change.isr,
            )
            for change in changes
        ]
        answers = self.world.alter_isr(self, wishes)
        await asyncio.sleep(self.world.delay_ms() / 1000)
        if self.world.rng.random() < 0.3:
            raise KafkaError(ErrorCode.REQUEST_TIMED_OUT, "the answer was lost")
        return [IsrChangeResult(a.error, a.leader, a.leader_epoch, tuple(a.isr), a.partition_epoch) for a in answers]

    # --- fetches of followers ------------------------------------------------------------------------------------

    def serve(self, link: Link, frame: bytes, version: int, future: asyncio.Future[FetchResponse]) -> None:
        self.when_awake(lambda: self._serve(link, frame, version, future))

    def _serve(self, link: Link, frame: bytes, version: int, future: asyncio.Future[FetchResponse]) -> None:
        request = decode(FetchRequest, version, frame)
        follower = Follower(request.replica_state.replica_id, request.replica_state.replica_epoch)
        try:
            session = self.sessions.open(request, follower, link.client_id)
        except KafkaError as error:
            link.answer(FetchResponse(error_code=error.code), version, future)
            return
        answer = session.fetch(request, self._find)
        if isinstance(answer, Deferred):
            answer.deliver_to(lambda response: link.answer(response, version, future))  # type: ignore[arg-type]
        else:
            link.answer(answer, version, future)

    def _find(self, topic_id: bytes, index: int) -> Partition:
        partition = self.table.find_by_id(topic_id, index)
        if partition is None:
            raise KafkaError(ErrorCode.UNKNOWN_TOPIC_ID)
        return partition

    @property
    def partition(self) -> Partition | None:
        return self.table.find("t", 0) if self.is_running else None

    def _look_after(self) -> None:
        for partition in self.table:
            partition.look_after(self.world.now_ms)
        offsets = self.checkpoint.take(self.table)
        if offsets is not None:
            self.checkpoint.write(offsets)
        self.later(500, self._look_after)


class _LoopOfNode:
    """What runs on a node's loop stops when the node does."""

    def __init__(self, node: ReplicaNode) -> None:
        self._node = node
        self.create_future = node.world.loop.create_future
        self.time = node.world.loop.time

    def create_task(self, work: Coroutine[Any, Any, None], *, name: str | None = None) -> asyncio.Task[None]:
        task = self._node.world.loop.create_task(work, name=name)
        self._node.tasks.add(task)
        task.add_done_callback(self._node.tasks.discard)
        return task

    def call_soon(self, act: Callable[..., object], *arguments: object) -> asyncio.TimerHandle:
        return self._node.later(0, lambda: act(*arguments))

    def call_later(self, delay_s: float, act: Callable[..., object], *arguments: object) -> asyncio.TimerHandle:
        return self._node.later(delay_s * 1000, lambda: act(*arguments))


def config() -> BrokerConfig:
    return BrokerConfig.from_properties({"replica.lag.time.max.ms": "1500", "replica.fetch.max.bytes": "400"})

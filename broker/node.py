"""A node: every room built, joined and started in order, and stopped in the other.

Start: lock the directory → open the journal → recover the logs and replay the journal onto them → bind the listeners →
take part in the metadata log → register as a broker, and when the image shows that: open and lead partitions, which
loads group coordinators → serve. Stop: let others lead → answer who waits in groups → drain the listeners → stop what
runs in the background → commit what is left → close the logs cleanly.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from functools import partial

from broker import replication
from broker.background import BackgroundTasks
from broker.cluster import ClusterIdentity
from broker.config import BrokerConfig
from broker.config import Listener as ListenerSetting
from broker.descriptors import share_descriptors
from broker.durability import Committer, durability_of
from broker.end_of_turn import EndOfTurn
from broker.fetching import FetchSessions, ReplicaSessions
from broker.groups import GroupCoordinator
from broker.handlers import APIS
from broker.handlers.controller_apis import CONTROLLER_APIS
from broker.handlers.services import Services
from broker.housekeeping import Housekeeping
from broker.machine import Machine
from broker.member import Member
from broker.metadata import (
    CONSUMER_OFFSETS,
    EMPTY_IMAGE,
    RESOURCE_BROKER,
    MetadataDelta,
    MetadataImage,
    MetadataPublisher,
)
from broker.network import Dispatcher, Listener, ListenerLimits
from broker.partition import Cuts, LogConfigs, NewNames, Partition, PartitionTable
from broker.quorum import WrongDirectory, new_uuid
from broker.replication import Replication
from broker.storage import open_storage
from wal import StorageError

logger = logging.getLogger(__name__)

FETCH_SESSION_IDS = 2**31 - 1
# How long a stopping node waits for followers that may be stopping, too, before it tells producers to ask others.
COMMIT_GRACE_S = 0.3


class Node:
    """One process of a cluster. `start`, then `stop` once; `endpoints` says where its clients reach it."""

    def __init__(self, config: BrokerConfig, machine: Machine | None = None) -> None:
        self._machine = machine or Machine()
        self._filesystem = self._machine.filesystem
        self._clock = self._machine.clock
        self._static_config = config
        self._background = BackgroundTasks()
        self._listeners: list[Listener] = []
        self._metadata_listeners: list[Listener] = []
        self.data_directory = config.data_directory
        self.endpoints: dict[str, tuple[str, int]] = {}
        self.stop_requested: asyncio.Event = asyncio.Event()
        # Why it asks to be stopped, where its disk does not let it go on: then there is nothing left to `stop` cleanly.
        self.failure = ""
        self._has_joined = False

    async def start(self) -> None:
        """Raises DirectoryInUse, WrongDirectory, StorageError or OSError: each with what to do about it."""
        config = self._static_config
        self._descriptors = share_descriptors()
        self._lock = self._machine.lock_directory(config.data_directory)
        self._identity = ClusterIdentity(self._filesystem, config, make_uuid=lambda: new_uuid(self._machine.chance))
        self._open_storage(config)
        self._publisher = MetadataPublisher()
        self._member = Member(
            config,
            machine=self._machine,
            identity=self._identity,
            publisher=self._publisher,
            services=lambda: self._services,
            on_new_cluster=self._refuse_lost_metadata,
            on_joined=self._joined,
            on_cut_off=self._cut_off,
            on_failure=self._storage_failed,
        )
        self._build_rooms(config)
        for setting in config.listeners:
            self._listeners.append(await self._bind(setting, self._dispatcher))
        for setting in self._member.listeners:
            self._metadata_listeners.append(await self._bind(setting, self._metadata_dispatcher))
        self.endpoints = config.advertised_endpoints({bound.name: bound.port for bound in self._listeners})
        self._committer.start()
        await self._take_part(config)
        self._housekeeping.start(self._background)
        self._replication.start(self._background)
        for listener in self._listeners:
            await listener.start()

    async def _take_part(self, config: BrokerConfig) -> None:
        """In the metadata log, and, once the controller has seen this node, in the cluster."""
        for listener in self._metadata_listeners:
            await listener.start()
        await self._member.start({bound.name: bound.port for bound in self._metadata_listeners})
        if config.is_broker:
            await self._join()
            self._partitions.set_aside_strays(self._publisher.image)

    async def _join(self) -> None:
        """A controller is waited for as long as it takes, but not by a node whose disk has failed meanwhile."""
        joining = asyncio.ensure_future(self._member.join(self.endpoints))
        failed = asyncio.ensure_future(self.stop_requested.wait())
        await asyncio.wait((joining, failed), return_when=asyncio.FIRST_COMPLETED)
        failed.cancel()
        if not joining.done():
            joining.cancel()
            raise StorageError(self.failure)
        joining.result()
        self._has_joined = True

    def _refuse_lost_metadata(self) -> None:
        """Without the metadata log every partition would be a stray, to be deleted."""
        if self._logs.logs or self._logs.offline:
            raise WrongDirectory(
                f"{self.data_directory} has partitions but its metadata log ({self.data_directory}/metadata) is empty: "
                "restore that directory, or give this node another one (log.dirs)"
            )

    def _open_storage(self, config: BrokerConfig) -> None:
        files_max, now_ms = self._descriptors.files_max, self._clock.now_ms()
        storage = open_storage(config, self._filesystem, files_max=files_max, now_ms=now_ms)
        self._logs, self._journal, self._flush = storage.logs, storage.journal, storage.flush
        self._high_watermarks = storage.high_watermarks

    def _build_rooms(self, config: BrokerConfig) -> None:
        loop = asyncio.get_running_loop()
        member = self._member
        end_of_turn, worker = EndOfTurn(loop), self._machine.new_worker("journal-committer")
        self._committer = Committer(
            self._journal, loop=loop, end_of_turn=end_of_turn, on_failure=self._storage_failed, worker=worker
        )
        self._partitions = PartitionTable(
            self._logs,
            node_id=config.node_id,
            durability=durability_of(self._flush, config, self._committer, loop),
            clock=self._clock,
            end_of_turn=end_of_turn,
            log_config_of=LogConfigs(
                config=lambda: self._services.config,
                overrides_of=lambda topic: self._publisher.image.topic_configs(topic),
            ).of,
            lag_time_max_ms=lambda: self._services.config.replica_lag_time_max_ms,
            high_watermarks=self._high_watermarks.read(),
        )
        self._new_names = NewNames(self._filesystem, loop=loop)
        self._partitions.on_opened(self._new_names.add)
        self._cuts = Cuts(self._filesystem, loop=loop)
        self._partitions.cut_with(self._cuts.add)
        self._replication = Replication(
            config=lambda: self._services.config,
            connect=self._member.connection_to,
            partitions=self._partitions,
            publisher=self._publisher,
            channel=member.channel,
            high_watermarks=self._high_watermarks,
            loop=loop,
            throttle=self._throttle(replication.FOLLOWER),
        )
        self._groups = GroupCoordinator(
            config,
            clock=self._clock,
            loop=loop,
            partition_count=self._offsets_partition_count,
            fresh_id=lambda: str(uuid.UUID(bytes=new_uuid(self._machine.chance))),
        )
        choose_id = partial(self._machine.chance.randrange, 1, FETCH_SESSION_IDS)
        self._services = Services(
            config=config,
            clock=self._clock,
            metadata=self._publisher,
            controller=member.controller,
            partitions=self._partitions,
            logs=self._logs,
            groups=self._groups,
            fetch_sessions=FetchSessions(config.max_incremental_fetch_session_cache_slots, choose_id=choose_id),
            replica_sessions=ReplicaSessions(
                choose_id=choose_id, loop=loop, throttle=self._throttle(replication.LEADER)
            ),
            quorum=member.quorum,
            members=member.members,
            brokers=member.brokers,
            voters=member.voters,
            features=member.features,
            forwarder=member.forwarder,
            node_id=config.node_id,
            identity=self._identity,
        )
        self._join_rooms(loop, end_of_turn)

    def _join_rooms(self, loop: asyncio.AbstractEventLoop, end_of_turn: EndOfTurn) -> None:
        self._partitions.on_leadership(self._leadership_changed)
        self._partitions.on_write_refused(self._write_refused)
        self._publisher.subscribe(self._reconfigure)
        dispatcher = partial(Dispatcher, services=self._services, clock=self._clock, loop=loop, end_of_turn=end_of_turn)
        self._dispatcher = dispatcher(APIS)
        self._metadata_dispatcher = dispatcher(CONTROLLER_APIS, begins_at_once=True)
        self._housekeeping = Housekeeping(
            config=lambda: self._services.config,
            clock=self._clock,
            partitions=self._partitions,
            logs=self._logs,
            journal=self._journal,
            journal_caught_up=self._committer.catch_up,
            filesystem=self._filesystem,
        )

    def _throttle(self, settings: replication.ThrottleSettings) -> replication.ReplicationThrottle:
        return replication.ReplicationThrottle(
            settings,
            self._static_config,
            config=lambda: self._services.config,
            publisher=self._publisher,
            clock=self._clock,
        )

    def _joined(self, image: MetadataImage) -> None:
        """This broker's incarnation is a member: from here on the image says what it does with its partitions.

        Before, it may be of a time when this node led what others lead now.
        """
        everything = MetadataDelta.between(EMPTY_IMAGE, image)
        for follow in (self._partitions.on_metadata_update, self._forget_deleted_topics):
            follow(everything, image)
            self._publisher.subscribe(follow)

    async def _bind(self, setting: ListenerSetting, dispatcher: Dispatcher) -> Listener:
        config = self._static_config
        listener = Listener(
            setting.name,
            setting.host,
            setting.port,
            dispatcher=dispatcher,
            limits=ListenerLimits(
                frame_bytes_max=config.socket_request_max_bytes,
                connections_max=min(config.max_connections, self._descriptors.connections_max),
                connections_per_ip_max=config.max_connections_per_ip,
                connection_idle_ms_max=config.connections_max_idle_ms,
            ),
            loop=asyncio.get_running_loop(),
        )
        await listener.bind()
        return listener

    def _cut_off(self, is_cut_off: bool) -> None:
        """Clients of a broker that the controller does not hear of must find those that lead now."""
        self._services.is_cut_off = is_cut_off
        if is_cut_off:
            self._partitions.stand_down()
        else:
            self._partitions.stand_up()

    # --- what changes while it runs ----------------------------------------------------------------------------

    def _reconfigure(self, delta: MetadataDelta, image: MetadataImage) -> None:
        """Broker settings altered at run time; the topics that follow them are told."""
        if not any(resource_type == RESOURCE_BROKER for resource_type, _ in delta.changed_configs):
            return
        self._services.config = self._static_config.with_dynamic(
            default=image.default_broker_configs(), broker=image.broker_configs(self._static_config.node_id)
        )
        for topic in image.topics_by_name:
            self._partitions.reload_configs(topic)

    def _leadership_changed(self, partition: Partition, leader_epoch: int | None) -> None:
        if partition.topic != CONSUMER_OFFSETS:
            return
        if leader_epoch is None:
            self._groups.on_resigned(partition.index)
        else:
            self._groups.on_elected(partition, leader_epoch)

    def _offsets_partition_count(self) -> int:
        topic = self._publisher.image.topics_by_name.get(CONSUMER_OFFSETS)
        return len(topic.partitions) if topic is not None else self._services.config.offsets_topic_num_partitions

    def _forget_deleted_topics(self, delta: MetadataDelta, image: MetadataImage) -> None:
        if delta.deleted_topics:
            self._groups.on_topics_deleted(topic.name for topic in delta.deleted_topics)

    def _storage_failed(self, error: Exception) -> None:
        reason = f"{error}; nothing more is acknowledged until this node is restarted"
        logger.critical("STORAGE FAILED: %s", reason)
        self._partitions.fail_all(reason)
        if self._member.lifecycle.is_of_several or not self._has_joined:
            # Others have what it has, or will when they are back, which it would not see: its image stands still.
            self._fail(reason)

    def _write_refused(self, partition: Partition, error: Exception) -> None:
        """Alone it waits for room on its disk; where another is in sync, that one may lead."""
        if partition.leading is not None and len(partition.leading.isr) > 1:
            self._fail(f"{partition} is led here and cannot be written: {error}")

    def _fail(self, reason: str) -> None:
        self.failure = reason
        # It may be fenced before it has ended, and never learn of it: it must not go on answering for what it led.
        self._cut_off(True)
        self.stop_requested.set()

    # --- the end -----------------------------------------------------------------------------------------------

    async def leave(self) -> None:
        """After a `failure`: let others lead. The process is to end then, as in a crash; the next start recovers."""
        await self._member.lifecycle.shut_down()

    async def stop(self) -> None:
        await self._member.lifecycle.shut_down()
        # First whoever waits in a group: the listeners wait for these answers, too.
        self._groups.close()
        await self._drain()
        await self._background.stop()
        await self._new_names.stop()
        await self._replication.stop()
        await self._cuts.stop()
        self._partitions.write_out()
        await self._member.stop()
        for listener in self._metadata_listeners:
            await listener.stop()
        self._committer.stop()
        self._logs.close()
        self._journal.close()
        self._lock.release()

    async def _drain(self) -> None:
        draining = asyncio.gather(*(listener.stop() for listener in self._listeners))
        if len(self._publisher.image.brokers) > 1:
            done, _ = await asyncio.wait([draining], timeout=COMMIT_GRACE_S)
            if not done:
                self._partitions.stand_down()
        await draining

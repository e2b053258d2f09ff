"""A coordinator, its clients, and time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broker.config import BrokerConfig
from broker.groups import GroupCoordinator
from broker.groups.group import Group
from broker.groups.shard import GroupShard
from broker.request import RequestContext
from groups_harness.loop import HeldLoop, LoopClock
from groups_harness.memory_partition import MemoryPartition
from protocol import encode
from protocol.errors import ErrorCode
from protocol.messages.consumer_protocol import ConsumerProtocolSubscription
from protocol.messages.heartbeat import HeartbeatRequest
from protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from protocol.messages.leave_group import LeaveGroupRequest, MemberIdentity
from protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from protocol.messages.offset_fetch import OffsetFetchRequestGroup
from protocol.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

START_MS = 1_700_000_000_000
SESSION_MS = 10_000
REBALANCE_MS = 60_000


def subscription(*topics: str, version: int = 0) -> bytes:
    return version.to_bytes(2, "big") + encode(ConsumerProtocolSubscription(topics=list(topics)), version)


RANGE = {"range": subscription("orders")}


class Asked:
    """A request that was sent; its answer, once there is one."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    @property
    def is_parked(self) -> bool:
        return not self._task.done()

    @property
    def response(self) -> Any:
        assert self._task.done(), "no answer yet"
        return self._task.result()

    @property
    def error(self) -> ErrorCode:
        response = self.response
        if hasattr(response, "error_code"):
            return ErrorCode(response.error_code)
        return ErrorCode(response.topics[0].partitions[0].error_code)

    def hang_up(self) -> None:
        self._task.cancel()


class GroupWorld:
    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.loop = HeldLoop()
        self.clock = LoopClock(self.loop, START_MS)
        self.settings = {"group.initial.rebalance.delay.ms": "0", **(settings or {})}
        self.partition = MemoryPartition(self.loop)
        self._ids = itertools.count(1)
        self.coordinator = self._new_coordinator()

    def _new_coordinator(self) -> GroupCoordinator:
        coordinator = GroupCoordinator(
            BrokerConfig.from_properties(self.settings),
            clock=self.clock,
            loop=self.loop,
            partition_count=lambda: 1,
            fresh_id=lambda: f"id{next(self._ids)}",
        )
        coordinator.on_elected(self.partition, 0)
        self.loop.settle()
        return coordinator

    def close(self) -> None:
        self.coordinator.close()
        self.loop.settle()
        self.loop.close()

    def reload(self) -> None:
        """The coordinator moves to another broker: nothing is left but the log."""
        self.coordinator.close()
        self.partition = MemoryPartition(self.loop, log=self.partition.log)
        self.coordinator = self._new_coordinator()

    # --- time and state ----------------------------------------------------------------------------------------

    def advance(self, duration_ms: int) -> None:
        self.loop.advance(duration_ms)

    @property
    def shard(self) -> GroupShard:
        (shard,) = self.coordinator._runtime.shards()
        return shard

    def group(self, group_id: str = "g") -> Group:
        return self.shard.groups[group_id]

    def fresh_shard(self) -> GroupShard:
        """What a reload of the log as it is now would make."""
        shard = GroupShard(BrokerConfig.from_properties(self.settings))
        for record in self.partition.log.records():
            assert record.key is not None
            decoded = shard.decode(record.key, record.value)
            assert decoded is not None
            shard.replay(decoded)
        return shard

    # --- requests ----------------------------------------------------------------------------------------------

    def ask(self, coroutine: Coroutine[Any, Any, Any]) -> Asked:
        asked = Asked(self.loop.create_task(coroutine))
        self.loop.settle()
        return asked

    def context(self, version: int, client: str = "c") -> RequestContext:
        return RequestContext(0, version, 1, client, "10.0.0.1", "PLAINTEXT")

    def join(
        self,
        member_id: str = "",
        *,
        group: str = "g",
        instance: str | None = None,
        protocols: Mapping[str, bytes] = RANGE,
        protocol_type: str = "consumer",
        version: int = 9,
        session_ms: int = SESSION_MS,
        rebalance_ms: int = REBALANCE_MS,
        client: str = "c",
    ) -> Asked:
        request = JoinGroupRequest(
            group_id=group,
            session_timeout_ms=session_ms,
            rebalance_timeout_ms=rebalance_ms,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type=protocol_type,
            protocols=[JoinGroupRequestProtocol(name=name, metadata=data) for name, data in protocols.items()],
        )
        return self.ask(self.coordinator.join_group(self.context(version, client), request))

    def sync(
        self,
        member_id: str,
        generation: int,
        assignments: Mapping[str, bytes] | None = None,
        *,
        group: str = "g",
        instance: str | None = None,
        protocol_type: str | None = None,
        protocol_name: str | None = None,
    ) -> Asked:
        request = SyncGroupRequest(
            group_id=group,
            generation_id=generation,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type=protocol_type,
            protocol_name=protocol_name,
            assignments=[
                SyncGroupRequestAssignment(member_id=to, assignment=data) for to, data in (assignments or {}).items()
            ],
        )
        return self.ask(self.coordinator.sync_group(request))

    def heartbeat(self, member_id: str, generation: int, *, group: str = "g", instance: str | None = None) -> ErrorCode:
        request = HeartbeatRequest(
            group_id=group, generation_id=generation, member_id=member_id, group_instance_id=instance
        )
        return self.ask(self.coordinator.heartbeat(request)).error

    def leave(self, *members: str | MemberIdentity, group: str = "g") -> Asked:
        identities = [m if isinstance(m, MemberIdentity) else MemberIdentity(member_id=m) for m in members]
        return self.ask(self.coordinator.leave_group(LeaveGroupRequest(group_id=group, members=identities)))

    def commit(
        self,
        offset: int,
        *,
        group: str = "g",
        member_id: str = "",
        generation: int = -1,
        instance: str | None = None,
        topic: str = "orders",
        topic_id: bytes = bytes(16),
        partitions: Sequence[int] = (0,),
        metadata: str | None = "",
        retention_ms: int = -1,
        commit_timestamp: int = -1,
        leader_epoch: int = -1,
        version: int = 9,
    ) -> Asked:
        request = OffsetCommitRequest(
            group_id=group,
            generation_id_or_member_epoch=generation,
            member_id=member_id,
            group_instance_id=instance,
            retention_time_ms=retention_ms,
            topics=[
                OffsetCommitRequestTopic(
                    name=topic,
                    topic_id=topic_id,
                    partitions=[
                        OffsetCommitRequestPartition(
                            partition_index=index,
                            committed_offset=offset,
                            committed_leader_epoch=leader_epoch,
                            commit_timestamp=commit_timestamp,
                            committed_metadata=metadata,
                        )
                        for index in partitions
                    ],
                )
            ],
        )
        return self.ask(self.coordinator.commit_offsets(self.context(version), request))

    def committed(self, group: str = "g") -> dict[tuple[str, int], int]:
        """All offsets of a group, as OffsetFetch answers."""
        asked = self.ask(self.coordinator.fetch_offsets(OffsetFetchRequestGroup(group_id=group, topics=None)))
        assert asked.error is ErrorCode.NONE
        return {
            (topic.name, partition.partition_index): partition.committed_offset
            for topic in asked.response.topics
            for partition in topic.partitions
        }

    def described(self, group: str = "g") -> Any:
        (described,) = self.ask(self.coordinator.describe_groups([group])).response
        return described

    def state(self, group: str = "g") -> str:
        return str(self.described(group).group_state)

    # --- whole members -----------------------------------------------------------------------------------------

    def stable_group(self, count: int = 1, *, group: str = "g", **join: Any) -> list[Consumer]:
        """`count` dynamic members in a stable generation; the first one leads."""
        consumers = [Consumer(self, group, join) for _ in range(count)]
        for consumer in consumers:
            consumer.join()
        self.settle_group(consumers)
        return consumers

    def settle_group(self, consumers: Sequence[Consumer]) -> None:
        """Let every consumer join again until all are in one generation, then sync them."""
        for _ in range(5):
            self.advance(0)
            waiting = [consumer for consumer in consumers if consumer.joining is not None]
            for consumer in waiting:
                consumer.take_join()
            if len({consumer.generation for consumer in consumers}) == 1 and not any(c.joining for c in consumers):
                break
            for consumer in consumers:
                if consumer.joining is None:
                    consumer.join()
        assignments = {consumer.member_id: consumer.member_id.encode() for consumer in consumers}
        syncs = [
            self.sync(
                c.member_id,
                c.generation,
                assignments if c.leads else {},
                group=c.group,
                instance=c.options.get("instance"),
            )
            for c in consumers
        ]
        assert all(asked.error is ErrorCode.NONE for asked in syncs), [asked.error for asked in syncs]


@dataclass
class Consumer:
    """A client that follows the protocol, one step at a time."""

    world: GroupWorld
    group: str
    options: dict[str, Any]
    member_id: str = ""
    generation: int = -1
    leads: bool = False
    joining: Asked | None = None

    def join(self) -> None:
        asked = self.world.join(self.member_id, group=self.group, **self.options)
        if not asked.is_parked and asked.error is ErrorCode.MEMBER_ID_REQUIRED:
            self.member_id = asked.response.member_id
            asked = self.world.join(self.member_id, group=self.group, **self.options)
        self.joining = asked

    def take_join(self) -> None:
        assert self.joining is not None
        if self.joining.is_parked:
            return
        response, self.joining = self.joining.response, None
        assert response.error_code == ErrorCode.NONE, ErrorCode(response.error_code)
        self.member_id = response.member_id
        self.generation = response.generation_id
        self.leads = response.leader == response.member_id

    def heartbeat(self) -> ErrorCode:
        return self.world.heartbeat(self.member_id, self.generation, group=self.group)

    def commit(self, offset: int, **rest: Any) -> ErrorCode:
        asked = self.world.commit(
            offset, group=self.group, member_id=self.member_id, generation=self.generation, **rest
        )
        return asked.error

"""The group coordinator's door: an async method for each API, and the callbacks of the metadata's tail.

Each method takes the request of its API and returns its response with the errors in it, as the newest version has
them; what older versions cannot say is the handlers' to translate. Callers have checked topics and partitions.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence

from broker.clock import Clock
from broker.config import BrokerConfig
from broker.coordination import CoordinatorPartition, CoordinatorRuntime, Reply, partition_for
from broker.groups.joining import Join
from broker.groups.rebalance import GroupDecision
from broker.groups.records import GroupLogRecord
from broker.groups.shard import GroupShard
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.delete_groups import DeletableGroupResult
from protocol.messages.describe_groups import DescribedGroup
from protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse
from protocol.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberResponse
from protocol.messages.list_groups import ListedGroup, ListGroupsRequest, ListGroupsResponse
from protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from protocol.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse
from protocol.messages.offset_fetch import OffsetFetchRequestGroup, OffsetFetchResponseGroup
from protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse

OFFSETS_TOPIC = "__consumer_offsets"

Rule = Callable[[GroupShard, GroupDecision, Reply], None]


class GroupCoordinator:
    """`partition_count()` is the number of partitions `__consumer_offsets` has, or will have."""

    def __init__(
        self,
        settings: BrokerConfig,
        *,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        partition_count: Callable[[], int],
        fresh_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._settings = settings
        self._partition_count = partition_count
        self._fresh_id = fresh_id
        self._runtime: CoordinatorRuntime[GroupShard, GroupLogRecord] = CoordinatorRuntime(
            lambda: GroupShard(settings), clock=clock, loop=loop, commit_timeout_ms=settings.offsets_commit_timeout_ms
        )

    # --- the metadata's tail -----------------------------------------------------------------------------------

    def on_elected(self, partition: CoordinatorPartition, leader_epoch: int) -> None:
        """This node leads this partition of `__consumer_offsets` now; repeating an epoch is harmless."""
        self._runtime.elect(partition, leader_epoch)

    def on_resigned(self, index: int) -> None:
        self._runtime.resign(index)

    def on_topics_deleted(self, names: Iterable[str]) -> None:
        """Offsets of a topic go with it. Call it on every node: each takes care of the groups it coordinates."""
        deleted = frozenset(names)
        self._runtime.tell_all(lambda shard, decision: shard.delete_offsets_of_topics(deleted, decision))

    def close(self) -> None:
        """The node stops: parked requests are answered with COORDINATOR_NOT_AVAILABLE."""
        self._runtime.close()

    def partition_of(self, group_id: str) -> int:
        """The partition of `__consumer_offsets` whose leader coordinates the group."""
        return partition_for(group_id, self._partition_count())

    # --- membership --------------------------------------------------------------------------------------------

    async def join_group(self, context: RequestContext, request: JoinGroupRequest) -> JoinGroupResponse:
        settings = self._settings
        longest_ms = settings.group_max_session_timeout_ms
        if not request.group_id:
            return JoinGroupResponse(error_code=ErrorCode.INVALID_GROUP_ID, member_id=request.member_id)
        if not settings.group_min_session_timeout_ms <= request.session_timeout_ms <= longest_ms:
            return JoinGroupResponse(error_code=ErrorCode.INVALID_SESSION_TIMEOUT, member_id=request.member_id)

        def rule(shard: GroupShard, decision: GroupDecision, reply: Reply) -> None:
            asked = Join(
                request=request,
                reply=reply,
                api_version=context.api_version,
                client_id=context.client_id,
                # Kafka stores Java's InetAddress.toString(), whose empty host name leaves a slash.
                client_host=f"/{context.client_host}",
                fresh_id=self._fresh_id(),
                group_max_size=settings.group_max_size,
                initial_rebalance_delay_ms=settings.group_initial_rebalance_delay_ms,
            )
            shard.join(asked, decision)

        try:
            response: JoinGroupResponse = await self._runtime.ask(self.partition_of(request.group_id), rule)
        except KafkaError as error:
            return JoinGroupResponse(error_code=error.code, member_id=request.member_id)
        return response

    async def sync_group(self, request: SyncGroupRequest) -> SyncGroupResponse:
        """Parks a follower until the leader brought the assignment; REBALANCE_IN_PROGRESS if that never comes."""
        if not request.group_id:
            return SyncGroupResponse(error_code=ErrorCode.INVALID_GROUP_ID)
        try:
            response: SyncGroupResponse = await self._runtime.ask(
                self.partition_of(request.group_id),
                lambda shard, decision, reply: shard.sync(request, decision, reply),
            )
        except KafkaError as error:
            return SyncGroupResponse(error_code=error.code)
        return response

    async def heartbeat(self, request: HeartbeatRequest) -> HeartbeatResponse:
        if not request.group_id:
            return HeartbeatResponse(error_code=ErrorCode.INVALID_GROUP_ID)
        try:
            response: HeartbeatResponse = await self._runtime.ask(
                self.partition_of(request.group_id),
                lambda shard, decision, reply: shard.heartbeat(request, decision, reply),
            )
        except KafkaError as error:
            # While the group loads every member is alive: an error would make old clients rebalance for nothing.
            loading = error.code is ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
            return HeartbeatResponse(error_code=ErrorCode.NONE if loading else error.code)
        return response

    async def leave_group(self, request: LeaveGroupRequest) -> LeaveGroupResponse:
        """Who leaves is in `request.members`, whatever the version."""
        if not request.group_id:
            return LeaveGroupResponse(error_code=ErrorCode.INVALID_GROUP_ID)
        try:
            response: LeaveGroupResponse = await self._runtime.ask(
                self.partition_of(request.group_id),
                lambda shard, decision, reply: shard.leave(request, decision, reply),
            )
        except KafkaError as error:
            if error.code is ErrorCode.UNKNOWN_MEMBER_ID:
                return LeaveGroupResponse(members=[_unknown(m.member_id, m.group_instance_id) for m in request.members])
            return LeaveGroupResponse(error_code=error.code)
        return response

    # --- offsets -----------------------------------------------------------------------------------------------

    async def commit_offsets(self, context: RequestContext, request: OffsetCommitRequest) -> OffsetCommitResponse:
        """Topics carry their name; with their id too (v10) the commit is bound to that very topic."""
        try:
            response: OffsetCommitResponse = await self._runtime.ask(
                self.partition_of(request.group_id),
                lambda shard, decision, reply: shard.commit_offsets(request, context.api_version, decision, reply),
            )
        except KafkaError as error:
            return commit_error(request, error.code)
        return response

    async def fetch_offsets(
        self, request: OffsetFetchRequestGroup, *, require_stable: bool = False
    ) -> OffsetFetchResponseGroup:
        """Every answer is stable as yet: no transaction can hold offsets back (see handlers/offset_fetch.py)."""
        try:
            response: OffsetFetchResponseGroup = await self._runtime.ask(
                self.partition_of(request.group_id),
                lambda shard, decision, reply: shard.fetch_offsets(request, decision, reply),
            )
        except KafkaError as error:
            return OffsetFetchResponseGroup(group_id=request.group_id, error_code=error.code)
        return response

    async def delete_offsets(self, request: OffsetDeleteRequest) -> OffsetDeleteResponse:
        if not request.group_id:
            return OffsetDeleteResponse(error_code=ErrorCode.INVALID_GROUP_ID)
        try:
            response: OffsetDeleteResponse = await self._runtime.ask(
                self.partition_of(request.group_id),
                lambda shard, decision, reply: shard.delete_offsets(request, decision, reply),
            )
        except KafkaError as error:
            return OffsetDeleteResponse(error_code=error.code)
        return response

    # --- administration ------------------------------------------------------------------------------------------

    async def describe_groups(self, group_ids: Sequence[str]) -> list[DescribedGroup]:
        """Unknown groups are Dead, without an error."""
        described: list[DescribedGroup] = []
        for index, of_partition in self._by_partition(group_ids).items():
            try:
                described += await self._runtime.ask(index, _describing(of_partition))
            except KafkaError as error:
                described += [DescribedGroup(group_id=group_id, error_code=error.code) for group_id in of_partition]
        return described

    async def list_groups(self, request: ListGroupsRequest) -> ListGroupsResponse:
        """The groups this node coordinates. While any of its partitions loads, the list would be incomplete."""
        states = frozenset(state.strip().lower() for state in request.states_filter)
        types = frozenset(group_type.strip().lower() for group_type in request.types_filter)
        groups: list[ListedGroup] = []
        for index in self._runtime.indexes():
            try:
                groups += await self._runtime.ask(
                    index, lambda shard, decision, reply: shard.list_groups(states, types, decision, reply)
                )
            except KafkaError as error:
                if error.code is not ErrorCode.NOT_COORDINATOR:
                    return ListGroupsResponse(error_code=error.code)
        return ListGroupsResponse(groups=groups)

    async def delete_groups(self, group_ids: Sequence[str]) -> list[DeletableGroupResult]:
        results: list[DeletableGroupResult] = []
        for index, of_partition in self._by_partition(group_ids).items():
            try:
                results += await self._runtime.ask(index, _deleting(of_partition))
            except KafkaError as error:
                results += [
                    DeletableGroupResult(group_id=group_id, error_code=error.code, error_message=error.message)
                    for group_id in of_partition
                ]
        return results

    def _by_partition(self, group_ids: Sequence[str]) -> dict[int, list[str]]:
        by_partition: dict[int, list[str]] = {}
        for group_id in dict.fromkeys(group_ids):
            by_partition.setdefault(self.partition_of(group_id), []).append(group_id)
        return by_partition


def _describing(group_ids: list[str]) -> Rule:
    return lambda shard, decision, reply: shard.describe(group_ids, decision, reply)


def _deleting(group_ids: list[str]) -> Rule:
    return lambda shard, decision, reply: shard.delete_groups(group_ids, decision, reply)


def commit_error(request: OffsetCommitRequest, code: ErrorCode) -> OffsetCommitResponse:
    """OffsetCommit has no error of its own: every partition carries it."""
    return OffsetCommitResponse(
        topics=[
            OffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=[
                    OffsetCommitResponsePartition(partition_index=p.partition_index, error_code=code)
                    for p in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )


def _unknown(member_id: str, group_instance_id: str | None) -> MemberResponse:
    return MemberResponse(
        member_id=member_id, group_instance_id=group_instance_id, error_code=ErrorCode.UNKNOWN_MEMBER_ID
    )

"""The groups of one partition of `__consumer_offsets`: their state, and the door to every rule about them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from broker.config import BrokerConfig
from broker.coordination import Reply, TimerKey
from broker.groups import describe, expiry, joining, membership, offsets, rebalance
from broker.groups.group import Group, GroupState
from broker.groups.joining import Join
from broker.groups.offset_store import OffsetStore
from broker.groups.rebalance import GroupDecision
from broker.groups.records import GroupLogRecord, OffsetRecord, decode_record, encode_record, new_group
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.delete_groups import DeletableGroupResult
from protocol.messages.heartbeat import HeartbeatRequest
from protocol.messages.join_group import JoinGroupResponse
from protocol.messages.leave_group import LeaveGroupRequest
from protocol.messages.offset_commit import OffsetCommitRequest
from protocol.messages.offset_delete import OffsetDeleteRequest
from protocol.messages.offset_fetch import OffsetFetchRequestGroup
from protocol.messages.sync_group import SyncGroupRequest

logger = logging.getLogger(__name__)

_RETENTION_TIMER: TimerKey = ("retention",)
_MS_PER_MINUTE = 60 * 1000


class GroupShard:
    def __init__(self, settings: BrokerConfig) -> None:
        self.groups: dict[str, Group] = {}
        self.offsets = OffsetStore()
        self._settings = settings
        self._initial_delay_ms = settings.group_initial_rebalance_delay_ms

    # --- records -----------------------------------------------------------------------------------------------

    def encode(self, record: GroupLogRecord) -> tuple[bytes, bytes | None]:
        return encode_record(record)

    def decode(self, key: bytes, value: bytes | None) -> GroupLogRecord | None:
        return decode_record(key, value)

    def replay(self, record: GroupLogRecord) -> None:
        if isinstance(record, OffsetRecord):
            if record.value is not None and record.group_id not in self.groups:
                # A simple group: it has offsets and never had a member, so no record of its own says that it exists.
                self.groups[record.group_id] = Group(record.group_id)
            self.offsets.replay(record)
        elif record.value is None:
            group = self.groups.pop(record.group_id, None)
            if group is not None:
                group.enter(GroupState.DEAD)
        else:
            group = self.groups.get(record.group_id)
            if group is None:
                group = self.groups[record.group_id] = Group(record.group_id)
            group.replay(record.value)

    # --- time --------------------------------------------------------------------------------------------------

    def loaded(self, decision: GroupDecision) -> None:
        """Every member has a whole session from now on to find its coordinator."""
        decision.schedule(_RETENTION_TIMER, self._settings.offsets_retention_check_interval_ms)
        for group in self.groups.values():
            for member in group.members.values():
                rebalance.expect_heartbeat(group, member, decision)
            if len(group.members) > self._settings.group_max_size:
                reason = f"it has {len(group.members)} members, group.max.size is {self._settings.group_max_size}"
                rebalance.prepare_rebalance(group, decision, self._initial_delay_ms, reason)

    def expire(self, key: TimerKey, decision: GroupDecision) -> None:
        if key == _RETENTION_TIMER:
            decision.schedule(key, self._settings.offsets_retention_check_interval_ms)
            self._expire_offsets(decision)
            return
        group = self.groups.get(key[1])
        if group is None:
            return
        if key[0] == "heartbeat":
            rebalance.member_expired(group, key[2], decision, self._initial_delay_ms)
        elif key[0] == "join":
            rebalance.join_time_is_over(group, decision, self._initial_delay_ms)
        else:
            assert key[0] == "sync", f"no rule for the timer {key}"
            rebalance.sync_time_is_over(group, decision, self._initial_delay_ms)

    def _expire_offsets(self, decision: GroupDecision) -> None:
        retention_ms = self._settings.offsets_retention_minutes * _MS_PER_MINUTE
        decision.may_be_split = True
        for group in self.groups.values():
            decision.records += expiry.expired_records(
                group, self.offsets, now_ms=decision.now_ms, retention_ms=retention_ms
            )
        if decision.records:
            logger.info("%d records of expired offsets and groups are deleted", len(decision.records))

    # --- membership --------------------------------------------------------------------------------------------

    def join(self, asked: Join, decision: GroupDecision) -> None:
        request = asked.request
        group = self.groups.get(request.group_id)
        if group is not None:
            joining.join(group, asked, decision)
        elif request.member_id:
            response = JoinGroupResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID, member_id=request.member_id)
            decision.reply(asked.reply, response)
        elif not request.protocol_type or not request.protocols:
            decision.reply(asked.reply, JoinGroupResponse(error_code=ErrorCode.INCONSISTENT_GROUP_PROTOCOL))
        else:
            self._create_and_join(asked, decision)

    def _create_and_join(self, asked: Join, decision: GroupDecision) -> None:
        group_id = asked.request.group_id
        decision.records.append(new_group(group_id, decision.now_ms))

        def then(later: GroupDecision) -> None:
            joining.join(self.groups[group_id], asked, later)

        def refused(later: GroupDecision, code: ErrorCode) -> None:
            later.reply(asked.reply, JoinGroupResponse(error_code=code))

        decision.then = then
        decision.refused = refused

    def sync(self, request: SyncGroupRequest, decision: GroupDecision, reply: Reply) -> None:
        membership.sync(self._member_group(request.group_id), request, reply, decision, self._initial_delay_ms)

    def heartbeat(self, request: HeartbeatRequest, decision: GroupDecision, reply: Reply) -> None:
        membership.heartbeat(self._member_group(request.group_id), request, reply, decision)

    def leave(self, request: LeaveGroupRequest, decision: GroupDecision, reply: Reply) -> None:
        group = self._member_group(request.group_id)
        membership.leave(group, request, reply, decision, self._initial_delay_ms)

    def _member_group(self, group_id: str) -> Group:
        group = self.groups.get(group_id)
        if group is None:
            raise KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, f"no group {group_id!r}")
        return group

    # --- offsets -----------------------------------------------------------------------------------------------

    def commit_offsets(
        self, request: OffsetCommitRequest, api_version: int, decision: GroupDecision, reply: Reply
    ) -> None:
        offsets.commit(
            self.groups.get(request.group_id),
            request,
            reply,
            decision,
            api_version=api_version,
            offset_metadata_max_bytes=self._settings.offset_metadata_max_bytes,
        )

    def fetch_offsets(self, request: OffsetFetchRequestGroup, decision: GroupDecision, reply: Reply) -> None:
        decision.reply(reply, offsets.fetch(self.offsets, request))

    def delete_offsets(self, request: OffsetDeleteRequest, decision: GroupDecision, reply: Reply) -> None:
        offsets.delete(self.groups.get(request.group_id), self.offsets, request, reply, decision)

    def delete_offsets_of_topics(self, topics: frozenset[str], decision: GroupDecision) -> None:
        decision.records += expiry.deleted_topic_records(self.offsets, topics)
        decision.may_be_split = True

    # --- administration ------------------------------------------------------------------------------------------

    def describe(self, group_ids: Sequence[str], decision: GroupDecision, reply: Reply) -> None:
        decision.reply(reply, [describe.describe(group_id, self.groups.get(group_id)) for group_id in group_ids])

    def list_groups(self, states: frozenset[str], types: frozenset[str], decision: GroupDecision, reply: Reply) -> None:
        asked_for = [
            describe.listed(group) for group in self.groups.values() if describe.is_asked_for(group, states, types)
        ]
        decision.reply(reply, asked_for)

    def delete_groups(self, group_ids: Sequence[str], decision: GroupDecision, reply: Reply) -> None:
        results = []
        for group_id in group_ids:
            result = DeletableGroupResult(group_id=group_id)
            try:
                decision.records += expiry.deletion_records(group_id, self.groups.get(group_id), self.offsets)
            except KafkaError as error:
                result.error_code = error.code
                result.error_message = error.message
            results.append(result)
        decision.reply(reply, results)

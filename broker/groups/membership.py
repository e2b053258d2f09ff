"""SyncGroup, Heartbeat and LeaveGroup: how a generation gets its assignment, and how members stay or go."""

from __future__ import annotations

import logging
from functools import partial

from broker.coordination import Reply
from broker.groups.group import Group, GroupState
from broker.groups.rebalance import (
    GroupDecision,
    expect_heartbeat,
    forget_member,
    maybe_complete_join,
    rebalance_or_complete_join,
    refuse_syncs,
    sync_timer,
)
from broker.groups.records import generation
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from protocol.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse
from protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse

logger = logging.getLogger(__name__)


# --- SyncGroup ---------------------------------------------------------------------------------------------------


def sync(
    group: Group,
    request: SyncGroupRequest,
    reply: Reply,
    decision: GroupDecision,
    initial_rebalance_delay_ms: int,
) -> None:
    """Raises KafkaError where the member may not ask."""
    if group.state is GroupState.EMPTY:
        raise KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, f"{group.group_id} has no members")
    group.check_member(request.member_id, request.group_instance_id)
    group.check_generation(request.generation_id)
    _check_protocol(request.protocol_type, group.protocol_type)
    _check_protocol(request.protocol_name, group.protocol_name)
    if group.state is GroupState.PREPARING_REBALANCE:
        raise KafkaError(ErrorCode.REBALANCE_IN_PROGRESS, "join again: a rebalance has begun")
    group.pending_sync.discard(request.member_id)
    if not group.pending_sync:
        decision.cancel(sync_timer(group))
    if group.state is GroupState.STABLE:
        decision.reply(reply, _assignment(group, request.member_id))
        return
    _park(group, request.member_id, reply, decision)
    if group.is_leader(request.member_id):
        assignments = {assigned.member_id: assigned.assignment for assigned in request.assignments}
        decision.records.append(generation(group, assignments, decision.now_ms))
        decision.then = partial(_answer_syncs, group)
        decision.refused = partial(_assignment_refused, group, initial_rebalance_delay_ms)


def _check_protocol(claimed: str | None, actual: str | None) -> None:
    if claimed is not None and actual is not None and claimed != actual:
        raise KafkaError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, f"the group uses {actual}, not {claimed}")


def _park(group: Group, member_id: str, reply: Reply, decision: GroupDecision) -> None:
    superseded = group.syncing.get(member_id)
    if superseded is not None:
        decision.reply(superseded, SyncGroupResponse(error_code=ErrorCode.REBALANCE_IN_PROGRESS))
    group.syncing[member_id] = reply


def _assignment(group: Group, member_id: str) -> SyncGroupResponse:
    return SyncGroupResponse(
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        assignment=group.members[member_id].assignment,
    )


def _answer_syncs(group: Group, decision: GroupDecision) -> None:
    """The replay made the group Stable and gave every member its assignment."""
    assert group.state is GroupState.STABLE, f"a replayed assignment left the group {group.state}"
    for member_id, reply in group.syncing.items():
        decision.reply(reply, _assignment(group, member_id))
        # An expiry while the sync was parked was ignored: count the session from here.
        expect_heartbeat(group, group.members[member_id], decision)
    group.syncing.clear()


def _assignment_refused(
    group: Group, initial_rebalance_delay_ms: int, decision: GroupDecision, code: ErrorCode
) -> None:
    refuse_syncs(group, decision, code)
    reason = f"its assignment could not be stored ({code.name})"
    rebalance_or_complete_join(group, decision, initial_rebalance_delay_ms, reason)


# --- Heartbeat ---------------------------------------------------------------------------------------------------


def heartbeat(group: Group, request: HeartbeatRequest, reply: Reply, decision: GroupDecision) -> None:
    """Raises KafkaError for who is not a member of the current generation."""
    member = group.check_member(request.member_id, request.group_instance_id)
    group.check_generation(request.generation_id)
    expect_heartbeat(group, member, decision)
    # While the assignment is awaited a heartbeat is answered normally: clients begin with it after their join.
    rebalancing = group.state is GroupState.PREPARING_REBALANCE
    code = ErrorCode.REBALANCE_IN_PROGRESS if rebalancing else ErrorCode.NONE
    decision.reply(reply, HeartbeatResponse(error_code=code))


# --- LeaveGroup --------------------------------------------------------------------------------------------------


def leave(
    group: Group,
    request: LeaveGroupRequest,
    reply: Reply,
    decision: GroupDecision,
    initial_rebalance_delay_ms: int,
) -> None:
    """`request.members` names who leaves, in every version (the handler fills it for v0–v2)."""
    responses = []
    for identity in request.members:
        code = _leave_one(group, identity, decision)
        responses.append(
            MemberResponse(member_id=identity.member_id, group_instance_id=identity.group_instance_id, error_code=code)
        )
    left = [response.member_id or response.group_instance_id for response in responses if not response.error_code]
    if left and group.can_rebalance and group.state is not GroupState.EMPTY:
        rebalance_or_complete_join(group, decision, initial_rebalance_delay_ms, f"{left} left")
    elif left:
        maybe_complete_join(group, decision)
    decision.reply(reply, LeaveGroupResponse(members=responses))


def _leave_one(group: Group, identity: MemberIdentity, decision: GroupDecision) -> ErrorCode:
    member_id: str | None = identity.member_id
    if not member_id:
        # KIP-345: administrators remove a static member by its instance id alone.
        instance_id = identity.group_instance_id
        member_id = None if instance_id is None else group.static_members.get(instance_id)
        if member_id is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
    elif member_id not in group.pending_members:
        try:
            group.check_member(member_id, identity.group_instance_id)
        except KafkaError as error:
            return error.code
    logger.info("group %s: %s leaves (%s)", group.group_id, member_id, identity.reason or "no reason provided")
    forget_member(group, member_id, decision, ErrorCode.UNKNOWN_MEMBER_ID)
    return ErrorCode.NONE

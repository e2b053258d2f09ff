"""JoinGroup: who may join, as whom, and what that does to the group.

Every path that parks the joiner gives it a timer: its own session (or NEW_MEMBER_JOIN_TIMEOUT_MS for a member that
does not know its id yet) and the group's join timer. So no parked join outlives a rebalance timeout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from broker.coordination import Reply
from broker.groups.group import Group, GroupState
from broker.groups.member import Member, Protocols
from broker.groups.rebalance import (
    NEW_MEMBER_JOIN_TIMEOUT_MS,
    GroupDecision,
    expect_heartbeat,
    forget_member,
    generation_as_joined,
    heartbeat_timer,
    maybe_complete_join,
    members_for_leader,
    prepare_rebalance,
    rebalance_or_complete_join,
)
from broker.groups.records import generation
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse
from protocol.messages.sync_group import SyncGroupResponse

# KIP-394: from this version on a new dynamic member is given its id first, and joins with it in a second request.
MEMBER_ID_REQUIRED_MIN_VERSION = 4
# KIP-814: the answer can tell a returning static leader that its assignment still stands.
SKIP_ASSIGNMENT_MIN_VERSION = 9


@dataclass(frozen=True, slots=True)
class Join:
    """One JoinGroup request, and who sent it. `fresh_id` is unique: chance comes from outside."""

    request: JoinGroupRequest
    reply: Reply
    api_version: int
    client_id: str
    client_host: str
    fresh_id: str
    group_max_size: int
    initial_rebalance_delay_ms: int

    @property
    def protocols(self) -> Protocols:
        return [(protocol.name, protocol.metadata) for protocol in self.request.protocols]

    @property
    def reason(self) -> str:
        return self.request.reason or "not provided"


def join(group: Group, asked: Join, decision: GroupDecision) -> None:
    request = asked.request
    member_id = request.member_id
    if not _has_room_for(group, asked):
        _turn_away(group, asked, decision)
    elif not group.supports(request.protocol_type, [protocol.name for protocol in request.protocols]):
        _refuse(asked, decision, ErrorCode.INCONSISTENT_GROUP_PROTOCOL, member_id=member_id)
    elif not member_id:
        _join_as_new(group, asked, decision)
    elif member_id in group.pending_members and request.group_instance_id is None:
        _add(group, asked, decision, member_id)
    else:
        _rejoin(group, asked, decision)


def _refuse(asked: Join, decision: GroupDecision, code: ErrorCode, *, member_id: str) -> None:
    decision.reply(asked.reply, JoinGroupResponse(error_code=code, member_id=member_id))


def _has_room_for(group: Group, asked: Join) -> bool:
    member_id = asked.request.member_id
    if group.state is GroupState.EMPTY:
        return True
    if not member_id and asked.request.group_instance_id in group.static_members:
        # It takes its own place again. Kafka refuses that in a full group, and so never lets the instance restart.
        return True
    if group.state is GroupState.PREPARING_REBALANCE:
        # Those who joined count, not the members: a group above the limit (it was lowered) shrinks by its latest.
        return member_id in group.joining or len(group.joining) < asked.group_max_size
    return member_id in group.members or len(group.members) < asked.group_max_size


def _turn_away(group: Group, asked: Join, decision: GroupDecision) -> None:
    member_id = asked.request.member_id
    _refuse(asked, decision, ErrorCode.GROUP_MAX_SIZE_REACHED, member_id="")
    if member_id in group.members or member_id in group.pending_members:
        forget_member(group, member_id, decision, ErrorCode.GROUP_MAX_SIZE_REACHED)
        maybe_complete_join(group, decision)


# --- new members -----------------------------------------------------------------------------------------------


def _join_as_new(group: Group, asked: Join, decision: GroupDecision) -> None:
    instance_id = asked.request.group_instance_id
    member_id = f"{asked.client_id if instance_id is None else instance_id}-{asked.fresh_id}"
    if instance_id is not None and instance_id in group.static_members:
        _replace_static(group, asked, decision, member_id)
    elif instance_id is None and asked.api_version >= MEMBER_ID_REQUIRED_MIN_VERSION:
        group.pending_members.add(member_id)
        decision.schedule(heartbeat_timer(group, member_id), asked.request.session_timeout_ms)
        _refuse(asked, decision, ErrorCode.MEMBER_ID_REQUIRED, member_id=member_id)
    else:
        _add(group, asked, decision, member_id)


def _add(group: Group, asked: Join, decision: GroupDecision, member_id: str) -> None:
    request = asked.request
    if group.state is GroupState.PREPARING_REBALANCE and group.is_initial_rebalance:
        group.new_member_added = True
    member = Member(
        member_id=member_id,
        group_instance_id=request.group_instance_id,
        client_id=asked.client_id,
        client_host=asked.client_host,
        rebalance_timeout_ms=request.rebalance_timeout_ms,
        session_timeout_ms=request.session_timeout_ms,
        protocols=asked.protocols,
        is_new=True,
    )
    group.add(member, request.protocol_type)
    group.joining[member_id] = asked.reply
    # A parked client cannot heartbeat, and we may not notice that it hung up: it may retry under a new id. The
    # defunct one must not stay for ever.
    decision.schedule(heartbeat_timer(group, member_id), NEW_MEMBER_JOIN_TIMEOUT_MS)
    reason = f"{member_id} joins (client reason: {asked.reason})"
    rebalance_or_complete_join(group, decision, asked.initial_rebalance_delay_ms, reason)


# --- members that come back --------------------------------------------------------------------------------------


def _rejoin(group: Group, asked: Join, decision: GroupDecision) -> None:
    request = asked.request
    try:
        member = group.check_member(request.member_id, request.group_instance_id)
    except KafkaError as error:
        _refuse(asked, decision, error.code, member_id=request.member_id)
        return
    if group.state is GroupState.PREPARING_REBALANCE:
        _update_and_rebalance(group, asked, decision, member)
    elif group.state is GroupState.EMPTY:
        _refuse(asked, decision, ErrorCode.UNKNOWN_MEMBER_ID, member_id=request.member_id)
    elif member.protocols == asked.protocols and not (
        group.state is GroupState.STABLE and group.is_leader(member.member_id)
    ):
        # Nothing changed: its answer was lost, or it is a follower that only wants to hear where the group stands.
        decision.reply(asked.reply, generation_as_joined(group, member.member_id))
    else:
        # New metadata; or the leader of a stable group, which asks for a rebalance by joining: only it sees
        # changes such as new partitions.
        _update_and_rebalance(group, asked, decision, member)


def _update_and_rebalance(group: Group, asked: Join, decision: GroupDecision, member: Member) -> None:
    _update(group, asked, decision, member)
    _park(group, asked, decision, member.member_id)
    reason = f"{member.member_id} joins again (client reason: {asked.reason})"
    rebalance_or_complete_join(group, decision, asked.initial_rebalance_delay_ms, reason)


def _update(group: Group, asked: Join, decision: GroupDecision, member: Member) -> None:
    group.update_member(
        member,
        asked.protocols,
        rebalance_timeout_ms=asked.request.rebalance_timeout_ms,
        session_timeout_ms=asked.request.session_timeout_ms,
    )


def _park(group: Group, asked: Join, decision: GroupDecision, member_id: str) -> None:
    superseded = group.joining.get(member_id)
    if superseded is not None:
        # The client gave up on its earlier request; what it answers no longer matters, but it must be answered.
        decision.reply(superseded, JoinGroupResponse(error_code=ErrorCode.REBALANCE_IN_PROGRESS, member_id=member_id))
    group.joining[member_id] = asked.reply


# --- static members that come back without their id (KIP-345) -------------------------------------------------------


def _replace_static(group: Group, asked: Join, decision: GroupDecision, new_member_id: str) -> None:
    instance_id = asked.request.group_instance_id
    assert instance_id is not None
    member = group.members[group.static_members[instance_id]]
    old_member_id, old_leader_id = member.member_id, group.leader_id
    previous = (member.protocols, member.rebalance_timeout_ms, member.session_timeout_ms)
    _fence(group, decision, old_member_id)
    group.rename_static_member(member, new_member_id)
    _update(group, asked, decision, member)
    decision.cancel(heartbeat_timer(group, old_member_id))
    expect_heartbeat(group, member, decision)
    if group.state is GroupState.STABLE and group.select_protocol() == group.protocol_name:
        _persist_new_member_id(group, asked, decision, member, old_member_id, old_leader_id, previous)
        return
    group.joining[new_member_id] = asked.reply
    if group.state is GroupState.STABLE:
        reason = f"static member {instance_id} came back and changed the group's protocol"
        rebalance_or_complete_join(group, decision, asked.initial_rebalance_delay_ms, reason)
    elif group.state is GroupState.COMPLETING_REBALANCE:
        # The leader may be computing an assignment for the old member id, which nobody could claim.
        reason = f"static member {instance_id} came back while the group awaits its assignment"
        prepare_rebalance(group, decision, asked.initial_rebalance_delay_ms, reason)
    else:
        maybe_complete_join(group, decision)


def _fence(group: Group, decision: GroupDecision, member_id: str) -> None:
    """Two processes have one instance id: the later one wins, the earlier hears of it at once."""
    joining = group.joining.pop(member_id, None)
    if joining is not None:
        response = JoinGroupResponse(error_code=ErrorCode.FENCED_INSTANCE_ID, member_id=member_id)
        decision.reply(joining, response)
    syncing = group.syncing.pop(member_id, None)
    if syncing is not None:
        decision.reply(syncing, SyncGroupResponse(error_code=ErrorCode.FENCED_INSTANCE_ID))


def _persist_new_member_id(
    group: Group,
    asked: Join,
    decision: GroupDecision,
    member: Member,
    old_member_id: str,
    old_leader_id: str | None,
    previous: tuple[Protocols, int, int],
) -> None:
    """The assignment stands: no rebalance, only the member's new id goes into the log."""
    state_timestamp_ms = decision.now_ms if group.state_timestamp_ms is None else group.state_timestamp_ms
    assignments = {member_id: other.assignment for member_id, other in group.members.items()}
    decision.records.append(generation(group, assignments, state_timestamp_ms))
    decision.then = partial(_answer_returned_static, group, asked, member.member_id, old_leader_id)

    def refused(later: GroupDecision, code: ErrorCode) -> None:
        protocols, rebalance_timeout_ms, session_timeout_ms = previous
        new_member_id = member.member_id
        group.update_member(
            member,
            protocols,
            rebalance_timeout_ms=rebalance_timeout_ms,
            session_timeout_ms=session_timeout_ms,
        )
        group.rename_static_member(member, old_member_id)
        later.cancel(heartbeat_timer(group, new_member_id))
        expect_heartbeat(group, member, later)
        later.reply(asked.reply, JoinGroupResponse(error_code=code))

    decision.refused = refused


def _answer_returned_static(
    group: Group, asked: Join, member_id: str, old_leader_id: str | None, decision: GroupDecision
) -> None:
    response = JoinGroupResponse(
        generation_id=group.generation_id,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        member_id=member_id,
        leader=old_leader_id or "",
    )
    if asked.api_version >= SKIP_ASSIGNMENT_MIN_VERSION:
        # KIP-814: it may lead again, but must not assign again.
        response.leader = group.leader_id or ""
        response.skip_assignment = group.is_leader(member_id)
        response.members = members_for_leader(group) if response.skip_assignment else []
    # Before v9 a returning leader is told its old id, so that it takes itself for a follower and assigns nothing.
    decision.reply(asked.reply, response)

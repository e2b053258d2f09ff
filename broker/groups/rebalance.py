"""The join barrier of a classic group: when a rebalance begins, whom it waits for, and how its generation begins.

Everything here is a rule: it changes what of a group is not replicated, and fills a decision.
"""

from __future__ import annotations

import logging

from broker.coordination import Decision, TimerKey
from broker.groups.group import Group, GroupState
from broker.groups.member import Member
from broker.groups.records import GroupLogRecord, empty_generation
from protocol.errors import ErrorCode
from protocol.messages.join_group import JoinGroupResponse, JoinGroupResponseMember
from protocol.messages.sync_group import SyncGroupResponse

logger = logging.getLogger(__name__)

# Kafka's NewMemberJoinTimeoutMs: a member that does not know its id yet cannot heartbeat while its join is parked.
NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000
# How soon, at the earliest, the end of a join phase that could not end is tried again: the log refused the record of
# an empty generation, or nobody is there but absent static members (whose rebalance timeout may be 0).
JOIN_RETRY_MS = 1000

GroupDecision = Decision[GroupLogRecord]


def heartbeat_timer(group: Group, member_id: str) -> TimerKey:
    return ("heartbeat", group.group_id, member_id)


def join_timer(group: Group) -> TimerKey:
    return ("join", group.group_id)


def sync_timer(group: Group) -> TimerKey:
    return ("sync", group.group_id)


def expect_heartbeat(group: Group, member: Member, decision: GroupDecision) -> None:
    decision.schedule(heartbeat_timer(group, member.member_id), member.session_timeout_ms)


# --- beginning -------------------------------------------------------------------------------------------------


def rebalance_or_complete_join(
    group: Group, decision: GroupDecision, initial_rebalance_delay_ms: int, reason: str
) -> None:
    """Something about the members changed: begin a rebalance, or see whether the one under way is complete."""
    if group.can_rebalance:
        prepare_rebalance(group, decision, initial_rebalance_delay_ms, reason)
    else:
        maybe_complete_join(group, decision)


def prepare_rebalance(group: Group, decision: GroupDecision, initial_rebalance_delay_ms: int, reason: str) -> None:
    if group.state is GroupState.COMPLETING_REBALANCE:
        refuse_syncs(group, decision, ErrorCode.REBALANCE_IN_PROGRESS)
    group.pending_sync.clear()
    decision.cancel(sync_timer(group))
    logger.info(
        "group %s rebalances after generation %d (%s): %s", group.group_id, group.generation_id, group.state, reason
    )
    group.is_initial_rebalance = group.state is GroupState.EMPTY
    group.enter(GroupState.PREPARING_REBALANCE)
    if not group.is_initial_rebalance:
        if group.has_all_members_joined:
            complete_join(group, decision)
        else:
            decision.schedule(join_timer(group), group.rebalance_timeout_ms)
        return
    # KIP-134: an empty group gets more time, so that members that start together share one rebalance.
    group.new_member_added = False
    group.initial_delay_ms = initial_rebalance_delay_ms
    group.initial_remaining_ms = max(group.rebalance_timeout_ms - initial_rebalance_delay_ms, 0)
    decision.schedule(join_timer(group), initial_rebalance_delay_ms)


def refuse_syncs(group: Group, decision: GroupDecision, code: ErrorCode) -> None:
    """The generation under way ends without an assignment."""
    for member in group.members.values():
        member.assignment = b""
    for member_id, reply in group.syncing.items():
        decision.reply(reply, SyncGroupResponse(error_code=code))
        # An expiry while the sync was parked was ignored, so nothing else would notice that this one is gone.
        expect_heartbeat(group, group.members[member_id], decision)
    group.syncing.clear()


# --- completing ------------------------------------------------------------------------------------------------


def maybe_complete_join(group: Group, decision: GroupDecision) -> None:
    if (
        group.state is GroupState.PREPARING_REBALANCE
        and not group.is_initial_rebalance
        and group.has_all_members_joined
    ):
        complete_join(group, decision)


def join_time_is_over(group: Group, decision: GroupDecision, initial_rebalance_delay_ms: int) -> None:
    """The join timer expired."""
    if group.state is not GroupState.PREPARING_REBALANCE:
        return
    if group.is_initial_rebalance and group.new_member_added and group.initial_remaining_ms:
        group.new_member_added = False
        delay_ms = min(initial_rebalance_delay_ms, group.initial_remaining_ms)
        group.initial_remaining_ms = max(group.initial_remaining_ms - group.initial_delay_ms, 0)
        group.initial_delay_ms = delay_ms
        decision.schedule(join_timer(group), delay_ms)
        return
    complete_join(group, decision)


def complete_join(group: Group, decision: GroupDecision) -> None:
    """Everyone joined, or the time for it is over: begin the next generation with those who are there."""
    decision.cancel(join_timer(group))
    group.is_initial_rebalance = False
    late = [m for m in group.members.values() if m.member_id not in group.joining and not m.group_instance_id]
    for member in late:
        group.remove(member.member_id)
        decision.cancel(heartbeat_timer(group, member.member_id))
    if late:
        logger.info("group %s goes on without %s", group.group_id, [member.member_id for member in late])
    if not group.members:
        _begin_empty_generation(group, decision)
    elif group.elect_leader_who_joined():
        _begin_generation(group, decision)
    else:
        # Only static members are left, none of them here: their session timeouts decide, and until then they keep
        # their place (KIP-345).
        decision.schedule(join_timer(group), max(group.rebalance_timeout_ms, JOIN_RETRY_MS))


def _begin_empty_generation(group: Group, decision: GroupDecision) -> None:
    def refused(later: GroupDecision, code: ErrorCode) -> None:
        later.schedule(join_timer(group), JOIN_RETRY_MS)

    assert not decision.records, "a decision writes one generation"
    decision.records.append(empty_generation(group, decision.now_ms))
    decision.refused = refused


def _begin_generation(group: Group, decision: GroupDecision) -> None:
    group.generation_id += 1
    group.protocol_name = group.select_protocol()
    group.learn_subscribed_topics()
    group.enter(GroupState.COMPLETING_REBALANCE)
    group.pending_sync = set(group.members)
    logger.info(
        "group %s begins generation %d with %d members", group.group_id, group.generation_id, len(group.members)
    )
    for member in group.members.values():
        member.is_new = False
        reply = group.joining.pop(member.member_id, None)
        if reply is not None:
            decision.reply(reply, generation_as_joined(group, member.member_id))
        expect_heartbeat(group, member, decision)
    decision.schedule(sync_timer(group), group.rebalance_timeout_ms)


def generation_as_joined(group: Group, member_id: str) -> JoinGroupResponse:
    """The current generation as the answer to a join: only the leader gets to see the members."""
    members = members_for_leader(group) if group.is_leader(member_id) else []
    return JoinGroupResponse(
        generation_id=group.generation_id,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        leader=group.leader_id or "",
        member_id=member_id,
        members=members,
    )


def members_for_leader(group: Group) -> list[JoinGroupResponseMember]:
    protocol_name = group.protocol_name
    assert protocol_name is not None, "a generation with members has a protocol"
    return [
        JoinGroupResponseMember(
            member_id=member.member_id,
            group_instance_id=member.group_instance_id,
            metadata=member.metadata(protocol_name),
        )
        for member in group.members.values()
    ]


# --- losing members --------------------------------------------------------------------------------------------


def forget_member(group: Group, member_id: str, decision: GroupDecision, code: ErrorCode) -> None:
    """Take a member out, and answer what it waits for with `code`."""
    joining = group.joining.pop(member_id, None)
    if joining is not None:
        decision.reply(joining, JoinGroupResponse(error_code=code))
    syncing = group.syncing.pop(member_id, None)
    if syncing is not None:
        decision.reply(syncing, SyncGroupResponse(error_code=code))
    group.remove(member_id)
    decision.cancel(heartbeat_timer(group, member_id))


def member_expired(group: Group, member_id: str, decision: GroupDecision, initial_rebalance_delay_ms: int) -> None:
    """The heartbeat timer of a member, or of one that was given an id and has not joined with it, expired."""
    if member_id in group.pending_members:
        logger.info("group %s: %s got a member id and never joined", group.group_id, member_id)
        group.remove(member_id)
        if group.state is GroupState.PREPARING_REBALANCE and group.has_all_members_joined:
            complete_join(group, decision)
        return
    member = group.members.get(member_id)
    if member is None:
        return
    if not member.is_new and (member_id in group.joining or member_id in group.syncing):
        # It waits for us, so it need not heartbeat; the timer is set again with its answer.
        return
    logger.info("group %s: %s was silent for its session timeout", group.group_id, member_id)
    forget_member(group, member_id, decision, ErrorCode.UNKNOWN_MEMBER_ID)
    if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
        reason = f"{member_id} was silent for its session timeout"
        rebalance_or_complete_join(group, decision, initial_rebalance_delay_ms, reason)
    elif group.state is GroupState.PREPARING_REBALANCE and group.has_all_members_joined:
        complete_join(group, decision)


def sync_time_is_over(group: Group, decision: GroupDecision, initial_rebalance_delay_ms: int) -> None:
    """The sync timer expired: members that took part in the rebalance but never asked for its result are out."""
    if group.state not in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE) or not group.pending_sync:
        return
    missing = sorted(group.pending_sync)
    for member_id in missing:
        forget_member(group, member_id, decision, ErrorCode.UNKNOWN_MEMBER_ID)
    prepare_rebalance(group, decision, initial_rebalance_delay_ms, f"{', '.join(missing)} never synced")

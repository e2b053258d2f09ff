"""DescribeGroups and ListGroups: a group as administrators see it."""

from __future__ import annotations

from broker.groups.group import Group, GroupState
from protocol.errors import ErrorCode
from protocol.messages.describe_groups import DescribedGroup, DescribedGroupMember
from protocol.messages.list_groups import ListedGroup

# KIP-848's name for groups of the JoinGroup protocol.
GROUP_TYPE = "classic"


def describe(group_id: str, group: Group | None) -> DescribedGroup:
    """A group nobody knows is Dead; whether that is an error depends on the version, so the handler says so."""
    if group is None:
        return DescribedGroup(group_id=group_id, group_state=GroupState.DEAD.value)
    # Metadata belongs to a protocol, and only a stable group has agreed on one.
    protocol_name = group.protocol_name if group.state is GroupState.STABLE else None
    return DescribedGroup(
        error_code=ErrorCode.NONE,
        group_id=group_id,
        group_state=group.state.value,
        protocol_type=group.protocol_type or "",
        protocol_data=protocol_name or "",
        members=[
            DescribedGroupMember(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=b"" if protocol_name is None else member.metadata(protocol_name),
                member_assignment=member.assignment,
            )
            for member in group.members.values()
        ],
    )


def listed(group: Group) -> ListedGroup:
    return ListedGroup(
        group_id=group.group_id,
        protocol_type=group.protocol_type or "",
        group_state=group.state.value,
        group_type=GROUP_TYPE,
    )


def is_asked_for(group: Group, states: frozenset[str], types: frozenset[str]) -> bool:
    """Filters are in lower case; an empty one lets everything pass (KIP-518, KIP-848)."""
    return (not states or group.state.value.lower() in states) and (not types or GROUP_TYPE in types)

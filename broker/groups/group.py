"""A classic group: its state machine, its members, and what of it is replicated.

    state                entered by                                          in the log
    Empty                replay of a group record without members            yes
    PreparingRebalance   a rule: someone joins, leaves, dies or changes      no
    CompletingRebalance  a rule: everyone expected has joined                no
    Stable               replay of a group record with members               yes
    Dead                 replay of a group tombstone                         yes

So a generation is replicated when its assignment is: a coordinator that reloads in the middle of a rebalance is back
at the last generation that was Stable or Empty, and the members of the unfinished one join again. Who waits for what
(`joining`, `syncing`, pending members, timers) is never replicated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from broker.coordination import Reply
from broker.groups.member import Member, Protocols
from broker.groups.subscriptions import CONSUMER_PROTOCOL_TYPE, subscribed_topics
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.group_records import GroupMetadataValue, MemberMetadata


class GroupState(StrEnum):
    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


TRANSITIONS: dict[GroupState, frozenset[GroupState]] = {
    GroupState.EMPTY: frozenset({GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.PREPARING_REBALANCE: frozenset({GroupState.COMPLETING_REBALANCE, GroupState.EMPTY, GroupState.DEAD}),
    GroupState.COMPLETING_REBALANCE: frozenset({GroupState.STABLE, GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.STABLE: frozenset({GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.DEAD: frozenset(),
}
# The two that a log can hold: while one is loaded, records lead from any of them to any.
_REPLICATED = frozenset({GroupState.EMPTY, GroupState.STABLE})


class Group:
    def __init__(self, group_id: str) -> None:
        self.group_id = group_id
        self.state = GroupState.EMPTY
        self.generation_id = 0
        self.protocol_type: str | None = None
        self.protocol_name: str | None = None
        self.leader_id: str | None = None
        self.members: dict[str, Member] = {}
        self.static_members: dict[str, str] = {}
        # When the replicated state was entered; None where an old record did not say, or for a simple group.
        self.state_timestamp_ms: int | None = None
        # What the members subscribe to; None where that cannot be known.
        self.subscribed_topics: frozenset[str] | None = None

        # Answers owed, by member id.
        self.joining: dict[str, Reply] = {}
        self.syncing: dict[str, Reply] = {}
        # KIP-394: given a member id, expected to join with it.
        self.pending_members: set[str] = set()
        # Joined the current generation, has not synced yet.
        self.pending_sync: set[str] = set()
        # The first rebalance of an empty group waits for more members; how long each step and the rest of it are.
        self.is_initial_rebalance = False
        self.initial_delay_ms = 0
        self.initial_remaining_ms = 0
        self.new_member_added = False
        # How many members support each protocol.
        self._supporters: Counter[str] = Counter()

    # --- asking ------------------------------------------------------------------------------------------------

    @property
    def is_consumer_group(self) -> bool:
        return self.protocol_type == CONSUMER_PROTOCOL_TYPE

    @property
    def can_rebalance(self) -> bool:
        return GroupState.PREPARING_REBALANCE in TRANSITIONS[self.state]

    @property
    def has_all_members_joined(self) -> bool:
        return len(self.joining) == len(self.members) and not self.pending_members

    @property
    def rebalance_timeout_ms(self) -> int:
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def is_leader(self, member_id: str) -> bool:
        return self.leader_id == member_id

    def supports(self, protocol_type: str, protocol_names: Iterable[str]) -> bool:
        """Whether someone with these protocols may be in this group."""
        if self.state is GroupState.EMPTY:
            return bool(protocol_type) and any(True for _ in protocol_names)
        everyone = len(self.members)
        return self.protocol_type == protocol_type and any(
            self._supporters[name] == everyone for name in protocol_names
        )

    def select_protocol(self) -> str:
        """Among what all members support, the one most of them prefer; the first voted for where votes are equal."""
        everyone = len(self.members)
        candidates = {name for name, count in self._supporters.items() if count == everyone}
        votes = Counter(member.vote(candidates) for member in self.members.values())
        return votes.most_common(1)[0][0]

    def is_subscribed_to(self, topic: str) -> bool:
        """Unknown subscriptions of consumers count as subscribed to everything, so that nothing in use is deleted."""
        if self.subscribed_topics is None:
            return self.is_consumer_group
        return topic in self.subscribed_topics

    def check_member(self, member_id: str, group_instance_id: str | None) -> Member:
        """The member that asks. Raises UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID where another one took its place."""
        if group_instance_id is not None:
            holder = self.static_members.get(group_instance_id)
            if holder is None:
                raise KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, f"no member has the instance id {group_instance_id}")
            if holder != member_id:
                raise KafkaError(ErrorCode.FENCED_INSTANCE_ID, f"{group_instance_id} is now member {holder}")
        member = self.members.get(member_id)
        if member is None:
            raise KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, f"{self.group_id} has no member {member_id!r}")
        return member

    def check_generation(self, generation_id: int) -> None:
        if generation_id != self.generation_id:
            raise KafkaError(ErrorCode.ILLEGAL_GENERATION, f"{self.group_id} is at generation {self.generation_id}")

    # --- changing what is not replicated -------------------------------------------------------------------------

    def enter(self, new_state: GroupState) -> None:
        assert new_state in TRANSITIONS[self.state], f"{self.group_id}: {self.state} -> {new_state}"
        self.state = new_state

    def add(self, member: Member, protocol_type: str) -> None:
        if not self.members:
            self.protocol_type = protocol_type
        assert self.protocol_type == protocol_type, "all members have one protocol type"
        if self.leader_id is None:
            self.leader_id = member.member_id
        self.pending_members.discard(member.member_id)
        self._insert(member)

    def _insert(self, member: Member) -> None:
        assert member.member_id not in self.members, f"{member.member_id} is in the group already"
        if member.group_instance_id is not None:
            assert member.group_instance_id not in self.static_members, f"{member.group_instance_id} is taken"
            self.static_members[member.group_instance_id] = member.member_id
        self.members[member.member_id] = member
        self._supporters.update(name for name, _ in member.protocols)

    def remove(self, member_id: str) -> None:
        """Forget a member, pending ones too. Its parked answers must have been given."""
        assert member_id not in self.joining and member_id not in self.syncing, "its answers are still owed"
        self.pending_members.discard(member_id)
        self.pending_sync.discard(member_id)
        member = self.members.pop(member_id, None)
        if member is None:
            return
        self._supporters.subtract(name for name, _ in member.protocols)
        if member.group_instance_id is not None:
            del self.static_members[member.group_instance_id]
        if self.leader_id == member_id:
            self.leader_id = next(iter(self.members), None)

    def update_member(
        self, member: Member, protocols: Protocols, *, rebalance_timeout_ms: int, session_timeout_ms: int
    ) -> None:
        self._supporters.subtract(name for name, _ in member.protocols)
        member.protocols = protocols
        self._supporters.update(name for name, _ in protocols)
        member.rebalance_timeout_ms = rebalance_timeout_ms
        member.session_timeout_ms = session_timeout_ms

    def rename_static_member(self, member: Member, new_member_id: str) -> None:
        """KIP-345: the instance came back as another process; it keeps its place, its assignment and its leadership."""
        old_member_id = member.member_id
        assert member.group_instance_id is not None
        assert old_member_id not in self.joining and old_member_id not in self.syncing, "its answers are still owed"
        self.members = {
            (new_member_id if member_id == old_member_id else member_id): other
            for member_id, other in self.members.items()
        }
        member.member_id = new_member_id
        self.static_members[member.group_instance_id] = new_member_id
        if self.leader_id == old_member_id:
            self.leader_id = new_member_id
        if old_member_id in self.pending_sync:
            self.pending_sync.discard(old_member_id)
            self.pending_sync.add(new_member_id)

    def elect_leader_who_joined(self) -> bool:
        """Keep the leader if it joined, else take the first member that did; False if nobody did."""
        if self.leader_id in self.joining:
            return True
        joined = next((member_id for member_id in self.members if member_id in self.joining), None)
        if joined is None:
            return False
        self.leader_id = joined
        return True

    def learn_subscribed_topics(self) -> None:
        name = self.protocol_name
        if not self.is_consumer_group or (self.members and name is None):
            self.subscribed_topics = None
        else:
            metadata = [] if name is None else [member.metadata(name) for member in self.members.values()]
            self.subscribed_topics = subscribed_topics(metadata)

    # --- replay ------------------------------------------------------------------------------------------------

    def replay(self, value: GroupMetadataValue) -> None:
        """A group record: the group is Empty, or Stable with these members and assignments."""
        new_state = GroupState.STABLE if value.members else GroupState.EMPTY
        if self.state not in _REPLICATED:
            self.enter(new_state)
        self.state = new_state
        kept = {metadata.member_id for metadata in value.members}
        for member_id in [member_id for member_id in self.members if member_id not in kept]:
            self.remove(member_id)
        self.generation_id = value.generation
        self.protocol_type = value.protocol_type or None
        self.protocol_name = value.protocol
        self.state_timestamp_ms = None if value.current_state_timestamp == -1 else value.current_state_timestamp
        for metadata in value.members:
            self._replay_member(metadata, value.protocol or "")
        self.leader_id = value.leader
        self.learn_subscribed_topics()

    def _replay_member(self, metadata: MemberMetadata, protocol_name: str) -> None:
        # v0 records had one timeout for both.
        rebalance_timeout_ms = metadata.rebalance_timeout
        if rebalance_timeout_ms == -1:
            rebalance_timeout_ms = metadata.session_timeout
        member = self.members.get(metadata.member_id)
        if member is None:
            member = Member(
                member_id=metadata.member_id,
                group_instance_id=metadata.group_instance_id,
                client_id=metadata.client_id,
                client_host=metadata.client_host,
                rebalance_timeout_ms=rebalance_timeout_ms,
                session_timeout_ms=metadata.session_timeout,
                protocols=[(protocol_name, metadata.subscription)],
            )
            self._insert(member)
        elif (protocol_name, metadata.subscription) not in member.protocols:
            # Only while a log is loaded: a live member supports what its generation chose, and more.
            self.update_member(
                member,
                [(protocol_name, metadata.subscription)],
                rebalance_timeout_ms=rebalance_timeout_ms,
                session_timeout_ms=metadata.session_timeout,
            )
        member.rebalance_timeout_ms = rebalance_timeout_ms
        member.session_timeout_ms = metadata.session_timeout
        member.assignment = metadata.assignment

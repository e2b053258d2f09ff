"""Nodes in lockstep for tests of single steps: no time, no faults but those a test asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from raft import (
    NO_NODE,
    Change,
    ChangeKind,
    Configuration,
    Entry,
    EntryKind,
    HardState,
    MemoryStorage,
    Message,
    RaftConfig,
    RaftNode,
    ReadState,
    Ready,
    Role,
    Settled,
    SnapshotMetadata,
)
from raft.messages import AppendRequest, AppendResponse, Heartbeat, HeartbeatResponse, VoteResponse
from raft.progress import Progress, ProgressState
from raft.state import RaftState

Kind = TypeVar("Kind")

FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER = Role
TWO = Configuration.of(1, 2)
THREE = Configuration.of(1, 2, 3)
FIVE = Configuration.of(1, 2, 3, 4, 5)

CHANGES = {"v": ChangeKind.ADD_VOTER, "l": ChangeKind.ADD_LEARNER, "r": ChangeKind.REMOVE}
TOO_MANY = "more than one voter changed at once"


def entries(*terms: int, first: int = 1, data: bytes = b"") -> list[Entry]:
    """Entries of these terms at consecutive indexes."""
    return [Entry(term, index, EntryKind.NORMAL, data) for index, term in enumerate(terms, first)]


def changes(text: str) -> list[Change]:
    """`v1` makes node 1 a voter, `l1` a learner, `r1` removes it."""
    return [Change(CHANGES[each[0]], int(each[1:])) for each in text.split()]


def storage_with(
    configuration: Configuration, *terms: int, term: int = 0, vote: int = NO_NODE, committed: int = 0
) -> MemoryStorage:
    storage = MemoryStorage(configuration)
    storage.append(entries(*terms))
    storage.set_hard_state(HardState(max((term, *terms)), vote, committed))
    return storage


class Member:
    """A node with its storage and what came out of it so far."""

    def __init__(
        self,
        node_id: int = 1,
        configuration: Configuration | None = None,
        *terms: int,
        storage: MemoryStorage | None = None,
        jitter: Callable[[int], int] = lambda bound: 0,
        term: int = 0,
        vote: int = NO_NODE,
        committed: int = 0,
        **config: Any,
    ) -> None:
        configuration = configuration or Configuration.of(1, 2, 3)
        self.id = node_id
        self.storage = storage or storage_with(configuration, *terms, term=term, vote=vote, committed=committed)
        self.node = RaftNode(RaftConfig(node_id=node_id, **config), self.storage, jitter=jitter)
        self.applied: list[Entry] = []
        self.settled: list[Settled] = []
        self.read_states: list[ReadState] = []
        self.snapshot_content = bytearray()

    @property
    def state(self) -> RaftState:
        return self.node._state

    @property
    def role(self) -> Role:
        return self.state.role

    @property
    def term(self) -> int:
        return self.state.term

    @property
    def committed(self) -> int:
        return self.state.log.committed

    @property
    def last_index(self) -> int:
        return self.state.log.last_index

    def peer(self, node_id: int) -> Progress:
        return self.state.peers[node_id]

    def log_terms(self) -> list[int]:
        log = self.state.log
        held = log.entries(log.first_index, log.last_index + 1, 1 << 40)
        assert held is not None
        return [entry.term for entry in held]

    def persist(self, ready: Ready) -> None:
        if ready.hard_state is not None:
            self.storage.set_hard_state(ready.hard_state)
        for chunk in ready.snapshot_chunks:
            if chunk.position == 0:
                self.snapshot_content.clear()
            self.snapshot_content += chunk.data
        if ready.snapshot is not None:
            self.storage.install_snapshot(ready.snapshot, bytes(self.snapshot_content))
        self.storage.append(ready.entries)

    def finish(self, ready: Ready) -> None:
        self.applied += ready.committed_entries
        self.settled += ready.settled
        self.read_states += ready.read_states
        self.node.advance(ready)

    def drain(self) -> list[Message]:
        """Carry out every Ready there is; what must be sent, in order."""
        sent: list[Message] = []
        while (ready := self.node.ready()) is not None:
            sent += ready.early_messages
            self.persist(ready)
            sent += ready.messages
            self.finish(ready)
        return sent

    def step(self, message: Message) -> list[Message]:
        self.node.step(message)
        return self.drain()

    def tick(self, times: int = 1) -> list[Message]:
        sent: list[Message] = []
        for _ in range(times):
            self.node.tick()
            sent += self.drain()
        return sent

    def campaign(self) -> list[Message]:
        self.node.campaign()
        return self.drain()

    def become_follower(self, term: int, leader: int) -> None:
        """As a heartbeat of that leader would."""
        if leader == NO_NODE:
            self.step(VoteResponse(term, 99, self.id, False))
        else:
            self.step(Heartbeat(term, leader, self.id, 0))
        assert (self.role, self.term, self.state.leader) == (Role.FOLLOWER, term, leader)

    def become_candidate(self) -> list[Message]:
        """All voters would vote."""
        sent = self.campaign()
        term = self.term
        for voter in self.state.voters:
            if self.role is Role.PRE_CANDIDATE and voter != self.id:
                self.node.step(VoteResponse(term + 1, voter, self.id, True, pre_vote=True))
        return self.drain() or sent

    def become_leader(self) -> list[Message]:
        """All voters do."""
        self.become_candidate()
        for voter in self.state.voters:
            if self.role is Role.CANDIDATE and voter != self.id:
                self.node.step(VoteResponse(self.term, voter, self.id, True))
        sent = self.drain()
        assert self.role is Role.LEADER
        return sent

    def propose(self, data: bytes = b"somedata") -> list[Message]:
        self.node.propose(data)
        return self.drain()

    def acknowledge(self, message: Message) -> list[Message]:
        """As the receiver of this AppendRequest would."""
        assert isinstance(message, AppendRequest)
        index = message.previous_index + len(message.entries)
        return self.step(AppendResponse(message.term, message.recipient, self.id, index))

    def acknowledge_all(self, messages: Iterable[Message]) -> None:
        pending = only(AppendRequest, messages)
        while pending:
            pending = [each for one in pending for each in only(AppendRequest, self.acknowledge(one))]

    def commit_no_op(self) -> None:
        """After become_leader: everyone has the first entry of the term."""
        for voter in self.state.voters:
            if voter != self.id:
                self.step(AppendResponse(self.term, voter, self.id, self.last_index))
        assert self.committed == self.last_index

    def beat_answered_by(self, node_id: int) -> list[Message]:
        return self.step(HeartbeatResponse(self.term, node_id, self.id, self.state.read_sequence))

    def snapshot(self, content: bytes = b"content", keep: int = 0) -> SnapshotMetadata:
        """Of everything applied, and compaction of all but `keep` entries."""
        index = self.node.status().applied
        configuration = self.node.configuration_at(index)
        assert configuration is not None
        metadata = self.storage.create_snapshot(index, configuration, content)
        self.storage.compact(max(index - keep, self.storage.first_index() - 1))
        self.node.compacted()
        return metadata


def leader(configuration: Configuration = TWO, *terms: int, **config: Any) -> Member:
    """Elected, with what it sent thrown away."""
    member = Member(1, configuration, *terms, **config)
    member.become_leader()
    return member


def replicating(**config: Any) -> Member:
    """Node 2 has everything so far."""
    member = leader(**config)
    member.step(AppendResponse(1, 2, 1, 1))
    assert member.peer(2).state is ProgressState.REPLICATE
    return member


def only(kind: type[Kind], messages: Iterable[object]) -> list[Kind]:
    return [message for message in messages if isinstance(message, kind)]


class Network:
    """Members that hear each other at once, as far as nothing is cut or ignored."""

    def __init__(self, *members: Member | int, learners: Iterable[int] = (), **config: Any) -> None:
        ids = [each if isinstance(each, int) else each.id for each in members]
        learners = list(learners)
        configuration = Configuration(
            dict.fromkeys((each for each in ids if each not in learners), bytes(16)),
            dict.fromkeys(learners, bytes(16)),
        )
        self.members = {
            node_id: Member(node_id, configuration, **config) if isinstance(each, int) else each
            for node_id, each in zip(ids, members, strict=True)
        }
        self.cut_links: set[tuple[int, int]] = set()
        self.ignored: set[type] = set()
        self.hook: Callable[[Message], bool] = lambda message: True
        self.dead: set[int] = set()

    def __getitem__(self, node_id: int) -> Member:
        return self.members[node_id]

    def cut(self, one: int, other: int) -> None:
        self.cut_links |= {(one, other), (other, one)}

    def isolate(self, node_id: int) -> None:
        for other in self.members:
            if other != node_id:
                self.cut(node_id, other)

    def heal(self) -> None:
        self.cut_links.clear()
        self.ignored.clear()

    def deliver(self, messages: Iterable[Message]) -> None:
        """These messages and everything that follows from them."""
        queue = list(messages)
        while queue:
            message = queue.pop(0)
            if self._passes(message):
                queue += self.members[message.recipient].step(message)

    def _passes(self, message: Message) -> bool:
        return (
            (message.sender, message.recipient) not in self.cut_links
            and type(message) not in self.ignored
            and message.recipient in self.members
            and message.recipient not in self.dead
            and self.hook(message)
        )

    def pump(self) -> None:
        for member in self.members.values():
            self.deliver(member.drain())

    def campaign(self, node_id: int) -> None:
        self.deliver(self.members[node_id].campaign())

    def propose(self, node_id: int, data: bytes = b"somedata") -> None:
        self.deliver(self.members[node_id].propose(data))

    def tick(self, node_id: int, times: int = 1) -> None:
        for _ in range(times):
            self.deliver(self.members[node_id].tick())

    def silence(self, node_id: int, times: int) -> None:
        """Time passes for this member, and nothing it sends arrives."""
        self.members[node_id].tick(times)

    def transfer(self, leader: int, target: int) -> None:
        self.members[leader].node.transfer_leadership(target)
        self.deliver(self.members[leader].drain())

    def roles(self) -> dict[int, Role]:
        return {node_id: member.role for node_id, member in self.members.items()}

"""What must hold at every step of a simulated cluster, by name. Each check raises `InvariantBroken`.

The observer sees all nodes and disks at once; nodes know nothing of it.
"""

from __future__ import annotations

from typing import Any

from raft import NO_NODE, Configuration, Entry, Outcome, Ready, Settled
from raft.messages import AppendResponse, VoteRequest, VoteResponse
from raft.quorum import majority
from raft_harness.disk import Disk


class InvariantBroken(AssertionError):
    """Its first word is the invariant's name."""


def require(condition: bool, name: str, detail: str) -> None:
    if not condition:
        raise InvariantBroken(f"{name}: {detail}")


class Observer:
    """All that was ever committed, elected, voted and answered."""

    def __init__(self, disks: dict[int, Disk]) -> None:
        self.disks = disks
        self.history: list[Entry] = []  # history[i] is the entry committed at index i + 1
        self.committed_in: list[int] = []  # and the term of whoever applied it first
        self.replaced: set[int] = set()  # nodes that lost their disk after they had acknowledged
        self.leaders: dict[int, int] = {}
        self.votes: dict[tuple[int, int], int] = {}
        self.settled: dict[tuple[int, int, int], Outcome] = {}
        self.lost: set[tuple[int, int]] = set()  # index and term of proposals answered NOT_LEADER

    # --- elections ---

    def elected(self, node: Any, term: int, node_id: int) -> None:
        """ElectionSafety, ElectedByMajority, LeaderCompleteness."""
        other = self.leaders.setdefault(term, node_id)
        require(other == node_id, "ElectionSafety", f"nodes {other} and {node_id} both lead term {term}")
        voters = node._state.configurations.current.voters
        given = sorted(voter for voter in voters if self._has_vote(voter, term, node_id))
        require(
            len(given) >= majority(len(voters)),
            "ElectedByMajority",
            f"node {node_id} leads term {term} with the votes of {given} of {sorted(voters)}",
        )
        log = node._state.log
        for entry in self.history[max(0, log.first_index - 1) :]:
            # A late leader of an old term need not have what later terms committed.
            require(
                log.term(entry.index) == entry.term or self.committed_in[entry.index - 1] >= term,
                "LeaderCompleteness",
                f"leader {node_id} of term {term} lacks committed entry {entry.index} of term {entry.term}",
            )

    def _has_vote(self, voter: int, term: int, candidate: int) -> bool:
        """Given to others, or to itself, which nobody needs to be told."""
        kept = self.disks[voter].durable.hard_state()
        own = voter == candidate and (kept.term, kept.voted_for) == (term, candidate)
        return own or self.votes.get((term, voter)) == candidate

    def sends(self, node: Any, node_id: int, message: object) -> None:
        """OneVotePerTerm, DurableBeforeSent: what a message vouches for is on the sender's disk."""
        if isinstance(message, VoteRequest) and not message.pre_vote:
            self._vote(node_id, message.term, node_id)
        elif isinstance(message, VoteResponse) and message.granted and not message.pre_vote:
            self._vote(node_id, message.term, message.recipient)
        elif isinstance(message, AppendResponse) and not message.rejected and message.index > 0:
            self._acknowledges(node, node_id, message)
        if not isinstance(message, VoteRequest | VoteResponse):
            durable_term = self.disks[node_id].durable.hard_state().term
            require(
                durable_term >= message.term,  # type: ignore[attr-defined]
                "DurableBeforeSent",
                f"node {node_id} speaks of term {message.term}, its disk of {durable_term}",  # type: ignore[attr-defined]
            )

    def _acknowledges(self, node: Any, node_id: int, message: AppendResponse) -> None:
        """What is on its disk up to there must be what its log says, not what stood there before."""
        durable, log = self.disks[node_id].durable, node._state.log
        there = durable.last_index() >= message.index
        # An answer of an older term may speak of entries that have been replaced since: nobody listens to it. And a
        # snapshot under way may have taken the place of this part of the log.
        term = log.term(message.index) if message.term == node._state.term else None
        if there and term is not None and message.index > durable.snapshot().index:
            there = durable.term(message.index) == term
        require(
            there,
            "DurableBeforeSent",
            f"node {node_id} acknowledges {message.index}, its disk ends at {durable.last_index()} with term "
            f"{durable.term(durable.last_index())}",
        )

    def _vote(self, voter: int, term: int, candidate: int) -> None:
        other = self.votes.setdefault((term, voter), candidate)
        require(other == candidate, "OneVotePerTerm", f"node {voter} votes for {other} and {candidate} in {term}")
        kept = self.disks[voter].durable.hard_state()
        require(
            kept.term > term or (kept.term == term and kept.voted_for == candidate),
            "DurableBeforeSent",
            f"node {voter} votes for {candidate} in {term}, its disk says {kept}",
        )

    # --- the log ---

    def applies(self, node_id: int, entries: list[Entry], term: int) -> None:
        """StateMachineSafety by index."""
        for entry in entries:
            if entry.index <= len(self.history):
                known = self.history[entry.index - 1]
                require(
                    known.term == entry.term and known.data == entry.data and known.kind == entry.kind,
                    "StateMachineSafety",
                    f"index {entry.index} is {known} and on node {node_id} {entry}",
                )
                continue
            require(
                entry.index == len(self.history) + 1,
                "StateMachineSafety",
                f"node {node_id} applies {entry.index} after {len(self.history)}",
            )
            place = (entry.index, entry.term)
            require(place not in self.lost, "SettledOnce", f"{entry} was answered NOT_LEADER")
            self.history.append(entry)
            self.committed_in.append(term)

    def commits(self, node: Any, index: int) -> None:
        """QuorumLog, CommittedIsDurable: a leader commits what a majority has on disk, dead or alive."""
        term = node._state.log.term(index)
        voters = node._state.configurations.current.voters
        holders = 0
        for voter in voters:
            durable = self.disks[voter].durable
            there = durable.term(index) == term or durable.snapshot().index >= index
            holders += there or voter in self.replaced
        require(
            holders >= majority(len(voters)),
            "CommittedIsDurable",
            f"entry {index} is committed with {holders} of {sorted(voters)}",
        )

    def log_is_sane(self, node: Any, node_id: int, committed_before: int) -> int:
        """MonotonicCommit, LogReachesCommit, SnapshotAtLogStart."""
        # Asked four times a step: the words are made when they are needed.
        log = node._state.log
        committed, last_index = log.committed, log.last_index
        if committed < committed_before:
            raise InvariantBroken(f"MonotonicCommit: node {node_id} goes from {committed_before} to {committed}")
        if last_index < committed:
            raise InvariantBroken(f"LogReachesCommit: node {node_id} ends at {last_index}, committed {committed}")
        if committed > committed_before and node.is_leader:
            self.commits(node, committed)
        storage = self.disks[node_id].current
        first_index, snapshot_index = storage.first_index(), storage.snapshot().index
        if first_index > snapshot_index + 1:
            raise InvariantBroken(
                f"SnapshotAtLogStart: node {node_id} starts at {first_index}, snapshot {snapshot_index}"
            )
        return int(committed)

    def logs_match(self, nodes: dict[int, Any]) -> None:
        """LogMatching: the same (index, term) means the same entry and the same past."""
        seen: dict[tuple[int, int], tuple[bytes, int]] = {}
        for node in nodes.values():
            log = node._state.log
            first, end = log.first_index, log.last_index + 1
            entries = log.entries(first, end, 1 << 40) or []
            before = log.term(first - 1)
            for entry in entries:
                past = seen.setdefault((entry.index, entry.term), (entry.data, before))
                require(past[0] == entry.data, "LogMatching", f"two entries at {entry.index}, {entry.term}")
                require(
                    past[1] == before or entry.index == first,
                    "LogMatching",
                    f"two pasts before {entry.index}, {entry.term}",
                )
                before = entry.term

    def loads_snapshot(self, node: Any, node_id: int, ready: Ready, digest: str, expected: str) -> None:
        """LeaderNeverLoadsSnapshot; and what it holds is what was committed."""
        require(
            node._state.role.value != "leader" or node._state.leader == NO_NODE,
            "LeaderNeverLoadsSnapshot",
            f"leader {node_id} loads {ready.snapshot}",
        )
        require(digest == expected, "StateMachineSafety", f"snapshot {ready.snapshot} differs from history")

    def configuration_changes(self, old: Configuration, new: Configuration) -> None:
        """QuorumOverlap: no two majorities of neighbouring configurations are disjoint."""
        union = len(set(old.voters) | set(new.voters))
        require(
            majority(len(old.voters)) + majority(len(new.voters)) > union,
            "QuorumOverlap",
            f"{sorted(old.voters)} then {sorted(new.voters)}",
        )

    # --- answers ---

    def answers(self, node_id: int, incarnation: int, settled: Settled, term: int) -> None:
        """SettledOnce: one answer each, and a true one."""
        key = (node_id, incarnation, settled.proposal_id)
        require(key not in self.settled, "SettledOnce", f"{key} is answered again: {settled}")
        self.settled[key] = settled.outcome
        there = len(self.history) >= settled.index and self.history[settled.index - 1].term == term
        if settled.outcome is Outcome.OK:
            require(there, "SettledOnce", f"{key} is OK at {settled.index}, but is not there")
        elif settled.outcome is Outcome.NOT_LEADER:
            self.lost.add((settled.index, term))
            require(not there, "SettledOnce", f"{key} is NOT_LEADER, but is committed")

"""The simulated cluster as its clients and operators use it: they propose, read and change who is in it."""

from __future__ import annotations

from collections.abc import Callable

from raft import Outcome, RaftNode, Refused
from raft_harness.simulator import Simulator


class Cluster(Simulator):
    def running(self) -> dict[int, RaftNode]:
        return {node_id: node.raft for node_id, node in self.nodes.items() if node.raft is not None}

    def leader(self) -> int | None:
        """Of the highest term that has one."""
        found, newest = None, -1
        for node_id, node in self.nodes.items():
            raft = node.raft
            if raft is not None and raft.is_leader and raft._state.term >= newest:
                found, newest = node_id, raft._state.term
        return found

    def propose(self, node_id: int, data: bytes, answer: Callable[[Outcome], None]) -> bool:
        """False if the node refused; else `answer` is called once."""
        node = self.nodes[node_id]
        if node.raft is None or node.paused:
            return False
        try:
            node.proposals[node.raft.propose(data)] = (node.raft.status().term, answer)
        except Refused:
            return False
        self._pump(node)
        return True

    def read(self, node_id: int, name: str, answer: Callable[[str | None], None]) -> bool:
        node = self.nodes[node_id]
        if node.raft is None or node.paused:
            return False

        def confirmed(index: int | None) -> None:
            answer(None if index is None else node.machine.registers.get(name, ""))

        try:
            node.reads[node.raft.read_index()] = confirmed
        except Refused:
            return False
        self._pump(node)
        return True

    def operate(self, node_id: int, action: Callable[[RaftNode], int | None]) -> bool:
        """Anything else one may ask of a node; False if it refused."""
        node = self.nodes[node_id]
        if node.raft is None or node.paused:
            return False
        before = node.raft.status().configuration
        try:
            proposal_id = action(node.raft)
        except Refused:
            return False
        status = node.raft.status()
        if proposal_id is not None:
            self.observer.configuration_changes(before, status.configuration)
            node.proposals[proposal_id] = (status.term, lambda outcome: None)
        self._pump(node)
        return True

    def applied(self) -> dict[int, int]:
        return {node_id: node.machine.applied for node_id, node in self.nodes.items() if node.raft}

"""Tests written as transcripts: a command, `----`, and everything that then happened.

Run `pytest tests/raft/test_transcripts.py --rewrite` to record new output, then read the diff: commit it only
if every changed line is a change you meant. Commands, on nodes by number:

    nodes 3 [learners=N] [setting=value …]     all voters but the last N
    campaign|compact|restart|forget N          tick N [times]            propose N text
    change N v4|l4|r4 …     transfer N to      read N     unreachable N of
    ready N                 take a Ready, do not carry it out: its early messages leave
    persist N               carry out the oldest Ready of N: write, send, apply, advance
    deliver N [drop]        what has been sent to N arrives, or is lost
    stabilize [N …] [quiet] ready, persist and deliver for these nodes until nothing is left
    status [N …]            roles, and progress where there is some          log [N …]
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from raft import Change, ChangeKind, Configuration, Entry, EntryKind, Message, Ready, Refused, Role
from raft import messages as m
from raft_harness.members import Member

KINDS = {"v": ChangeKind.ADD_VOTER, "l": ChangeKind.ADD_LEARNER, "r": ChangeKind.REMOVE}


def run_transcript(path: Path, *, rewrite: bool) -> None:
    recorded = path.read_text()
    player = Player()
    replayed = "\n".join(_replay(block, player) for block in recorded.rstrip("\n").split("\n\n"))
    if rewrite:
        path.write_text(replayed)
    else:
        assert replayed == recorded, f"{path.name}: run with --rewrite and read the diff"


def _replay(block: str, player: Player) -> str:
    head, separator, _ = block.partition("\n----")
    if not separator:  # a comment between steps
        return block.strip("\n") + "\n"
    command = [line for line in head.splitlines() if not line.startswith("#")]
    output = player.run(command[0].split()) or ["ok"]
    return "\n".join([head, "----", *output]) + "\n"


class Player:
    def __init__(self) -> None:
        self.members: dict[int, Member] = {}
        self.inboxes: dict[int, list[Message]] = {}
        self.under_way: dict[int, deque[Ready]] = {}
        self.settings: dict[str, Any] = {}
        self.out: list[str] = []

    def run(self, words: list[str]) -> list[str]:
        self.out = []
        name, *arguments = words
        command: Callable[..., None] = getattr(self, f"do_{name}")
        try:
            command(*arguments)
        except Refused as refused:
            self.out.append(f"refused: {refused}, leader {refused.leader}")
        return self.out

    # --- set-up and causes -------------------------------------------------------------------------------

    def do_nodes(self, count: str, *settings: str) -> None:
        values: dict[str, Any] = {key: int(value) for key, _, value in (each.partition("=") for each in settings)}
        learners = values.pop("learners", 0)
        ids = range(1, int(count) + 1)
        configuration = Configuration(
            dict.fromkeys(ids[: len(ids) - learners], bytes(16)),
            dict.fromkeys(ids[len(ids) - learners :], bytes(16)),
        )
        self.settings = values
        for node_id in ids:
            self._add(Member(node_id, configuration, **values))

    def _add(self, member: Member) -> None:
        self.members[member.id] = member
        self.inboxes[member.id] = []
        self.under_way[member.id] = deque()

    def _member(self, node_id: str) -> Member:
        return self.members[int(node_id)]

    def do_campaign(self, node_id: str) -> None:
        self._member(node_id).node.campaign()

    def do_tick(self, node_id: str, times: str = "1") -> None:
        for _ in range(int(times)):
            self._member(node_id).node.tick()

    def do_propose(self, node_id: str, text: str) -> None:
        self._member(node_id).node.propose(text.encode())

    def do_change(self, node_id: str, *changes: str) -> None:
        configuration = self._member(node_id).node.status().configuration
        for each in changes:
            if int(each[1:]) not in self.members:
                self._add(Member(int(each[1:]), configuration, **self.settings))
        self._member(node_id).node.propose_configuration_change(
            [Change(KINDS[each[0]], int(each[1:])) for each in changes]
        )

    def do_transfer(self, node_id: str, target: str) -> None:
        self._member(node_id).node.transfer_leadership(int(target))

    def do_read(self, node_id: str) -> None:
        self._member(node_id).node.read_index()

    def do_forget(self, node_id: str) -> None:
        self._member(node_id).node.forget_leader()

    def do_unreachable(self, node_id: str, other: str) -> None:
        self._member(node_id).node.report_unreachable(int(other))

    def do_compact(self, node_id: str) -> None:
        metadata = self._member(node_id).snapshot()
        self.out.append(f"{node_id}: snapshot of {metadata.index}/{metadata.term}")

    def do_restart(self, node_id: str) -> None:
        """What was not persisted is gone."""
        old = self._member(node_id)
        self._add(Member(old.id, storage=old.storage, **self.settings))

    # --- effects -----------------------------------------------------------------------------------------

    def do_ready(self, node_id: str) -> None:
        if not self._take(int(node_id)):
            self.out.append(f"{node_id}: nothing to do")

    def _take(self, node_id: int) -> bool:
        ready = self.members[node_id].node.ready()
        if ready is None:
            return False
        self.out.append(f"{node_id} ready #{ready.number}{' sync' if ready.must_sync else ''}")
        self.under_way[node_id].append(ready)
        if ready.soft_state is not None:
            soft = ready.soft_state
            self.out.append(f"  {soft.role.value}, leader {soft.leader}, {describe_members(soft.configuration)}")
        if ready.hard_state is not None:
            hard = ready.hard_state
            self.out.append(f"  write: term {hard.term} vote {hard.voted_for} committed {hard.committed}")
        if ready.snapshot is not None:
            self.out.append(f"  write: snapshot {ready.snapshot.index}/{ready.snapshot.term}")
        if ready.entries:
            self.out.append(f"  write: {describe_entries(ready.entries)}")
        self._send("at once", ready.early_messages)
        return True

    def do_persist(self, node_id: str) -> None:
        self._persist(int(node_id))

    def _persist(self, node_id: int) -> None:
        member = self.members[node_id]
        ready = self.under_way[node_id].popleft()
        member.persist(ready)
        self.out.append(f"{node_id} persisted #{ready.number}")
        self._send("then", ready.messages)
        if ready.committed_entries:
            self.out.append(f"  apply: {describe_entries(ready.committed_entries)}")
        for settled in ready.settled:
            self.out.append(f"  settled: {settled.index} {settled.outcome.value}")
        for state in ready.read_states:
            self.out.append(f"  read at {state.index}")
        member.finish(ready)

    def _send(self, when: str, messages: list[Message]) -> None:
        for message in messages:
            self.out.append(f"  {when}: {describe(message)}")
            if message.recipient in self.inboxes:
                self.inboxes[message.recipient].append(message)

    def do_deliver(self, node_id: str, drop: str = "") -> None:
        inbox, self.inboxes[int(node_id)] = self.inboxes[int(node_id)], []
        for message in inbox:
            self.out.append(f"{'lost' if drop else 'arrives'}: {describe(message)}")
            if not drop:
                self._member(node_id).node.step(message)

    def do_stabilize(self, *words: str) -> None:
        ids = [int(word) for word in words if word != "quiet"] or list(self.members)
        busy = True
        while busy:
            busy = False
            for node_id in ids:
                while self._take(node_id):
                    busy = True
                while self.under_way[node_id]:
                    self._persist(node_id)
                    busy = True
            for node_id in ids:
                if self.inboxes[node_id]:
                    self.do_deliver(str(node_id))
                    busy = True
        if "quiet" in words:
            self.out = []

    # --- looking -----------------------------------------------------------------------------------------

    def do_status(self, *ids: str) -> None:
        for node_id in ids or map(str, self.members):
            status = self._member(node_id).node.status()
            self.out.append(
                f"{node_id}: {status.role.value} term {status.term} leader {status.leader} "
                f"committed {status.committed} of {status.last_index}"
            )
            if status.role is Role.LEADER:
                for peer_id, peer in status.peers.items():
                    paused = " paused" if self._member(node_id).peer(peer_id).is_paused() else ""
                    kind = "" if peer.is_voter else " learner"
                    self.out.append(
                        f"  {peer_id}: {peer.state.value} match {peer.match} next {peer.next}{paused}{kind}"
                    )

    def do_log(self, *ids: str) -> None:
        for node_id in ids or map(str, self.members):
            member = self._member(node_id)
            first = member.state.log.first_index
            self.out.append(f"{node_id}: from {first}: {' '.join(map(str, member.log_terms()))}")


def describe_members(configuration: Configuration) -> str:
    voters = " ".join(map(str, sorted(configuration.voters)))
    learners = " ".join(map(str, sorted(configuration.learners)))
    return f"voters ({voters})" + (f" learners ({learners})" if learners else "")


def describe_entries(held: list[Entry]) -> str:
    names = {EntryKind.NO_OP: "no-op", EntryKind.CONFIGURATION: "configuration"}
    return " ".join(f"{each.index}/{each.term}:{names.get(each.kind) or each.data.decode()}" for each in held)


def describe(message: Message) -> str:
    head = f"{message.sender}->{message.recipient} {type(message).__name__} term {message.term}"
    match message:
        case m.VoteRequest():
            kind = " pre-vote" if message.pre_vote else " transfer" if message.transfer else ""
            return f"{head}{kind} log {message.last_index}/{message.last_term}"
        case m.VoteResponse():
            kind = " pre-vote" if message.pre_vote else ""
            return f"{head}{kind} {'granted' if message.granted else 'refused'}"
        case m.AppendRequest():
            after = f"{message.previous_index}/{message.previous_term}"
            held = f" [{describe_entries(message.entries)}]" if message.entries else ""
            return f"{head} after {after} committed {message.committed}{held}"
        case m.AppendResponse(rejected=True):
            return f"{head} rejected {message.index} hint {message.hint_index}/{message.hint_term}"
        case m.AppendResponse():
            return f"{head} accepted {message.index}"
        case m.Heartbeat():
            return f"{head} committed {message.committed} round {message.read_sequence}"
        case m.HeartbeatResponse():
            return f"{head} round {message.read_sequence}"
        case m.SnapshotChunk():
            place = f"{message.metadata.index}/{message.metadata.term}"
            return f"{head} {place} bytes {message.position}+{len(message.data)}"
        case m.SnapshotResponse():
            return f"{head} {message.index} from byte {message.position}"
        case _:
            return head

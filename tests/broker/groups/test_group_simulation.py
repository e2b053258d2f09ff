"""Groups under chance: clients that join, work, stall, die, leave and come back, and a coordinator that moves.

After every step
- a stable generation is one generation: each of its members was assigned something in it, by its leader;
- a client that holds an assignment of the current generation holds the one that the group stored for it;
- no generation has two different assignments, and generations of one coordinator only count up;
- offsets are those of the last acknowledged commit, through every reload;
- a shard made from the log alone equals the live one, wherever the live state is a replicated one.
At the end, left alone, every group settles.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from groups_harness import Asked, GroupWorld, subscription

from broker.groups.group import GroupState
from broker.groups.shard import GroupShard
from protocol.errors import ErrorCode

GROUPS = ("g", "h")
STEPS = 250
REJOIN = (ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.ILLEGAL_GENERATION)
RESET = (ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID)
RETRY = (ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)


@dataclass
class Client:
    """Takes whatever answer has come, then does the next thing its protocol asks for."""

    name: str
    group: str
    instance: str | None
    version: int
    member_id: str = ""
    generation: int = -1
    leader_of: list[str] | None = None
    assignment: bytes | None = None
    waiting: Asked | None = None
    waits_for: str = ""
    alive: bool = True
    topics: list[str] = field(default_factory=lambda: ["orders"])

    def step(self, world: GroupWorld) -> None:
        if self.waiting is not None:
            if not self.waiting.is_parked:
                answered, self.waiting = self.waiting, None
                (self._joined if self.waits_for == "join" else self._synced)(answered)
            return
        if self.generation < 0:
            protocols = {"sticky": subscription(*self.topics), "range": subscription(*self.topics)}
            self._send(
                "join",
                world.join(
                    self.member_id,
                    group=self.group,
                    instance=self.instance,
                    version=self.version,
                    protocols=protocols,
                    client=self.name,
                    rebalance_ms=15_000,
                ),
            )
        elif self.assignment is None:
            members = self.leader_of or []
            assignments = {member: f"{self.generation}:{member}".encode() for member in members}
            self._send(
                "sync",
                world.sync(self.member_id, self.generation, assignments, group=self.group, instance=self.instance),
            )
        else:
            self._heed(world.heartbeat(self.member_id, self.generation, group=self.group, instance=self.instance))

    def _send(self, kind: str, asked: Asked) -> None:
        self.waits_for, self.waiting = kind, asked

    def _joined(self, asked: Asked) -> None:
        response = asked.response
        if asked.error is ErrorCode.MEMBER_ID_REQUIRED:
            self.member_id = response.member_id
        elif asked.error is ErrorCode.NONE:
            self.member_id, self.generation = response.member_id, response.generation_id
            leads = response.leader == response.member_id and not response.skip_assignment
            self.leader_of = [member.member_id for member in response.members] if leads else None
            self.assignment = None
        else:
            self._heed(asked.error)

    def _synced(self, asked: Asked) -> None:
        if asked.error is ErrorCode.NONE:
            self.assignment = asked.response.assignment
        else:
            self._heed(asked.error)

    def _heed(self, code: ErrorCode) -> None:
        assert code is ErrorCode.NONE or code in REJOIN + RESET + RETRY, code
        if code in REJOIN + RESET:
            self.generation, self.assignment = -1, None
        if code in RESET:
            self.member_id = ""

    def crash(self) -> None:
        if self.waiting is not None:
            self.waiting.hang_up()
        self.waiting, self.member_id, self.generation, self.assignment = None, "", -1, None
        self.alive = False


class Simulation:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        delay_ms = self.chance.choice([0, 0, 500, 3000])
        self.world = GroupWorld({"group.initial.rebalance.delay.ms": str(delay_ms)})
        self.clients: list[Client] = []
        self.acknowledged: dict[str, dict[tuple[str, int], int]] = {group: {} for group in GROUPS}
        self.assigned: dict[tuple[str, int, str], bytes] = {}
        self.generations: dict[str, int] = {}
        self.offset = 0
        self.stable_seen = 0

    def run(self) -> None:
        for _ in range(STEPS):
            self.chance.choices(
                [self._start, self._stall, self._crash, self._leave, self._commit, self._reload, self._work],
                [8, 10, 4, 4, 25, 2, 60],
            )[0]()
            self._check()
        self._settle()

    # --- what happens ------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if sum(client.alive for client in self.clients) >= 8:
            return
        chance = self.chance
        instance = chance.choice([None, None, "one", "two"])
        client = Client(f"c{len(self.clients)}", chance.choice(GROUPS), instance, chance.choice([3, 5, 9]))
        if chance.random() < 0.3:
            client.topics = ["orders", "payments"]
        if instance is not None:
            for other in self.clients:
                if other.instance == instance and other.group == client.group:
                    other.crash()
        self.clients.append(client)

    def _living(self) -> list[Client]:
        return [client for client in self.clients if client.alive]

    def _work(self) -> None:
        for client in self._living():
            if self.chance.random() < 0.8:
                client.step(self.world)
        self.world.advance(self.chance.choice([0, 50, 500]))

    def _stall(self) -> None:
        self.world.advance(self.chance.choice([1000, 4000, 11_000]))

    def _crash(self) -> None:
        if self._living():
            self.chance.choice(self._living()).crash()

    def _leave(self) -> None:
        members = [client for client in self._living() if client.member_id and client.waiting is None]
        if members:
            client = self.chance.choice(members)
            self.world.leave(client.member_id, group=client.group)
            client.crash()

    def _commit(self) -> None:
        members = [client for client in self._living() if client.assignment is not None]
        if not members:
            return
        client = self.chance.choice(members)
        self.offset += 1
        index = self.chance.randrange(3)
        code = self.world.commit(
            self.offset,
            group=client.group,
            member_id=client.member_id,
            generation=client.generation,
            partitions=[index],
        ).error
        if code is ErrorCode.NONE:
            self.acknowledged[client.group][("orders", index)] = self.offset
        else:
            client._heed(code)

    def _reload(self) -> None:
        self.world.reload()
        self.generations.clear()

    # --- what must hold ----------------------------------------------------------------------------------------

    def _check(self) -> None:
        shard = self.world.shard
        for group in shard.groups.values():
            before = self.generations.get(group.group_id, 0)
            assert group.generation_id >= before, "a generation went back"
            self.generations[group.group_id] = group.generation_id
            assert set(group.joining) <= set(group.members) and set(group.syncing) <= set(group.members)
            assert group.leader_id in group.members if group.members else group.leader_id is None
            statics = {m.group_instance_id: i for i, m in group.members.items() if m.group_instance_id}
            assert group.static_members == statics
            if group.state is GroupState.STABLE:
                self._check_stable(group.group_id)
        for group_id in GROUPS:
            assert self.world.committed(group_id) == self.acknowledged[group_id]
        self._check_replay(shard)

    def _check_stable(self, group_id: str) -> None:
        group = self.world.shard.groups[group_id]
        self.stable_seen += 1
        for member_id, member in group.members.items():
            known = self.assigned.setdefault((group_id, group.generation_id, member_id), member.assignment)
            assert member.assignment == known, "an assignment changed within its generation"
        for client in self._living():
            current = client.generation == group.generation_id and client.member_id in group.members
            if client.group == group_id and current and client.assignment is not None:
                assert client.assignment == group.members[client.member_id].assignment

    def _check_replay(self, shard: GroupShard) -> None:
        replayed = self.world.fresh_shard()
        assert replayed.groups.keys() == shard.groups.keys()
        for group_id, live in shard.groups.items():
            copy = replayed.groups[group_id]
            assert replayed.offsets.of_group(group_id) == shard.offsets.of_group(group_id)
            if live.state not in (GroupState.STABLE, GroupState.EMPTY):
                continue
            if live.state is GroupState.STABLE:
                # Members may have been removed by a rule only together with leaving the state.
                assert copy.members.keys() == live.members.keys()
                assert copy.leader_id == live.leader_id
                assert {i: m.assignment for i, m in copy.members.items()} == {
                    i: m.assignment for i, m in live.members.items()
                }
            assert (copy.state, copy.generation_id, copy.protocol_name, copy.state_timestamp_ms) == (
                live.state,
                live.generation_id,
                live.protocol_name,
                live.state_timestamp_ms,
            )

    def _settle(self) -> None:
        """Nothing goes wrong any more: every group ends up stable, or empty if nobody is left."""
        for _ in range(400):
            for client in self._living():
                client.step(self.world)
            self.world.advance(1000)
        for group_id, group in self.world.shard.groups.items():
            clients = [client for client in self._living() if client.group == group_id]
            assert group.state is (GroupState.STABLE if clients else GroupState.EMPTY), f"{group_id}: {group.state}"
            assert {client.member_id for client in clients} == set(group.members)
            assert {client.generation for client in clients} <= {group.generation_id}
            for client in clients:
                assert client.assignment == group.members[client.member_id].assignment
        self._check()


@pytest.mark.parametrize("seed", range(25))
def test_groups_under_chance(seed: int) -> None:
    simulation = Simulation(seed)
    try:
        simulation.run()
        assert simulation.stable_seen > 10, "this seed tests nothing"
    finally:
        simulation.world.close()

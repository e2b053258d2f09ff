"""Decide, append, replay, answer after the commit: the runtime with the smallest shard there can be, a set of names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from groups_harness import Asked, HeldLoop, LoopClock, MemoryPartition

from broker.coordination import CoordinatorRuntime, Decision, Reply, TimerKey
from broker.coordination.loader import LOAD_BYTES_MAX
from protocol.errors import ErrorCode, KafkaError
from protocol.records import ControlType, build_batch, end_transaction_marker
from protocol.records import Record as LogRecord

COMMIT_TIMEOUT_MS = 5000


class Names:
    """Keeps names; a record is a name to add, in lower case, or to remove, in upper case."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.replayed = 0
        self.expired: list[str] = []

    def encode(self, record: str) -> tuple[bytes, bytes | None]:
        return record.lower().encode(), None if record.isupper() else b""

    def decode(self, key: bytes, value: bytes | None) -> str | None:
        if key.startswith(b"?"):
            return None
        return key.decode() if value is not None else key.decode().upper()

    def replay(self, record: str) -> None:
        self.replayed += 1
        if record.isupper():
            self.names.discard(record.lower())
        else:
            self.names.add(record)

    def loaded(self, decision: Decision[str]) -> None:
        for name in sorted(self.names):
            decision.schedule(("remove", name), 100_000)

    def expire(self, key: TimerKey, decision: Decision[str]) -> None:
        self.expired.append(key[1])
        decision.records.append(key[1].upper())

    # --- rules ---

    def add(self, *names: str) -> Callable[[Names, Decision[str], Reply], None]:
        def rule(shard: Names, decision: Decision[str], reply: Reply) -> None:
            if "taken" in names:
                raise KafkaError(ErrorCode.INVALID_REQUEST, "taken")
            decision.records += names
            decision.reply(reply, sorted(shard.names | set(names)))

        return rule


def names(shard: Names, decision: Decision[str], reply: Reply) -> None:
    decision.reply(reply, sorted(shard.names))


class World:
    def __init__(self) -> None:
        self.loop = HeldLoop()
        self.clock = LoopClock(self.loop, 0)
        self.partition = MemoryPartition(self.loop)
        self.shards: list[Names] = []
        self.runtime: CoordinatorRuntime[Names, str] = CoordinatorRuntime(
            self._make_shard, clock=self.clock, loop=self.loop, commit_timeout_ms=COMMIT_TIMEOUT_MS
        )

    def _make_shard(self) -> Names:
        self.shards.append(Names())
        return self.shards[-1]

    def elect(self, epoch: int = 0) -> None:
        self.runtime.elect(self.partition, epoch)
        self.loop.settle()

    def ask(self, rule: Callable[[Names, Decision[str], Reply], None]) -> Asked:
        async def outcome() -> Any:
            try:
                return await self.runtime.ask(0, rule)
            except KafkaError as error:
                return error.code

        asked = Asked(self.loop.create_task(outcome()))
        self.loop.settle()
        return asked

    def add(self, *added: str) -> Asked:
        return self.ask(self.shards[-1].add(*added))

    @property
    def names(self) -> Any:
        return self.ask(names).response


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.elect()
    yield world
    world.runtime.close()
    world.loop.settle()
    world.loop.close()


def test_what_a_rule_wrote_the_next_rule_sees_at_once(world: World) -> None:
    world.partition.hold()
    first, second = world.add("a"), world.add("b")
    assert first.is_parked and second.is_parked
    world.partition.release()
    world.loop.settle()
    assert (first.response, second.response) == (["a"], ["a", "b"])


def test_answers_that_wrote_nothing_wait_for_what_they_saw(world: World) -> None:
    world.partition.hold()
    world.add("a")
    reading = world.ask(names)
    refused = world.add("taken")
    assert reading.is_parked and refused.is_parked
    world.partition.release()
    world.loop.settle()
    assert reading.response == ["a"]
    assert refused.response is ErrorCode.INVALID_REQUEST


def test_without_uncommitted_records_answers_are_immediate(world: World) -> None:
    world.add("a")
    world.partition.hold()
    assert world.names == ["a"]


def test_a_rule_that_refuses_changes_nothing(world: World) -> None:
    assert world.add("taken").response is ErrorCode.INVALID_REQUEST
    assert world.names == []
    assert world.partition.log.log_end_offset == 0


def test_a_refused_append_is_the_answer_and_changes_nothing(world: World) -> None:
    world.add("a")
    world.partition.refuse_with = ErrorCode.NOT_ENOUGH_REPLICAS
    assert world.add("b").response is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert world.names == ["a"]


def test_a_refused_append_lets_the_rule_decide_for_those_who_depend_on_it(world: World) -> None:
    def rule(shard: Names, decision: Decision[str], reply: Reply) -> None:
        decision.records.append("b")
        decision.then = lambda later: later.reply(reply, "written")
        decision.refused = lambda later, code: later.reply(reply, code)

    assert world.ask(rule).response == "written"
    world.partition.refuse_with = ErrorCode.MESSAGE_TOO_LARGE
    assert world.ask(rule).response is ErrorCode.UNKNOWN_SERVER_ERROR


def test_a_failed_commit_drops_the_state_and_reloads(world: World) -> None:
    world.add("a")
    world.partition.hold()
    lost = world.add("b")
    world.partition.fail_commits(ErrorCode.KAFKA_STORAGE_ERROR)
    world.loop.settle()
    assert lost.response is ErrorCode.NOT_COORDINATOR
    assert world.ask(names).response is ErrorCode.COORDINATOR_NOT_AVAILABLE
    world.loop.advance(500)
    assert world.names == ["a"]
    assert len(world.shards) == 2


def test_lost_leadership_answers_everyone_who_waits(world: World) -> None:
    parked = world.ask(lambda shard, decision, reply: None)
    world.partition.hold()
    uncommitted = world.add("a")
    world.runtime.resign(0)
    world.loop.settle()
    assert parked.response is uncommitted.response is ErrorCode.NOT_COORDINATOR
    assert world.ask(names).response is ErrorCode.NOT_COORDINATOR
    world.loop.advance(60_000)
    assert len(world.shards) == 1, "nothing reloads what this node does not lead"


def test_leadership_that_is_lost_by_the_partition_first_is_not_reloaded(world: World) -> None:
    world.partition.hold()
    lost = world.add("a")
    world.partition.fail_commits(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    world.runtime.resign(0)
    world.loop.settle()
    assert lost.response is ErrorCode.NOT_COORDINATOR
    world.loop.advance(60_000)
    assert len(world.shards) == 1


def test_electing_again_at_the_same_epoch_changes_nothing(world: World) -> None:
    world.elect(0)
    assert len(world.shards) == 1
    world.add("a")
    world.elect(1)
    assert len(world.shards) == 2
    assert world.names == ["a"]


def test_a_commit_that_takes_too_long_is_given_up_but_not_undone(world: World) -> None:
    world.partition.hold()
    slow = world.add("a")
    world.loop.advance(COMMIT_TIMEOUT_MS - 1000)
    later = world.add("b")
    world.loop.advance(1000)
    assert slow.response is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert later.is_parked
    world.partition.release()
    world.loop.settle()
    assert later.response == ["a", "b"]


def test_a_client_that_hangs_up_takes_nothing_with_it(world: World) -> None:
    world.partition.hold()
    gone, stays = world.add("a"), world.add("b")
    gone.hang_up()
    world.partition.release()
    world.loop.settle()
    assert stays.response == ["a", "b"]


def test_a_timer_may_write(world: World) -> None:
    world.add("a", "b")
    world.elect(1)
    world.loop.advance(100_000)
    assert world.names == []
    assert world.shards[-1].expired == ["a", "b"]
    assert world.shards[0].expired == [], "timers of a dropped state do not expire"


def test_records_that_may_be_split_go_into_several_batches(world: World) -> None:
    def rule(shard: Names, decision: Decision[str], reply: Reply) -> None:
        decision.records += [f"{number:05}" + "x" * 1000 for number in range(1000)]
        decision.may_be_split = True
        decision.reply(reply, "done")

    assert world.ask(rule).response == "done"
    assert 3 <= len(world.partition.log.batches) <= 5
    assert len(world.shards[-1].names) == 1000


def test_told_rules_reach_partitions_that_are_loading(world: World) -> None:
    world.add("a", "b")
    world.partition.high_watermark = 0
    world.elect(1)
    assert world.ask(names).response is ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    world.runtime.tell_all(lambda shard, decision: decision.records.append("A"))
    world.partition.release()
    world.loop.settle()
    assert world.names == ["b"]


def test_it_loads_only_what_is_committed(world: World) -> None:
    """An uncommitted tail may still be cut off; state that came from it would never have been."""
    world.add("a")
    world.partition.hold()
    world.add("b")
    world.elect(1)
    assert world.ask(names).response is ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    world.partition.release()
    world.loop.settle()
    assert world.names == ["a", "b"]


def test_a_large_partition_loads_without_stopping_the_loop(world: World) -> None:
    for number in range(40):
        world.add(*(f"{number}-{index}-" + "x" * 1000 for index in range(100)))
    assert sum(len(batch) for _, batch in world.partition.log.batches) > 3 * LOAD_BYTES_MAX
    turns = 0

    async def count() -> None:
        nonlocal turns
        while len(world.shards) < 2 or world.shards[1].replayed < 4000:
            turns += 1
            await asyncio.sleep(0)

    counting = world.loop.create_task(count())
    world.partition.log.reads = 0
    world.elect(1)
    assert counting.done() and turns >= 4
    assert world.partition.log.reads >= 4
    assert len(world.names) == 4000


def test_records_of_unknown_kinds_and_control_batches_are_passed_over(world: World) -> None:
    world.add("a", "?future")
    marker = end_transaction_marker(
        ControlType.COMMIT, producer_id=1, producer_epoch=0, coordinator_epoch=0, timestamp_ms=0
    )
    world.partition.log.put(marker)
    world.add("b")
    world.elect(1)
    assert world.names == ["a", "b"]


def test_a_record_without_a_key_is_passed_over(world: World) -> None:
    nameless = LogRecord(offset=0, timestamp=0, key=None, value=b"", headers=[])
    world.partition.log.put(build_batch([nameless]))
    world.partition.high_watermark = world.partition.log.log_end_offset
    world.add("a")
    world.elect(1)
    assert world.names == ["a"]


def test_a_partition_that_cannot_be_read_is_tried_less_and_less_often(world: World) -> None:
    world.add("a")
    world.partition.log.read_error = ErrorCode.KAFKA_STORAGE_ERROR
    world.elect(1)
    assert world.ask(names).response is ErrorCode.COORDINATOR_NOT_AVAILABLE
    world.loop.advance(600_000)
    tried = len(world.shards) - 1
    assert 10 < tried < 20
    world.partition.log.read_error = None
    world.loop.advance(60_000)
    assert world.names == ["a"]


def test_closing_answers_everyone(world: World) -> None:
    parked = world.ask(lambda shard, decision, reply: None)
    world.runtime.close()
    world.loop.settle()
    assert parked.response is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert world.ask(names).response is ErrorCode.NOT_COORDINATOR

"""Decisions are made on what was proposed; where a proposal fails, nothing is built on it.

A log of one node fails for good. One of several loses its leader and gets another, so a proposal can fail and a later
one succeed: `HandOverQuorum` is such a log, and the test says what becomes of each entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from broker.controller.proposals import Proposals
from broker.metadata import RESOURCE_GROUP, ConfigRecord, MetadataPublisher, MetadataRecord
from protocol.errors import ErrorCode, KafkaError


class HandOverQuorum:
    """Entries wait for `commit_next` or `lose_next`."""

    is_leader = True
    leader_id: int | None = 1

    def require_leader(self) -> None:
        """It always leads."""

    def __init__(self, publisher: MetadataPublisher) -> None:
        self._publisher = publisher
        self._waiting: list[tuple[Sequence[MetadataRecord], asyncio.Future[None]]] = []

    async def start(self, publisher: MetadataPublisher) -> None:
        self._publisher = publisher

    async def stop(self) -> None:
        self._waiting.clear()

    def propose(self, records: Sequence[MetadataRecord]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, future))
        return future

    def commit_next(self) -> None:
        records, future = self._waiting.pop(0)
        self._publisher.apply([records], self._publisher.image.metadata_offset + 1)
        future.set_result(None)

    def lose_next(self) -> None:
        _, future = self._waiting.pop(0)
        future.set_exception(KafkaError(ErrorCode.NOT_CONTROLLER, "another node leads"))


class World:
    def __init__(self) -> None:
        self.publisher = MetadataPublisher()
        self.quorum = HandOverQuorum(self.publisher)
        self.proposals = Proposals(self.quorum, self.publisher)

    def set_config(self, key: str) -> asyncio.Future[None]:
        return self.proposals.submit([ConfigRecord(RESOURCE_GROUP, "g", key, "v")])

    def drafted(self) -> set[str]:
        return set(self.proposals.image.resource_configs(RESOURCE_GROUP, "g"))

    def published(self) -> set[str]:
        return set(self.publisher.image.resource_configs(RESOURCE_GROUP, "g"))


def run(story: Callable[[World], Awaitable[None]]) -> None:
    async def tell() -> None:
        await story(World())

    asyncio.run(tell())


def test_a_decision_sees_what_is_proposed_and_not_applied_yet() -> None:
    async def story(world: World) -> None:
        world.set_config("a")
        world.set_config("b")
        assert (world.drafted(), world.published()) == ({"a", "b"}, set())
        world.quorum.commit_next()
        await asyncio.sleep(0)
        assert (world.drafted(), world.published()) == ({"a", "b"}, {"a"})
        world.quorum.commit_next()
        await asyncio.sleep(0)
        assert world.proposals.image is world.publisher.image

    run(story)


def test_an_answer_without_records_waits_for_what_it_saw() -> None:
    async def story(world: World) -> None:
        world.set_config("a")
        answer = world.proposals.submit([])
        await asyncio.sleep(0)
        assert not answer.done()
        world.quorum.commit_next()
        await answer

    run(story)


def test_after_a_failure_nothing_is_decided_until_all_have_settled() -> None:
    async def story(world: World) -> None:
        lost, kept = world.set_config("a"), world.set_config("b")
        world.quorum.lose_next()
        await asyncio.sleep(0)
        with pytest.raises(KafkaError) as refused:
            world.set_config("c")
        assert refused.value.code is ErrorCode.NOT_CONTROLLER
        world.quorum.commit_next()
        await asyncio.sleep(0)
        assert isinstance(lost.exception(), KafkaError)
        assert kept.done()
        assert world.drafted() == world.published() == {"b"}
        again = world.set_config("c")
        world.quorum.commit_next()
        await again
        assert world.published() == {"b", "c"}

    run(story)


def test_a_failure_of_everything_in_flight_brings_back_the_published_image() -> None:
    async def story(world: World) -> None:
        world.set_config("a")
        world.quorum.lose_next()
        await asyncio.sleep(0)
        assert world.drafted() == set()
        assert world.proposals.image is world.publisher.image

    run(story)

"""What a leader answers to the fetches of followers, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from harness.partition_host import NODE_ID, PartitionHostOfOne
from log_harness.batches import NOW_MS, batch
from simulation import SimulatedFilesystem

from broker.durability import PageCache
from broker.fetching import Follower, ReplicaSessions
from broker.fetching.replica_sessions import GATHERED_TURNS_MAX
from broker.log import LogManager
from broker.metadata import PartitionImage
from broker.partition import Partition
from broker.request import Deferred
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from protocol.records import iterate_batches

TOPIC_ID = bytes(range(16))
FOLLOWER = 2


class Leader:
    """One partition, written at the end of each turn of the loop in which something was appended."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        logs = LogManager(SimulatedFilesystem(seed=1), "data")
        logs.load_all()
        host = PartitionHostOfOne(PageCache(loop=self._loop), self._write_at_the_end_of_this_turn)
        self.partition = Partition(logs.get_or_create("orders", TOPIC_ID, 0), host)
        self.partition.lead(PartitionImage(0, (NODE_ID, FOLLOWER), (NODE_ID, FOLLOWER), leader=NODE_ID, leader_epoch=1))
        self._sessions = ReplicaSessions(choose_id=lambda: 7, loop=self._loop)
        self._epoch = 0
        self.fetch(0, max_wait_ms=0)

    def _write_at_the_end_of_this_turn(self, partition: Partition) -> None:
        self._loop.call_soon(partition.write_out)

    def append(self) -> None:
        self.partition.append(batch(b"v"), now_ms=NOW_MS)

    def fetch(self, offset: int, *, max_wait_ms: int = 60_000) -> asyncio.Future[FetchResponse]:
        asked = FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)
        request = FetchRequest(
            max_wait_ms=max_wait_ms,
            session_id=7,
            session_epoch=self._epoch,
            topics=[FetchTopic(topic_id=TOPIC_ID, partitions=[asked])],
        )
        self._epoch += 1
        session = self._sessions.open(request, Follower(FOLLOWER, 1), "fetcher")
        answer = session.fetch(request, lambda topic_id, index: self.partition)
        future: asyncio.Future[FetchResponse] = self._loop.create_future()
        if isinstance(answer, Deferred):
            answer.deliver_to(future.set_result)  # type: ignore[arg-type]
        else:
            future.set_result(answer)
        return future


def offsets(response: FetchResponse) -> list[int]:
    (topic,) = response.responses
    records = topic.partitions[0].records
    return [header.base_offset for _, header in iterate_batches(records or b"")]


def with_a_leader(story: Callable[[Leader], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(30):
            await story(Leader())

    asyncio.run(run())


def test_records_that_are_there_are_answered_at_once() -> None:
    async def story(leader: Leader) -> None:
        leader.append()
        leader.partition.write_out()
        answer = leader.fetch(0)
        assert answer.done() and offsets(answer.result()) == [0]

    with_a_leader(story)


def test_records_that_are_being_appended_go_with_those_that_are_there() -> None:
    """A fetch for each turn of the loop costs more than the records it brings."""

    async def story(leader: Leader) -> None:
        leader.append()
        leader.partition.write_out()
        leader.append()
        answer = leader.fetch(0)
        assert not answer.done()
        assert offsets(await answer) == [0, 1]

    with_a_leader(story)


def test_a_follower_does_not_wait_for_the_end_of_a_stream() -> None:
    """However long clients go on to write in every turn, its own next step is an acknowledgement they wait for."""

    async def story(leader: Leader) -> None:
        answer = leader.fetch(0)
        while not answer.done():
            leader.append()
            await asyncio.sleep(0)  # a turn of the loop
        assert 1 <= len(offsets(answer.result())) <= GATHERED_TURNS_MAX + 2

    with_a_leader(story)


def test_a_single_record_waits_for_no_other() -> None:
    async def story(leader: Leader) -> None:
        answer = leader.fetch(0)
        leader.append()
        for _ in range(2):  # one turn writes it, in the next the answer goes out
            await asyncio.sleep(0)
        assert answer.done() and offsets(answer.result()) == [0]

    with_a_leader(story)

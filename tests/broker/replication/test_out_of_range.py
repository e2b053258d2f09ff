"""Where a follower goes on whose log is no part of its leader's: Kafka's rules (AbstractFetcherThread), case by case.

| the follower's log | what it does |
|---|---|
| ends below the leader's start | begins anew there |
| goes on behind the leader's end | is cut to that end |
| parts from the leader's by epochs | is cut where they part |
| ends within the leader's | goes on |
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from harness.partition_host import NODE_ID, PartitionHostOfOne
from log_harness.batches import NOW_MS, batch, records_of
from simulation import SimulatedFilesystem

from broker.durability import PageCache
from broker.fetching import Follower, ReplicaSessions
from broker.log import LogManager
from broker.metadata import PartitionImage
from broker.partition import Partition
from broker.replication import FetchBounds, Fetcher, FetcherLimits, FetchSession
from broker.request import Deferred
from protocol.messages.fetch import FetchRequest, FetchResponse

TOPIC_ID = bytes(range(16))
FOLLOWER = 2
LEADER_EPOCH = 9
LIMITS = FetcherLimits(FetchBounds(100, 1 << 20, 1 << 20), timeout_ms=10_000, backoff_s_max=0.05)

# How many records of each leader epoch a log holds, one a batch.
History = Mapping[int, int]


class Host(PartitionHostOfOne):
    """Remembers how short the log ever was cut."""

    least_end_offset: int

    def was_cut(self, partition: Partition) -> None:
        self.least_end_offset = min(self.least_end_offset, partition.log.log_end_offset)


class Node:
    """One replica on a disk of its own."""

    def __init__(self, history: History, loop: asyncio.AbstractEventLoop, *, start_offset: int = 0) -> None:
        manager = LogManager(SimulatedFilesystem(seed=1), "data")
        manager.load_all()
        self.log = manager.get_or_create("orders", TOPIC_ID, 0)
        for epoch, count in history.items():
            for _ in range(count):
                value = b"%d of epoch %d" % (self.log.log_end_offset, epoch)
                self.log.append_as_leader(batch(value), leader_epoch=epoch, now_ms=NOW_MS)
        self.log.write_out()
        self.log.advance_log_start(start_offset)
        self.durability = PageCache(loop=loop)
        self._loop = loop
        self.host = Host(self.durability, self._schedule_write)
        self.host.least_end_offset = self.log.log_end_offset
        self.partition = Partition(self.log, self.host)

    def _schedule_write(self, partition: Partition) -> None:
        self._loop.call_soon(self.write_out)

    def write_out(self) -> None:
        self.partition.write_out()
        self.durability.wake()

    @property
    def values(self) -> list[bytes | None]:
        log = self.log
        if log.log_start_offset == log.log_end_offset:
            return []
        read = log.read(log.log_start_offset, max_bytes=1 << 20, max_offset=log.log_end_offset)
        return [record.value for record in records_of(read.records)]


class DirectPeer:
    """The leader's sessions, without a network between."""

    def __init__(self, leader: Node, loop: asyncio.AbstractEventLoop) -> None:
        self._leader = leader
        self._loop = loop
        self._sessions = ReplicaSessions(choose_id=lambda: 7, loop=loop)
        self.asked = asyncio.Event()

    async def send(
        self, request: FetchRequest, response_type: type[FetchResponse], *, version: int, timeout_ms: float
    ) -> FetchResponse:
        session = self._sessions.open(request, Follower(FOLLOWER, 1), "fetcher")
        answer = session.fetch(request, lambda topic_id, index: self._leader.partition)
        self.asked.set()
        if not isinstance(answer, Deferred):
            return answer
        future: asyncio.Future[FetchResponse] = self._loop.create_future()
        answer.deliver_to(lambda response: future.set_result(response))  # type: ignore[arg-type]
        return await future

    def close(self) -> None:
        """There is nothing to close."""


async def follow(leader: Node, follower: Node) -> None:
    """Until the follower has what the leader has."""
    loop = asyncio.get_running_loop()
    assigned = PartitionImage(0, (NODE_ID, FOLLOWER), (NODE_ID,), leader=NODE_ID, leader_epoch=LEADER_EPOCH)
    leader.partition.lead(assigned)
    follower.partition.follow(NODE_ID, LEADER_EPOCH)
    role, at_leader = follower.partition.following, leader.partition.leading
    assert role is not None and at_leader is not None
    peer = DirectPeer(leader, loop)
    fetcher = Fetcher(
        NODE_ID,
        peer,
        new_session=lambda: FetchSession(FOLLOWER, 1),
        limits=lambda: LIMITS,
        write_out=follower.write_out,
        loop=loop,
    )
    fetcher.add(role)
    async with asyncio.timeout(30):
        while at_leader.followers[FOLLOWER].end_offset != leader.log.log_end_offset:
            await peer.asked.wait()
            peer.asked.clear()
    await fetcher.stop()


@pytest.mark.parametrize(
    ("leader", "leader_start", "follower", "kept"),
    [
        pytest.param({1: 8}, 5, {1: 3}, 0, id="it ends below the leader's start"),
        pytest.param({1: 8}, 8, {1: 3}, 0, id="the leader has deleted everything"),
        pytest.param({1: 3}, 0, {1: 8}, 3, id="the leader lost its end, in the same epoch"),
        pytest.param({1: 3, 4: 1}, 0, {1: 8}, 3, id="the leader wrote on where it had lost its end"),
        pytest.param({}, 0, {1: 8}, 0, id="the leader has nothing at all"),
        pytest.param({1: 2, 3: 2}, 0, {1: 2, 2: 2}, 2, id="both end at the same offset, in different epochs"),
        pytest.param({1: 5, 4: 3}, 0, {1: 3, 2: 1, 3: 4}, 3, id="their histories parted twice"),
        pytest.param({1: 8}, 0, {1: 3}, 3, id="it is behind"),
        pytest.param({1: 8}, 2, {1: 3}, 3, id="it is behind, and the leader deleted what it has"),
        pytest.param({1: 4}, 0, {}, 0, id="it is new"),
        pytest.param({1: 8}, 5, {}, 0, id="it is new, and the leader deleted the beginning"),
    ],
)
def test_a_follower_comes_to_hold_what_its_leader_does(
    leader: History, leader_start: int, follower: History, kept: int
) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        leads, follows = Node(leader, loop, start_offset=leader_start), Node(follower, loop)
        await follow(leads, follows)
        assert (follows.log.log_start_offset, follows.log.log_end_offset) == (leader_start, leads.log.log_end_offset)
        assert follows.values == leads.values
        assert follows.host.least_end_offset >= kept

    asyncio.run(story())


def test_a_follower_that_forgot_its_epochs_is_cut_to_the_leader_s_end_and_no_further() -> None:
    """Without an epoch there is nothing to compare; Kafka's follower asks for the leader's end and cuts to it."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        leads, follows = Node({1: 3}, loop), Node({1: 8}, loop)
        follows.log.leader_epochs.truncate_from_end(0)
        await follow(leads, follows)
        assert follows.values == leads.values
        assert follows.host.least_end_offset == 3

    asyncio.run(story())

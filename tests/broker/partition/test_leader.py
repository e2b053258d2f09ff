"""What a leader asks the controller for: in-sync sets of the very incarnations that it saw in sync."""

from __future__ import annotations

import asyncio

from harness.partition_host import NODE_ID, PartitionHostOfOne
from simulation import SimulatedFilesystem

from broker.durability import PageCache
from broker.log import LogManager
from broker.metadata import PartitionImage
from broker.partition import LeaderRole, Partition

FOLLOWER, ABSENT = 2, 3


def leader(isr: tuple[int, ...], loop: asyncio.AbstractEventLoop) -> LeaderRole:
    manager = LogManager(SimulatedFilesystem(seed=1), "data")
    manager.load_all()
    log = manager.get_or_create("orders", bytes(range(16)), 0)
    partition = Partition(log, PartitionHostOfOne(PageCache(loop=loop), lambda partition: None))
    partition.lead(PartitionImage(0, (NODE_ID, FOLLOWER, ABSENT), isr, leader=NODE_ID, leader_epoch=1))
    role = partition.leading
    assert role is not None
    return role


def test_a_replica_joins_as_the_incarnation_that_fetched() -> None:
    """KIP-903: the one that the metadata knows by the time of the request may have come with an empty disk."""
    with asyncio.Runner() as runner:
        role = leader((NODE_ID,), runner.get_loop())
        role.fetched(FOLLOWER, 0, 0, broker_epoch=77, now_ms=0)
        proposal = role.propose(0)
    assert proposal is not None
    assert dict(zip(proposal.isr, proposal.broker_epochs, strict=True)) == {NODE_ID: -1, FOLLOWER: 77}

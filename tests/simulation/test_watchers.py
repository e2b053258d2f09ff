"""What watches the brokers from inside accepts what may happen, and nothing else."""

from __future__ import annotations

import pytest

from simulation.watchers import InvariantBroken, NeverBack, OneLeaderPerEpoch, look_at_ends, look_at_in_sync

PLACE = ("orders", 0)


class TestNeverBack:
    def test_it_may_grow_and_stay(self) -> None:
        watcher = NeverBack("the high watermark")
        for value in (3, 3, 5):
            watcher.see("orders-0", "a life", value)

    def test_it_may_not_go_back(self) -> None:
        watcher = NeverBack("the high watermark")
        watcher.see("orders-0", "a life", 3)
        with pytest.raises(InvariantBroken, match="the high watermark never goes back: 3 to 2 of orders-0"):
            watcher.see("orders-0", "a life", 2)

    def test_another_life_and_another_partition_begin_anew(self) -> None:
        watcher = NeverBack("the high watermark")
        watcher.see("orders-0", "a life", 3)
        watcher.see("orders-0", "the next life", 0)
        watcher.see("orders-1", "a life", 0)


class TestOneLeaderPerEpoch:
    def test_the_same_leader_may_be_seen_again_and_another_in_another_epoch_or_topic(self) -> None:
        watcher = OneLeaderPerEpoch()
        for topic_id, epoch, node_id in ((b"t", 1, 1), (b"t", 1, 1), (b"t", 2, 2), (b"u", 1, 3)):
            watcher.see(topic_id, PLACE, epoch, node_id)

    def test_two_leaders_of_an_epoch_are_refused(self) -> None:
        watcher = OneLeaderPerEpoch()
        watcher.see(b"t", PLACE, 1, 1)
        with pytest.raises(InvariantBroken, match="one leader per epoch: nodes 1 and 2 both lead orders-0 in epoch 1"):
            watcher.see(b"t", PLACE, 1, 2)


def test_a_high_watermark_ends_with_the_log() -> None:
    look_at_ends(PLACE, 1, high_watermark=5, log_end_offset=5)
    with pytest.raises(InvariantBroken, match="the high watermark is within the log: it is 6 of orders-0 on node 1"):
        look_at_ends(PLACE, 1, high_watermark=6, log_end_offset=5)


def test_in_sync_replicas_have_what_is_committed() -> None:
    look_at_in_sync(PLACE, 1, 5, {1: 5, 2: 7})
    with pytest.raises(InvariantBroken, match="node 2 is in sync with records up to 4"):
        look_at_in_sync(PLACE, 1, 5, {1: 5, 2: 4})

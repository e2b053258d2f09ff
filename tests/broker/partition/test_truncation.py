"""Where a follower cuts its log after its leader told where their histories part (KIP-101, KIP-279)."""

from __future__ import annotations

import pytest
from log_harness.batches import NOW_MS, batch
from simulation import SimulatedFilesystem

from broker.log import LogConfig, LogManager, PartitionLog
from broker.partition.follower import truncation_offset

TOPIC_ID = bytes(range(16))


def log_with(epochs: dict[int, int]) -> PartitionLog:
    """A log with so many records of each epoch, one a batch."""
    logs = LogManager(SimulatedFilesystem(), "data")
    log = logs.get_or_create("t", TOPIC_ID, 0, config=LogConfig())
    for epoch, count in epochs.items():
        for _ in range(count):
            log.append_as_leader(batch(b"%d" % epoch), leader_epoch=epoch, now_ms=NOW_MS)
    log.write_out()
    return log


@pytest.mark.parametrize(
    ("own", "leader_epoch", "leader_end_offset", "expected"),
    [
        # The old leader wrote records that nobody else has: cut at the end of its epoch as the new leader knows it.
        ({1: 10}, 1, 6, 6),
        # The leader has more of that epoch: nothing to cut.
        ({1: 10}, 1, 14, 10),
        # The leader never saw epoch 3: cut where the follower's epoch before it ended.
        ({1: 5, 3: 5}, 1, 8, 5),
        # The leader's epoch 2 is unknown here: step back to where the own next lower epoch ended, and ask again.
        ({1: 5, 3: 5}, 2, 9, 5),
        # The leader knows nothing as old as this: what it has begins where it says.
        ({3: 5}, 1, 2, 0),
        ({1: 5}, -1, 3, 3),
        # The leader knows an older end of an epoch in the middle.
        ({1: 4, 2: 4, 5: 4}, 2, 6, 6),
    ],
)
def test_the_log_is_cut_where_both_histories_end_to_agree(
    own: dict[int, int], leader_epoch: int, leader_end_offset: int, expected: int
) -> None:
    assert truncation_offset(log_with(own), leader_epoch, leader_end_offset) == expected


def test_a_log_without_records_has_nothing_to_cut() -> None:
    assert truncation_offset(log_with({}), 3, 20) == 0

"""A node's storage as it is opened: how it may acknowledge, and what becomes of the journal of the run before."""

from __future__ import annotations

import logging

import pytest
from log_harness import batch
from log_harness.batches import NOW_MS, records_of
from simulation import SimulatedFilesystem

from broker.config import BrokerConfig
from broker.log import journal_entries
from broker.storage import Storage, open_storage

TOPIC_ID = bytes(range(16))


def opened(disk: SimulatedFilesystem, flush: str) -> Storage:
    config = BrokerConfig.from_properties({"log.dirs": "data", "flush": flush, "log.flush.interval.ms": "100"})
    return open_storage(config, disk, files_max=8, now_ms=NOW_MS)


def killed_after_appends(partitions: int) -> SimulatedFilesystem:
    """A run with flush=commit that journalled a record of each partition, and was killed."""
    disk = SimulatedFilesystem(seed=1)
    disk.make_directory("data")
    storage = opened(disk, "commit")
    for partition in range(partitions):
        log = storage.logs.get_or_create("orders", TOPIC_ID, partition)
        log.append_as_leader(batch(b"kept"), leader_epoch=1, now_ms=NOW_MS)
        storage.journal.enqueue(journal_entries.APPEND, log.write_out_entry())
    storage.journal.commit()
    return disk.kill()


def test_a_run_that_journals_nothing_begins_with_an_empty_journal() -> None:
    disk = killed_after_appends(1)

    storage = opened(disk, "os")

    assert storage.flush == "os"
    assert not list(storage.journal.replay())
    log = storage.logs.logs[TOPIC_ID, 0]
    assert [record.value for record in records_of(bytes(log.read(0, max_bytes=999, max_offset=1).records))] == [b"kept"]


def test_while_a_partition_that_is_offline_needs_the_journal_it_gets_everything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = killed_after_appends(2)
    disk.content("data/orders-1/partition.metadata")[:] = b"damaged"

    with caplog.at_level(logging.WARNING):
        storage = opened(disk, "os")

    assert list(storage.logs.offline) == [("orders", 1)]
    assert storage.flush == "commit"
    assert len(list(storage.journal.replay())) == 2
    assert "flush=os waits for the next start: 1 offline partitions need the journal" in caplog.text


@pytest.mark.parametrize("flush", ["commit", "interval"])
def test_who_journals_goes_on_in_the_journal_of_the_run_before(flush: str) -> None:
    disk = killed_after_appends(1)

    storage = opened(disk, flush)

    assert storage.flush == flush
    assert len(list(storage.journal.replay())) == 1

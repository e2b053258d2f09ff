"""kill -9 at any moment: what was acknowledged is there, once if it was numbered, in order, under its offset."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from faults_harness.kill_scenario import BUSY_DISK, kill_in_a_loop
from harness.broker_process import BrokerProcess

StartBroker = Callable[..., BrokerProcess]


def test_nothing_acknowledged_is_lost_by_kill_9(start_broker: StartBroker) -> None:
    broker = start_broker({"flush": "commit"})

    outcome = kill_in_a_loop(broker, kills=5, chance=random.Random(1))

    assert outcome.acknowledged > 5 * 6


def test_nothing_acknowledged_is_lost_while_segments_roll_and_the_journal_is_trimmed(
    start_broker: StartBroker,
) -> None:
    broker = start_broker({"flush": "commit", **BUSY_DISK})

    kill_in_a_loop(broker, kills=4, chance=random.Random(2), padding_bytes=20_000)

    assert len(list(broker.data_directory.glob("killed.*/*.log"))) > 8, "no segment rolled"
    # A file that was trimmed may still be there under its name, as a spare for the next one.
    journal = sorted(path.name for path in (broker.data_directory / "journal").glob("*.wal"))
    assert journal
    assert "00000000000000000001.wal" not in journal, f"the journal was never trimmed: {journal}"


@pytest.mark.parametrize("flush", ["os", "interval"])
def test_kill_9_loses_nothing_that_is_in_the_page_cache(start_broker: StartBroker, flush: str) -> None:
    """These promise less for a power cut, and the same for the end of the process."""
    broker = start_broker({"flush": flush, "log.flush.interval.ms": "50"})

    kill_in_a_loop(broker, kills=2, chance=random.Random(3))


def test_sigterm_under_load_drains_and_stops_cleanly(start_broker: StartBroker) -> None:
    """Exit status 0, and a mark that saves the next start from looking into the segments."""
    broker = start_broker()

    def stop(running: BrokerProcess) -> None:
        assert running.stop() == 0
        assert (running.data_directory / ".kafka_cleanshutdown").exists()

    kill_in_a_loop(broker, kills=2, chance=random.Random(4), end=stop)

    assert " cut " not in broker.log_text()
    assert "Traceback" not in broker.log_text()

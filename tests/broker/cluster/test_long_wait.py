"""A node that waits for its controllers says so, and does not fill its log with it."""

from __future__ import annotations

import asyncio
import logging

import pytest
from harness.ports import free_ports

from broker.cluster import QuorumJoiner
from broker.cluster.long_wait import LONGEST_PAUSE_S, LongWait
from raft import Configuration

LOGGER = logging.getLogger(__name__)
HOUR_S = 3600
DIRECTORY_ID = bytes(range(16))
ROUNDS = 5


@pytest.fixture(autouse=True)
def _lines_of_every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_wait_is_told_when_it_begins_and_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    wait = LongWait(LOGGER, "a controller")

    told_at_s = []
    for half_second in range(2 * 200):
        before = len(caplog.messages)
        wait.goes_on(half_second / 2, "nobody answers")
        if len(caplog.messages) > before:
            told_at_s.append(half_second / 2)

    assert told_at_s == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert caplog.messages[:2] == [
        "waiting for a controller: nobody answers",
        "waiting for a controller, for 1 s now: nobody answers",
    ]


def test_a_wait_of_hours_is_still_told(caplog: pytest.LogCaptureFixture) -> None:
    wait = LongWait(LOGGER, "a controller")
    for second in range(HOUR_S):
        wait.goes_on(second, "nobody answers")
    assert len(caplog.messages) >= HOUR_S / LONGEST_PAUSE_S


def test_the_end_of_a_wait_is_told_once_and_the_next_wait_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    wait = LongWait(LOGGER, "a controller")
    wait.is_over(0)
    assert not caplog.messages

    wait.goes_on(10, "nobody answers")
    wait.is_over(17)
    wait.is_over(18)
    wait.goes_on(19, "it is gone")

    assert caplog.messages[1:] == ["a controller is there, after 7.0 s", "waiting for a controller: it is gone"]


class NoLeaderYet:
    """What a node that is no voter knows of the quorum: nothing, until it has asked everybody some times."""

    leader_id: int | None = None
    configuration = Configuration({}, {})
    began_empty = True

    def __init__(self) -> None:
        self.rounds = 0
        self.has_settled = asyncio.Event()

    async def leader_changed(self) -> None:
        if self.leader_id is not None:
            self.has_settled.set()
            await asyncio.Event().wait()
        self.rounds += 1
        if self.rounds == ROUNDS:
            self.leader_id = 1


def test_who_looks_for_a_controller_names_everybody_asked_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """It told of each that did not answer twice a second: 170,000 lines a night beside two that are off."""
    nobody = [("127.0.0.1", port) for port in free_ports(2)]

    async def look_for_one() -> None:
        following = NoLeaderYet()
        joiner = QuorumJoiner(
            node_id=5,
            directory_id=DIRECTORY_ID,
            cluster_id=lambda: "",
            own_address=lambda: ("127.0.0.1", 9093),
            addresses=lambda: nobody,
            address_of=lambda node_id: None,
            is_configured_voter=False,
            following=following,
            loop=asyncio.get_running_loop(),
        )
        joiner.start()
        await following.has_settled.wait()
        await joiner.stop()

    asyncio.run(look_for_one())

    first, *others = caplog.messages
    assert first.startswith("waiting for a controller: ")
    assert all(f"{host}:{port}: " in first for host, port in nobody)
    assert len(others) <= ROUNDS, "more than a line for each time that both were asked"
    assert others[-1].startswith("a controller is there, after ")

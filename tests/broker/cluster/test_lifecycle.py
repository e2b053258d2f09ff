"""A broker's life as its controller sees it: what it believes while the answers are still on their way."""

from __future__ import annotations

import asyncio

from broker.cluster import BrokerLifecycle, ControllerChannel
from broker.config import BrokerConfig
from broker.metadata import BrokerChangeRecord, BrokerEndpoint, BrokerRegistrationRecord, MetadataPublisher
from protocol import Request, Response
from protocol.messages.controller import (
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
    BrokerRegistrationRequest,
    BrokerRegistrationResponse,
)

NODE_ID = 1
INCARNATION = bytes(range(16))
OTHER = BrokerRegistrationRecord(2, 1, bytes(16), [BrokerEndpoint("PLAINTEXT", "h", 9092)])


class LedHere:
    """`Leadership` of a node that is the controller, for good."""

    leader_id = NODE_ID

    async def leader_changed(self) -> None:
        await asyncio.Event().wait()


class ControllerHere:
    """Registers the broker and unfences it at its first heartbeat; holds the answer back until it is let go."""

    def __init__(self, publisher: MetadataPublisher) -> None:
        self._publisher = publisher
        self.may_answer = asyncio.Event()

    async def serve(self, request: Request, version: int) -> Response:
        if isinstance(request, BrokerRegistrationRequest):
            broker = BrokerRegistrationRecord(NODE_ID, 2, INCARNATION, [], fenced=True)
            self._publisher.apply([[OTHER, broker]], 2)
            return BrokerRegistrationResponse(broker_epoch=2)
        assert isinstance(request, BrokerHeartbeatRequest)
        if self._publisher.image.brokers[NODE_ID].fenced:
            self._publisher.apply([[BrokerChangeRecord(NODE_ID, 2, fenced=False)]], 3)
        await self.may_answer.wait()
        return BrokerHeartbeatResponse(is_caught_up=True, is_fenced=False)


def lifecycle_of(controller: ControllerHere, publisher: MetadataPublisher, cut_off: list[bool]) -> BrokerLifecycle:
    channel = ControllerChannel(
        node_id=NODE_ID,
        leadership=LedHere(),
        address_of=lambda node_id: None,
        publisher=publisher,
        serve_here=controller.serve,
        loop=asyncio.get_running_loop(),
    )
    config = BrokerConfig.from_properties({"node.id": str(NODE_ID)})

    async def never() -> None:
        await asyncio.Event().wait()

    return BrokerLifecycle(
        node_id=NODE_ID,
        channel=channel,
        publisher=publisher,
        config=lambda: config,
        incarnation_id=INCARNATION,
        directory_id=bytes(16),
        on_joined=lambda image: None,
        on_cut_off=cut_off.append,
        barrier=never,
    )


def test_a_broker_that_has_just_joined_does_not_take_itself_for_cut_off() -> None:
    """Its image may show it unfenced before the answer to its heartbeat is here. It stood down for that moment, with a
    thousand partitions, and told its clients to look elsewhere."""

    async def life() -> list[bool]:
        publisher = MetadataPublisher()
        controller = ControllerHere(publisher)
        cut_off: list[bool] = []
        lifecycle = lifecycle_of(controller, publisher, cut_off)
        await lifecycle.start({})
        controller.may_answer.set()
        await lifecycle.stop()
        return cut_off

    assert asyncio.run(life()) == []


def test_a_broker_stops_also_in_the_moment_in_which_another_controller_is_elected() -> None:
    """The news that wakes it was taken for the whole of it: the stop was forgotten, and the process never ended."""

    async def life() -> None:
        publisher = MetadataPublisher()
        controller = ControllerHere(publisher)
        controller.may_answer.set()
        lifecycle = lifecycle_of(controller, publisher, [])
        await lifecycle.start({})
        for _ in range(20):
            await asyncio.sleep(0)  # the answer to its heartbeat is here, and it pauses
        lifecycle.controller_changed()
        async with asyncio.timeout(10):
            await lifecycle.stop()

    asyncio.run(life())

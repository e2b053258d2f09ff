"""The network between simulated machines: who listens where, how long bytes travel, which links are cut.

A link has a direction. What is sent over a cut one waits at the sender, as TCP's retransmissions do, and travels on
when it is whole again; so does what is sent to a machine that is off, until that machine is up and knows nothing of the
connection. Within one direction of one connection nothing overtakes anything; between connections everything may.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulation.endpoint import Endpoint

if TYPE_CHECKING:
    from simulation.process import Process, SimulatedMachine
    from simulation.world import World

# How long a segment travels, in a network that is well.
TRAVEL_S_MIN = 0.0001
TRAVEL_S_MAX = 0.001
LOOPBACK_S = 0.00003
# When a connection's first segment is sent again, if nothing came back.
CONNECT_AGAIN_S = (1.0, 2.0, 4.0, 8.0)
# What waited at a cut link is sent again within this time after the cut.
SENT_AGAIN_WITHIN_S = 0.5
FIRST_EPHEMERAL_PORT = 40_000


class SimulatedServer:
    """As much of `asyncio.Server` as a listener uses."""

    def __init__(self, network: Network, process: Process, factory: Callable[[], asyncio.BaseProtocol], port: int):
        self.process = process
        self.factory = factory
        self.port = port
        self.sockets = [self]
        self.is_serving = False
        self._network = network

    def getsockname(self) -> tuple[str, int]:
        return self.process.machine.name, self.port

    async def start_serving(self) -> None:
        self.is_serving = True

    def close(self) -> None:
        self._network.forget(self)


class Network:
    """`world.network`, once made. `slowness` multiplies travel times; `split_chance` is how often a write is torn."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = world.rng
        self.machines: dict[str, SimulatedMachine] = {}
        self.slowness = 1.0
        self.split_chance = 0.02
        self._cut: dict[tuple[str, str], None] = {}
        self._held: dict[Endpoint, None] = {}
        self._servers: dict[tuple[str, int], SimulatedServer] = {}
        self._last_port = FIRST_EPHEMERAL_PORT

    # --- links ---------------------------------------------------------------------------------------------------

    def cut(self, source: str, target: str, *, one_way: bool = False) -> None:
        self._cut[source, target] = None
        if not one_way:
            self._cut[target, source] = None

    def mend(self, source: str, target: str) -> None:
        self._cut.pop((source, target), None)
        self._cut.pop((target, source), None)
        self.send_again()

    def mend_all(self) -> None:
        self._cut.clear()
        self.send_again()

    def is_cut(self, source: str, target: str) -> bool:
        return (source, target) in self._cut

    def send_again(self) -> None:
        """Some link or machine is there again: what waited for it is sent within a while."""
        held, self._held = self._held, {}
        for endpoint in held:
            self.world.after(self.rng.uniform(0, SENT_AGAIN_WITHIN_S), endpoint.send_held)

    def hold(self, endpoint: Endpoint) -> None:
        self._held[endpoint] = None

    def travel_s(self, source: SimulatedMachine, target: SimulatedMachine) -> float:
        if source is target:
            return LOOPBACK_S
        return self.rng.uniform(TRAVEL_S_MIN, TRAVEL_S_MAX) * self.slowness

    def reaches(self, source: SimulatedMachine, target: SimulatedMachine) -> bool:
        return target.is_on and (source.name, target.name) not in self._cut

    def break_connections(self, source: str, target: str) -> None:
        """Something in between forgets the connections of these two: both ends are told so."""
        for machine, other in ((source, target), (target, source)):
            process = self.machines[machine].process
            if process is None or process.is_dead:
                continue
            for endpoint in list(process.endpoints):
                if endpoint.peer is not None and endpoint.peer.machine.name == other:
                    endpoint.reset()

    # --- listening -----------------------------------------------------------------------------------------------

    def listen(
        self, process: Process, factory: Callable[[], asyncio.BaseProtocol], port: int, *, is_serving: bool
    ) -> SimulatedServer:
        if not port:
            port = self.next_port()
        address = (process.machine.name, port)
        if address in self._servers:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        server = self._servers[address] = SimulatedServer(self, process, factory, port)
        server.is_serving = is_serving
        return server

    def forget(self, server: SimulatedServer) -> None:
        self._servers.pop((server.process.machine.name, server.port), None)

    def close_listeners(self, process: Process) -> None:
        for server in [server for server in self._servers.values() if server.process is process]:
            self.forget(server)

    def next_port(self) -> int:
        self._last_port += 1
        return self._last_port

    # --- connecting ----------------------------------------------------------------------------------------------

    async def connect(
        self, process: Process, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """As `loop.create_connection`: raises ConnectionRefusedError where nobody listens, and does not return
        while nothing comes back."""
        attempt = _Attempt(self, process, factory, host, port)
        attempt.send()
        return await attempt.connected

    def server_at(self, host: str, port: int) -> SimulatedServer | None:
        server = self._servers.get((host, port))
        return server if server is not None and server.is_serving else None


class _Attempt:
    """One connection being made: the request for it, its repetitions, and what came back."""

    def __init__(
        self, network: Network, process: Process, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> None:
        self._network = network
        self._world = network.world
        self._process = process
        self._factory = factory
        self._target = network.machines[host]
        self._port = port
        self._sent = 0
        self._is_answered = False
        self.connected: asyncio.Future[tuple[asyncio.Transport, asyncio.BaseProtocol]] = process.loop.create_future()

    @property
    def _is_over(self) -> bool:
        return self._is_answered or self._process.is_dead or self.connected.done()

    def send(self) -> None:
        if self._is_over:
            return
        if self._sent < len(CONNECT_AGAIN_S):
            self._world.after(CONNECT_AGAIN_S[self._sent], self.send)
        self._sent += 1
        self._world.after(self._network.travel_s(self._process.machine, self._target), self._arrived)

    def _arrived(self) -> None:
        source, target = self._process.machine, self._target
        if self._is_over or not self._network.reaches(source, target):
            return
        server = self._network.server_at(target.name, self._port)
        if not self._network.reaches(target, source):
            return
        self._is_answered = True
        travel_s = self._network.travel_s(target, source)
        if server is None:
            self._world.after(travel_s, self._refused)
            return
        here = Endpoint(self._network, self._process, self._network.next_port())
        there = Endpoint(self._network, server.process, self._port)
        here.peer, there.peer = there, here
        there.open(server.factory)
        self._world.after(travel_s, self._accepted, here)

    def _refused(self) -> None:
        if not self._process.is_dead:
            error = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            self._process.loop.call_soon(self._settle, self.connected.set_exception, error)

    def _settle(self, settle: Callable[[Any], None], outcome: Any) -> None:
        if not self.connected.done():
            settle(outcome)

    def _accepted(self, endpoint: Endpoint) -> None:
        if not self._process.is_dead:
            self._process.loop.call_soon(self._open, endpoint)

    def _open(self, endpoint: Endpoint) -> None:
        if self.connected.done():
            endpoint.abort()  # whoever wanted it has given up
            return
        if endpoint.is_gone:
            error = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            self.connected.set_exception(error)
            return
        protocol = endpoint.open_now(self._factory)
        self.connected.set_result((endpoint, protocol))

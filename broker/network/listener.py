"""A named listener: its socket, who is connected to it, and how it drains."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections import Counter
from dataclasses import dataclass

from broker.network.connection import Connection
from broker.network.dispatch import Dispatcher

logger = logging.getLogger(__name__)

# How often idle connections are looked for, as a share of the idle limit: none outlives it by more than a tenth.
IDLE_CHECKS_PER_LIMIT = 10
# Connections that the kernel queues while this process is busy; Kafka's 50 refuses bursts of a few hundred clients.
BACKLOG = 1024
# Refused connections are told as a number, once in so long.
REFUSALS_TOLD_EVERY_MS = 60_000
# How long a stopping listener waits for answers in flight.
DRAIN_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    frame_bytes_max: int
    connections_max: int
    connections_per_ip_max: int
    connection_idle_ms_max: int


class Listener:
    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        dispatcher: Dispatcher,
        limits: ListenerLimits,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.frame_bytes_max = limits.frame_bytes_max
        self._limits = limits
        self._dispatcher = dispatcher
        self._loop = loop
        self._server: asyncio.Server | None = None
        # In the order they came, as everything that is done to all of something is: a simulation must do it again.
        self._connections: dict[Connection, None] = {}
        self._connections_of: Counter[str] = Counter()
        self._refused = 0
        self._silent_until_ms = 0
        self._idle_check: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None
        self._is_stopping = False

    async def bind(self) -> None:
        """Take the address, without accepting anybody yet. For port 0 the system chooses; `port` then says which."""
        try:
            self._server = await self._loop.create_server(
                lambda: Connection(self, self._dispatcher),
                self.host or None,
                self.port,
                backlog=BACKLOG,
                start_serving=False,
            )
        except OSError as error:
            raise OSError(
                error.errno,
                f"listener {self.name} cannot listen on {self.host or '0.0.0.0'}:{self.port}: {_why_not(error)}",
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def start(self) -> None:
        assert self._server is not None, "bind comes first"
        await self._server.start_serving()
        self._schedule_idle_check()

    async def stop(self) -> None:
        """Accept no more, let the requests in flight be answered, then close every connection."""
        self._is_stopping = True
        if self._idle_check is not None:
            self._idle_check.cancel()
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.drain()
        if self._connections:
            self._drained = self._loop.create_future()
            try:
                await asyncio.wait_for(self._drained, DRAIN_TIMEOUT_S)
            except TimeoutError:
                busy = len(self._connections)
                logger.info("listener %s: closing %d connections with requests in flight", self.name, busy)
        for connection in list(self._connections):
            connection.abort()

    # --- the connections call these ----------------------------------------------------------------------------

    def admit(self, connection: Connection) -> bool:
        """Whether one more connection fits the limits; a refused one is closed without a word, as Kafka does."""
        if self._is_stopping:
            return False  # accepted just before; nobody would drain it
        host = connection.client_host
        if len(self._connections) >= self._limits.connections_max:
            return self._refuse(
                f"{host}: there are {len(self._connections)} (max.connections, or the open files limit)"
            )
        if self._connections_of[host] >= self._limits.connections_per_ip_max:
            return self._refuse(f"{host}: it has {self._connections_of[host]} (max.connections.per.ip)")
        self._connections[connection] = None
        self._connections_of[host] += 1
        return True

    def _refuse(self, why: str) -> bool:
        """Tell the log, but not a thousand times: a client that is refused comes again."""
        self._refused += 1
        now_ms = self._dispatcher.clock.monotonic_ms()
        if now_ms >= self._silent_until_ms:
            logger.warning(
                "listener %s: refused %d connections since the last such line, now one from %s",
                self.name,
                self._refused,
                why,
            )
            self._refused = 0
            self._silent_until_ms = now_ms + REFUSALS_TOLD_EVERY_MS
        return False

    def forget(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        del self._connections[connection]
        self._connections_of[connection.client_host] -= 1
        if not self._connections_of[connection.client_host]:
            del self._connections_of[connection.client_host]
        if self._drained is not None and not self._drained.done() and not self._connections:
            self._drained.set_result(None)

    # --- idle connections --------------------------------------------------------------------------------------

    def _schedule_idle_check(self) -> None:
        period_s = self._limits.connection_idle_ms_max / 1000 / IDLE_CHECKS_PER_LIMIT
        self._idle_check = self._loop.call_later(period_s, self._close_idle)

    def _close_idle(self) -> None:
        oldest_ms = self._dispatcher.clock.monotonic_ms() - self._limits.connection_idle_ms_max
        for connection in list(self._connections):
            if connection.close_if_idle_since(oldest_ms):
                logger.info("closed the idle connection of %s (connections.max.idle.ms)", connection.client_host)
        self._schedule_idle_check()


def _why_not(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "something listens there already; stop it, or choose another port (`listeners`)"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address; choose one that it has, or 0.0.0.0 for all (`listeners`)"
    if error.errno == errno.EACCES:
        return "this user may not; choose a port above 1023 (`listeners`)"
    # The message of asyncio repeats the address; a name that cannot be resolved has no number.
    what = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)
    return f"{what} (see `listeners`)"

"""Who wants to know about leadership and about other nodes' connections, and is told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Led(Protocol):
    @property
    def is_leader(self) -> bool: ...

    @property
    def leader_id(self) -> int | None: ...


class LeadershipWatch:
    """`on_active` is told True when this node became the controller, and False when it ceased to be."""

    def __init__(self) -> None:
        # Nodes whose connections broke and could not be made again, so far.
        self.lost: set[int] = set()
        # Who led before this node did, where that was another.
        self.deposed: int | None = None
        self._is_active = False
        self._leader_id: int | None = None
        self._on_active: list[Callable[[bool], None]] = []
        self._on_leader: list[Callable[[], None]] = []
        self._on_lost: list[Callable[[int], None]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._awaited: tuple[int, asyncio.Future[None]] | None = None

    def on_active(self, callback: Callable[[bool], None]) -> None:
        self._on_active.append(callback)

    def on_leader(self, callback: Callable[[], None]) -> None:
        """Told that another node is the controller now, or this one; or that none is."""
        self._on_leader.append(callback)

    def on_lost(self, callback: Callable[[int], None]) -> None:
        self._on_lost.append(callback)

    def changed(self) -> asyncio.Future[None]:
        """Completes when another node leads, or this one begins or ceases to be the controller."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    async def changed_or_lost(self, node_id: int, timeout_s: float) -> None:
        """As `changed`; also when that node is gone, which was to lead next, or when the time is up."""
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited = (node_id, lost)
        await asyncio.wait([self.changed(), lost], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        self._awaited = None

    def notify(self, quorum: Led) -> None:
        """Something about the leadership may have changed."""
        is_active, leader_id = quorum.is_leader, quorum.leader_id
        if leader_id not in (None, self._leader_id) and not is_active:
            self.deposed = leader_id
        if is_active != self._is_active:
            self._is_active = is_active
            for callback in self._on_active:
                callback(is_active)
        elif leader_id == self._leader_id:
            return
        self._leader_id = leader_id
        for changed in self._on_leader:
            changed()
        self.wake()

    def wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def peer_connected(self, node_id: int) -> None:
        self.lost.discard(node_id)

    def peer_lost(self, node_id: int) -> None:
        self.lost.add(node_id)
        if self._awaited is not None and self._awaited[0] == node_id and not self._awaited[1].done():
            self._awaited[1].set_result(None)
        for callback in self._on_lost:
            callback(node_id)

"""One end of a simulated TCP connection, a transport of asyncio: bytes arrive in order and late, in pieces or at once.

    write -> under way (the sender's kernel, the network, the receiver's kernel) -> read by the other's protocol

What is under way counts as the sender's buffer, beyond `SOCKET_BYTES`, which its kernel takes without a word. A process
that dies or hangs up leaves what is under way to its kernel, which delivers it; a machine without power does not.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from simulation.network import Network
    from simulation.process import Process

SOCKET_BYTES = 256 * 1024
HIGH_BYTES = 64 * 1024
# The piece behind the place at which a write was torn comes so much later.
TORN_S_MAX = 0.02

# What ends one direction of a connection.
_END = b""


class Endpoint(asyncio.Transport):
    def __init__(self, network: Network, process: Process, port: int) -> None:
        super().__init__()
        self.machine = process.machine
        self.process = process
        self.port = port
        self.peer: Endpoint | None = None
        # Nobody here knows of the connection any more: who sends to it is told so.
        self.is_gone = False
        self._boot = self.machine.boot
        self._network = network
        self._world = network.world
        self._protocol: asyncio.Protocol | None = None
        self._is_closing = False
        self._arrives_s = 0.0
        self._held: deque[bytes] = deque()
        self._inbox: deque[bytes] = deque()
        self._will_read = False
        self._is_reading = True
        self._under_way_bytes = 0
        self._high, self._low = HIGH_BYTES, HIGH_BYTES // 4
        self._is_writing_paused = False
        process.endpoints[self] = None

    # --- its beginning -------------------------------------------------------------------------------------------

    def open(self, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self.process.loop.call_soon(self.open_now, factory)

    def open_now(self, factory: Callable[[], asyncio.BaseProtocol]) -> asyncio.BaseProtocol:
        protocol = factory()
        self._protocol = protocol  # type: ignore[assignment]
        protocol.connection_made(self)
        if self.is_gone:
            self._lost(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))
        elif self._inbox:
            self._read_soon()
        return protocol

    # --- asyncio.Transport ---------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "peername" and self.peer is not None:
            return self.peer.machine.name, self.peer.port
        if name == "sockname":
            return self.machine.name, self.port
        return default

    def is_closing(self) -> bool:
        return self._is_closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol  # type: ignore[assignment]

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_closing or self.process.is_dead or not data:
            return
        data = bytes(data)
        rng = self._network.rng
        if rng.random() < self._network.split_chance and len(data) > 1:
            cut = rng.randrange(1, len(data))
            self._send(data[:cut])
            self._arrives_s += rng.uniform(0, TORN_S_MAX)
            self._send(data[cut:])
        else:
            self._send(data)
        if not self._is_writing_paused and self.get_write_buffer_size() > self._high:
            self._is_writing_paused = True
            assert self._protocol is not None
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return max(self._under_way_bytes - SOCKET_BYTES, 0)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = HIGH_BYTES if high is None else high
        self._low = self._high // 4 if low is None else low

    def is_reading(self) -> bool:
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        self._is_reading = True
        if self._inbox:
            self._read_soon()

    def close(self) -> None:
        """What is under way arrives, then the end. The protocol hears of the end when nothing is left to buffer."""
        if self._is_closing or self.process.is_dead:
            return
        self._is_closing = True
        self._send(_END)
        if not self.get_write_buffer_size():
            self._hang_up(None)

    def abort(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._send(_END)
        self._hang_up(None)

    # --- its end -------------------------------------------------------------------------------------------------

    def _hang_up(self, error: Exception | None) -> None:
        """The process has no such socket any more."""
        if not self.is_gone:
            self.is_gone = True
            self._is_closing = True
            self._inbox.clear()
            self.process.endpoints.pop(self, None)
            if self._protocol is not None:
                self.process.loop.call_soon(self._lost, error)

    def _lost(self, error: Exception | None) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(error)

    def reset(self) -> None:
        """The other side does not know of this connection."""
        if not self.process.is_dead:
            self._hang_up(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))
        self.is_gone = True

    def process_died(self) -> None:
        """Its kernel closes what was open."""
        if not self._is_closing:
            self._is_closing = True
            self._send(_END)
        self._forget()

    def vanish(self) -> None:
        """Its machine lost its power: what is still here is gone, and nobody is told."""
        self._is_closing = True
        self._held.clear()
        self._forget()

    def _forget(self) -> None:
        self.is_gone = True
        self._inbox.clear()
        self._protocol = None
        self.process.endpoints.pop(self, None)

    # --- under way -----------------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        assert self.peer is not None
        self._under_way_bytes += len(data)
        travel_s = self._network.travel_s(self.machine, self.peer.machine)
        self._arrives_s = max(self._arrives_s, self._world.now_s + travel_s)
        self._world.at(self._arrives_s, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        peer = self.peer
        assert peer is not None
        if self._boot != self.machine.boot:
            return  # it was still here when the power went
        if self._held or not self._network.reaches(self.machine, peer.machine):
            if not self._held:
                self._network.hold(self)
            self._held.append(data)
            return
        self._deliver(data)

    def send_held(self) -> None:
        peer, held = self.peer, self._held
        assert peer is not None
        while held:
            if not self._network.reaches(self.machine, peer.machine):
                self._network.hold(self)
                return
            self._deliver(held.popleft())

    def _deliver(self, data: bytes) -> None:
        peer = self.peer
        assert peer is not None
        self._world.note(self.port, peer.port, crc32(data))
        if peer.is_gone:
            if data and self._network.reaches(peer.machine, self.machine):
                self._world.after(self._network.travel_s(peer.machine, self.machine), self.reset)
            return
        peer._inbox.append(data)
        peer._read_soon()

    # --- reading -------------------------------------------------------------------------------------------------

    def _read_soon(self) -> None:
        if not self._will_read and self._is_reading and self._protocol is not None:
            self._will_read = True
            self.process.loop.call_soon(self._read)

    def _read(self) -> None:
        self._will_read = False
        if not self._is_reading or self._protocol is None or not self._inbox:
            return
        inbox = self._inbox
        if inbox[0] == _END:
            inbox.clear()
            if not self._protocol.eof_received():
                self.close()
            return
        data = inbox.popleft()
        while inbox and inbox[0] != _END:
            data += inbox.popleft()
        if inbox:
            self._read_soon()
        assert self.peer is not None
        self.peer._was_read(len(data))
        if not self._is_closing:
            self._protocol.data_received(data)

    def _was_read(self, size: int) -> None:
        self._under_way_bytes -= size
        if self.is_gone or self.process.is_dead:
            return
        left = self.get_write_buffer_size()
        if self._is_writing_paused and left <= self._low:
            self._is_writing_paused = False
            self.process.loop.call_soon(self._resume_writing)
        if self._is_closing and not left:
            self._hang_up(None)

    def _resume_writing(self) -> None:
        if self._protocol is not None and not self._is_writing_paused:
            self._protocol.resume_writing()

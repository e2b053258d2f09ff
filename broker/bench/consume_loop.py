"""The hot loop of a consume worker: every connection has one fetch on its way, and reads on where it ended.

Of an answer only the error codes and the ends of batches are looked at; with `timestamps` also when each batch
was sent, for the latency from the producer's schedule to here.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

from broker.bench.fetch_frames import FetchFrame, TimestampReader, next_offset, read_fetch_answer, walk_batches
from broker.bench.reconnect import MOVED, Reconnector
from broker.bench.window import DRAIN_NS, NS_PER_S, Tally, Window
from broker.bench.wire import Address

_WAIT_S = 0.05
_SIZE_BYTES = 4
_FIRST_BUFFER_BYTES = 1 << 16
_CONNECT_TIMEOUT_S = 10.0

now_ns = time.monotonic_ns


class ConsumeConnection:
    """One consumer: its partitions, how far it read each, and the answer that is arriving."""

    __slots__ = (
        "address", "buffer", "correlation_id", "filled", "frame", "offsets", "partitions", "producers", "records_left",
        "sent_at", "size", "socket",
    )  # fmt: skip

    def __init__(self, address: Address, offsets: dict[int, int], frame: FetchFrame, record_limit: int) -> None:
        self.address = address
        self.offsets = offsets
        self.partitions = list(offsets)
        self.producers: list[tuple[int, int]] = []
        self.frame = frame
        self.records_left = record_limit or (1 << 62)
        self.correlation_id = 0
        self.sent_at = 0
        self.buffer = bytearray(_FIRST_BUFFER_BYTES)
        self.filled = 0
        self.size = _SIZE_BYTES
        self.connect(_CONNECT_TIMEOUT_S)

    def begin_producer(self, producer_id: int, producer_epoch: int) -> None:
        raise AssertionError("a consumer has no producer id")

    def connect(self, timeout_s: float) -> None:
        self.socket = socket.create_connection(self.address, timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def ask(self) -> None:
        """A request is a few hundred bytes and the only one on its way, so a socket takes it whole."""
        self.correlation_id += 1
        self.frame.patch(self.correlation_id, self.offsets)
        self.filled, self.size = 0, _SIZE_BYTES
        self.sent_at = now_ns()
        sent = self.socket.send(self.frame.buffer)
        assert sent == len(self.frame.buffer), "a fetch request fits into an empty socket buffer"

    def receive(self) -> bool:
        """True when the answer is whole. ConnectionResetError if the broker closed."""
        while True:
            try:
                # No further than this answer: behind it nothing comes that was not asked for.
                count = self.socket.recv_into(memoryview(self.buffer)[self.filled : self._target()])
            except BlockingIOError:
                return False
            if not count:
                raise ConnectionResetError("closed by the broker")
            self.filled += count
            if self.size == _SIZE_BYTES and self.filled >= _SIZE_BYTES:
                self.size = _SIZE_BYTES + int.from_bytes(self.buffer[:_SIZE_BYTES])
                if self.size > len(self.buffer):
                    self.buffer += bytes(self.size - len(self.buffer))
            if self.filled == self.size:
                return True

    def _target(self) -> int:
        return len(self.buffer) if self.size == _SIZE_BYTES else self.size


class ConsumeLoop:
    """Drives consumers through one window; `on_tick` gets each tally when its time is over."""

    def __init__(
        self,
        connections: list[ConsumeConnection],
        reconnector: Reconnector[ConsumeConnection],
        *,
        timestamps: bool,
        on_tick: Callable[[Tally], None],
    ) -> None:
        self.connections = connections
        self.on_tick = on_tick
        self.errors: dict[str, int] = {}
        self._timestamps = TimestampReader() if timestamps else None
        self._epoll = select.epoll()
        self._by_fd: dict[int, ConsumeConnection] = {}
        self._reconnector = reconnector

    def run(self, window: Window) -> None:
        while (wait := window.start_ns - now_ns()) > 0:
            time.sleep(wait / NS_PER_S)
        self._window = window
        self._tally = Tally(window.start_ns, window)
        boundary = window.next_boundary(window.start_ns)
        for connection in self.connections:
            self._watch(connection)
        while self._by_fd or self._reconnector:
            events = self._epoll.poll(_WAIT_S)
            now = now_ns()
            if now >= boundary:
                self._tick(now)
                boundary = window.next_boundary(now)
                if now >= window.end_ns + (DRAIN_NS if self._timestamps else 0):
                    break
            for fd, _ in events:
                self._serve(fd)
            if self._reconnector:
                for connection in self._reconnector.connected(now):
                    self._watch(connection)
        if self._tally.phase != "drain":
            self._tick(now_ns())
        for connection in self.connections:
            connection.socket.close()

    def _tick(self, now: int) -> None:
        self._tally.to_ns = now
        self.on_tick(self._tally)
        self._tally = Tally(now, self._window)

    def _watch(self, connection: ConsumeConnection) -> None:
        fd = connection.socket.fileno()
        self._by_fd[fd] = connection
        self._epoll.register(fd, select.EPOLLIN)
        try:
            connection.ask()
        except OSError as error:
            self._lose(connection, error.strerror or str(error))

    def _leave(self, connection: ConsumeConnection) -> None:
        """Nothing more is expected of it."""
        fd = connection.socket.fileno()
        self._epoll.unregister(fd)
        del self._by_fd[fd]

    def _lose(self, connection: ConsumeConnection, reason: str) -> None:
        """It looks for its leader; without a reason the loss was counted already."""
        if reason:
            self._count_error(f"connection lost: {reason}")
            self._tally.failed += 1
        self._leave(connection)
        connection.socket.close()
        self._reconnector.lost(connection)

    def _serve(self, fd: int) -> None:
        connection = self._by_fd[fd]
        try:
            if not connection.receive():
                return
            has_moved = self._take(connection)
            if has_moved:
                self._lose(connection, "")
            elif connection.records_left > 0:
                connection.ask()
            else:
                self._leave(connection)
        except OSError as error:
            self._lose(connection, error.strerror or str(error))

    def _take(self, connection: ConsumeConnection) -> bool:
        """Count what arrived; True if a partition has another leader now."""
        has_moved = False
        tally, buffer = self._tally, connection.buffer
        arrived = now_ns()
        for index, error, position, end in read_fetch_answer(buffer, connection.correlation_id):
            if error:
                self._count_error(str(error))
                tally.failed += 1
                has_moved |= error in MOVED
                continue
            batches = walk_batches(buffer, position, end)
            if len(batches) == 1:
                continue
            offset = next_offset(buffer, batches[-2])
            count = offset - connection.offsets[index]
            connection.offsets[index] = offset
            connection.records_left -= count
            tally.records += count
            tally.bytes += batches[-1] - position
            if self._timestamps is not None:
                sent = self._timestamps.read(buffer, batches)
                tally.latencies_us.extend([(arrived - instant) // 1000 for instant in sent])
        tally.done += 1
        if self._timestamps is None:
            tally.latencies_us.append((arrived - connection.sent_at) // 1000)
        return has_moved

    def _count_error(self, name: str) -> None:
        self.errors[name] = self.errors.get(name, 0) + 1

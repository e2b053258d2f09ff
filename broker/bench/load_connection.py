"""A connection of a load generator: its socket, its prepared frame, and the account of what became of each request.

The broker answers a connection's requests in their order. So the account is three numbers (sent, answered, and
when those on their way were sent) and two short lists of exceptions (failed, unknown).
"""

from __future__ import annotations

import socket
from collections import deque

from broker.bench.frames import ProduceFrame
from broker.bench.wire import Address

_CONNECT_TIMEOUT_S = 10.0


class LoadConnection:
    __slots__ = (
        "address", "answered", "connection_id", "failed", "fd", "frame", "partitions", "producers", "received", "recv",
        "send", "sent", "sent_at", "socket", "unknown", "unsent",
    )  # fmt: skip

    def __init__(
        self, connection_id: int, address: Address, partitions: list[int], frame: ProduceFrame, producer_id: int = -1
    ) -> None:
        self.connection_id = connection_id
        self.address = address
        self.partitions = partitions
        self.frame = frame
        self.sent = 0  # requests begun to be sent, and so the sequence of the next
        self.answered = 0  # requests answered or given up, and so the sequence of the next answer
        self.sent_at: deque[int] = deque()  # when each request from `answered` on was sent, or was due
        self.failed: dict[int, tuple[int, ...]] = {}  # error codes of its partitions, by sequence
        self.unknown: list[int] = []  # sequences without an answer: their records may be there or not
        # Each producer id that was used, with the first sequence that went out under it; none without ids.
        self.producers: list[tuple[int, int]] = [(producer_id, 0)] if producer_id >= 0 else []
        self.connect(_CONNECT_TIMEOUT_S)

    def connect(self, timeout_s: float) -> None:
        self.socket = socket.create_connection(self.address, timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.fd = self.socket.fileno()
        self.recv = self.socket.recv
        self.send = self.socket.send
        self.received = b""  # the beginning of an answer
        self.unsent: memoryview | None = None  # the rest of the frame that is being sent

    def begin_producer(self, producer_id: int, producer_epoch: int) -> None:
        """After a loss nobody knows which sequences the broker has: a new producer begins at 0."""
        self.frame.begin_producer(producer_id, producer_epoch, self.sent)
        self.producers.append((producer_id, self.sent))

    def give_up(self) -> int:
        """Close the socket. What was not answered is unknown from now on; returns how many requests that were."""
        self.socket.close()
        self.unknown.extend(range(self.answered, self.sent))
        given_up = len(self.sent_at)
        self.answered = self.sent
        self.sent_at.clear()
        self.unsent = None
        return given_up

    def account(self) -> dict[str, object]:
        """For the verification; JSON-ready."""
        return {
            "connection_id": self.connection_id,
            "partitions": self.partitions,
            "sent": self.sent,
            "failed": {str(sequence): list(codes) for sequence, codes in self.failed.items()},
            "unknown": self.unknown,
            "producers": self.producers,
        }

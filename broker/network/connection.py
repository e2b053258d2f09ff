"""One client's connection: frames in, answers out, in the order of the requests.

Order. Kafka serves one request of a connection at a time, and clients count on it. So do we, with one exception:
produce requests that follow each other start at once, in socket order, and wait for durability together. That keeps
pipelined produce in order at any number in flight, and lets one group commit serve all of them.

Limits. A frame above `frame_bytes_max` closes the connection before its bytes are gathered. Reading pauses while
`REQUESTS_IN_FLIGHT_MAX` requests are unanswered, while frames that may not start yet pile up, while the client does not
read its answers, and while the node holds too many bytes of requests (flow_control.py). So a connection holds a bounded
number of bytes whatever its peer does.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from typing import TYPE_CHECKING, cast

from broker.network.exchange import Exchange
from broker.network.flow_control import ADMISSION_TIMEOUT_S
from broker.network.large_frame import LargeFrame, deserves_room
from broker.network.sending import send, take_answers
from wal import StorageError

if TYPE_CHECKING:
    from broker.network.dispatch import Dispatcher
    from broker.network.listener import Listener

logger = logging.getLogger(__name__)

_SIZE = struct.Struct(">i")

# Enough for any client's pipeline (librdkafka's default has no limit), few enough that each may hold a frame.
REQUESTS_IN_FLIGHT_MAX = 1000
# Frames that wait for the request before them; their bytes count against the frame limit of the connection.
FRAMES_WAITING_MAX = 64
# The smallest frame is a request header without a client id: key, version, correlation id.
FRAME_BYTES_MIN = 8
# Answers that the client has not read: above this, nothing more is read from it.
UNREAD_BYTES_MAX = 4 * 1024 * 1024

_PRODUCE = b"\0\0"


class Connection(asyncio.Protocol):
    def __init__(self, listener: Listener, dispatcher: Dispatcher) -> None:
        self.listener = listener
        self.dispatcher = dispatcher
        self.client_host = ""
        # Whether bytes came since the last look at idle connections, and when such a look last found some.
        self.is_active = True
        self._last_active_ms = 0
        self._transport: asyncio.Transport | None = None
        # After `close`: the transport while it still has answers that the client does not read.
        self._closing: asyncio.Transport | None = None
        # The beginning of a frame whose end has not arrived, in pieces: joined once, when it is whole. Of a large one
        # the only piece is the room for all of it, and all of that counts as arrived.
        self._partial: list[bytes | bytearray] = []
        self._partial_bytes = 0
        self._partial_bytes_wanted = 4
        # Of a frame: the bytes it arrived in, its start and its end in them.
        self._waiting: deque[tuple[bytes | bytearray, int, int]] = deque()
        self._waiting_bytes = 0
        self._in_flight: deque[Exchange] = deque()
        self._reading_paused = False
        self._client_reads = True
        self._flush_scheduled = False
        self._draining = False

    # --- the transport calls these -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=UNREAD_BYTES_MAX)
        peer = transport.get_extra_info("peername")
        self.client_host = peer[0] if peer else "unknown"
        if self.listener.admit(self):
            self.dispatcher.request_bytes.join(self)
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = self._closing = None
        held_bytes = self._partial_bytes + self._waiting_bytes
        self._partial.clear()
        self._waiting.clear()
        self._partial_bytes = self._waiting_bytes = 0
        request_bytes = self.dispatcher.request_bytes
        request_bytes.leave(self)
        in_flight, self._in_flight = self._in_flight, deque()
        for exchange in in_flight:
            if exchange.deferred is not None:
                exchange.deferred.abandon()
        # An abandoned request is never answered: nobody else gives its bytes back.
        request_bytes.give_back(held_bytes + sum([exchange.request_bytes for exchange in in_flight]))
        self.listener.forget(self)

    def data_received(self, data: bytes) -> None:
        self.is_active = True
        if self._partial:
            data = self._joined_to_partial(data)
            if not data:
                return
        position, end = 0, len(data)
        while end - position >= 4:
            (size,) = _SIZE.unpack_from(data, position)
            if not FRAME_BYTES_MIN <= size <= self.listener.frame_bytes_max:
                self._refuse_frame(size)
                return
            start = position + 4
            if end - start < size:
                break
            position = start + size
            self._frame_received(data, start, position)
        gathered_bytes, self._partial_bytes = self._partial_bytes, 0
        if position < end:
            self._keep_rest(data, position)
        request_bytes = self.dispatcher.request_bytes
        if gathered_bytes:
            # Only now, when what became of it is counted: for a moment it would look as if there were room.
            request_bytes.give_back(gathered_bytes)
            request_bytes.passed(self)
        # Every other reason to pause is looked at where it comes up; a call less per request.
        if (
            self._waiting
            or self._reading_paused
            or request_bytes.is_full
            or len(self._in_flight) >= REQUESTS_IN_FLIGHT_MAX
        ):
            self._pause_or_resume_reading()

    def large_frame_received(self, data: bytearray) -> None:
        """The whole of it, its size in front."""
        self._read_by(self)
        self._partial, self._partial_bytes = [], 0
        self._frame_received(data, 4, len(data))
        self.dispatcher.request_bytes.give_back(len(data))
        self.dispatcher.request_bytes.passed(self)
        self._pause_or_resume_reading()

    def pause_writing(self) -> None:
        self._client_reads = False
        self._pause_or_resume_reading()

    def resume_writing(self) -> None:
        self._client_reads = True
        self._start_waiting()
        self._pause_or_resume_reading()

    # --- requests ----------------------------------------------------------------------------------------------

    def _joined_to_partial(self, data: bytes) -> bytes:
        """The whole frame with what follows it, or nothing while it is not whole."""
        self._partial.append(data)
        self._partial_bytes += len(data)
        request_bytes = self.dispatcher.request_bytes
        request_bytes.take(len(data))
        if self._partial_bytes < self._partial_bytes_wanted:
            if request_bytes.is_full:
                self._pause_or_resume_reading()
            self._look_at_size()
            return b""
        data = b"".join(self._partial)
        self._partial.clear()
        return data

    def _keep_rest(self, data: bytes, position: int) -> None:
        rest = data[position:]
        self._partial = [rest]
        self._partial_bytes = len(rest)
        self.dispatcher.request_bytes.take(len(rest))
        self._partial_bytes_wanted = 4 + _SIZE.unpack_from(rest)[0] if len(rest) >= 4 else 4
        self._look_at_size()

    def _look_at_size(self) -> None:
        """Let the rest of a large frame come into room of its own; where memory is short, none is taken for that."""
        frame_bytes, missing_bytes = self._partial_bytes_wanted, self._partial_bytes_wanted - self._partial_bytes
        if deserves_room(frame_bytes, self._partial_bytes) and self.dispatcher.request_bytes.has_room(missing_bytes):
            large_frame = LargeFrame(self, frame_bytes, self._partial)
            self._partial, self._partial_bytes = [large_frame.buffer], frame_bytes
            self.dispatcher.request_bytes.take(missing_bytes)
            self._read_by(large_frame)

    def _read_by(self, protocol: asyncio.BaseProtocol) -> None:
        if self._transport is not None:
            # uvloop looks at what its protocol is when it begins to read.
            self._transport.pause_reading()
            self._transport.set_protocol(protocol)
            if not self._reading_paused:
                self._transport.resume_reading()

    def _refuse_frame(self, size: int) -> None:
        logger.warning(
            "closing the connection of %s: a request of %d bytes is outside %d..%d (socket.request.max.bytes); "
            "is the client speaking Kafka's protocol, without TLS, to this listener?",
            self.client_host,
            size,
            FRAME_BYTES_MIN,
            self.listener.frame_bytes_max,
        )
        self.close()

    def _frame_received(self, data: bytes | bytearray, start: int, end: int) -> None:
        if not self._waiting and self._may_start(data, start):
            if self._transport is not None:
                self.dispatcher.dispatch(self, data, start, end)
        else:
            self._waiting.append((data, start, end))
            self._waiting_bytes += end - start
            self.dispatcher.request_bytes.take(end - start)
            if self._in_flight and (deferred := self._in_flight[-1].deferred) is not None:
                deferred.request_behind()

    def _may_start(self, data: bytes | bytearray, start: int) -> bool:
        # Not even one more: a request of a hundred bytes may have an answer of fifty megabytes.
        if not self._client_reads:
            return False
        if not self._in_flight:
            return True
        if self.dispatcher.begins_at_once:
            return True
        return data.startswith(_PRODUCE, start) and self._in_flight[-1].deferred is not None

    def _start_waiting(self) -> None:
        while self._waiting and self._may_start(*self._waiting[0][:2]):
            data, start, end = self._waiting.popleft()
            self._waiting_bytes -= end - start
            if self._transport is not None:
                self.dispatcher.dispatch(self, data, start, end)
            self.dispatcher.request_bytes.give_back(end - start)

    def _pause_or_resume_reading(self) -> None:
        if self._transport is None:
            return
        full = (
            self._draining
            or not self._client_reads
            or len(self._waiting) >= FRAMES_WAITING_MAX
            or self._waiting_bytes >= self.listener.frame_bytes_max
            or len(self._in_flight) >= REQUESTS_IN_FLIGHT_MAX
            or not self.dispatcher.request_bytes.may_read(self)
        )
        if full and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
        elif not full and self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    @property
    def is_within_a_frame(self) -> bool:
        return bool(self._partial)

    def look_for_room(self) -> None:
        self._pause_or_resume_reading()

    def let_through(self) -> None:
        self.dispatcher.call_later(ADMISSION_TIMEOUT_S, self._took_too_long, self._partial[0])
        self._pause_or_resume_reading()

    def _took_too_long(self, beginning: bytes | bytearray) -> None:
        if self._transport is None or not self._partial or self._partial[0] is not beginning:
            return  # that frame came
        self.dispatcher.hang_up(
            self,
            f"its request of {self._partial_bytes_wanted} bytes did not arrive within {ADMISSION_TIMEOUT_S:.0f} s, and "
            "others wait for the memory",
        )

    # --- answers -----------------------------------------------------------------------------------------------

    def expect(self, exchange: Exchange) -> None:
        """The dispatcher has begun this request: its answer takes the next place."""
        self._in_flight.append(exchange)
        self.dispatcher.request_bytes.take(exchange.request_bytes)

    def answered(self) -> None:
        """Some exchange has its answer: it is sent with all others of this turn of the loop."""
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self.dispatcher.flush_soon(self)

    def flush(self) -> None:
        """Send every answer whose turn has come, in one write, and start what waited for them."""
        self._flush_scheduled = False
        pieces, answered_bytes = take_answers(self._in_flight)
        self.dispatcher.request_bytes.give_back(answered_bytes)
        if self._transport is None:
            return
        try:
            send(self._transport, pieces)
        except StorageError as error:
            # Its length is promised, and a part of it perhaps sent.
            logger.error("closing the connection of %s: its answer cannot be read: %s", self.client_host, error)
            self.close()
            return
        if self._waiting:
            self._start_waiting()
        if self._reading_paused:
            self._pause_or_resume_reading()
        if self._draining and self.is_idle:
            self.close()

    @property
    def is_idle(self) -> bool:
        return not self._in_flight and not self._waiting

    def close_if_idle_since(self, oldest_ms: int) -> bool:
        """Close it if nothing came since `oldest_ms`. A flag per read is cheaper than a clock per read."""
        # One that was closed answers nothing any more: what it still owed does not keep it.
        if self.is_active or not (self.is_idle or self._closing is not None):
            self.is_active = False
            self._last_active_ms = self.dispatcher.clock.monotonic_ms()
            return False
        if self._last_active_ms > oldest_ms:
            return False
        # Closed already, and its client still does not read the last answers: it never will.
        if self._closing is not None:
            self.abort()
        else:
            self.close()
        return True

    def drain(self) -> None:
        """Read no more requests, and hang up when those that were read have their answers."""
        self._draining = True
        for exchange in tuple(self._in_flight):
            if exchange.deferred is not None:
                exchange.deferred.node_stops()
        if self.is_idle:
            self.close()
        else:
            self._pause_or_resume_reading()

    def close(self) -> None:
        """Send what is buffered, then hang up. What is still in flight is dropped with the connection."""
        if self._transport is not None:
            self._closing, self._transport = self._transport, None
            self._closing.close()

    def abort(self) -> None:
        """Hang up now, whatever the client has still to read."""
        transport = self._transport or self._closing
        if transport is not None:
            transport.abort()

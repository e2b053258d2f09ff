"""The hot loop of a produce worker: one thread, non-blocking sockets and epoll.

Per request it costs one send, one recv, its share of an epoll_wait, and little Python between them;
docs/PERFORMANCE.md has what it measured and what uvloop's protocols cost in its place.

closed loop   every connection keeps `in_flight` requests on the way; latency counts from the send
open loop     requests are due at instants that nothing delays; latency counts from the instant a request was
              due, also where no connection was free then
acks=0        nothing is answered: a request is done when the socket took it
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable

from broker.bench.frames import CORRELATION_ID_MAX, ProduceAnswer
from broker.bench.load_connection import LoadConnection
from broker.bench.reconnect import MOVED, Reconnector
from broker.bench.window import NS_PER_S, Gaps, Tally, Window, overdue

_READ_BYTES = 1 << 16
_UNACKNOWLEDGED_SENDS = 64  # on one connection, before the others have their turn
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_IDLE_WAIT_S = 0.05  # bounds how late a tick, a reconnect or the end of the draining is noticed

now_ns = time.monotonic_ns


class ProduceLoop:
    """Drives its connections through one window. `on_tick` gets each tally when its time is over."""

    def __init__(
        self,
        connections: list[LoadConnection],
        answer: ProduceAnswer | None,
        *,
        in_flight: int,
        rate_per_s: float,
        request_limit: int,
        timeout_s: float,
        reconnector: Reconnector[LoadConnection],
        on_tick: Callable[[Tally], None],
    ) -> None:
        """Without an `answer` to look for (acks=0) a request is done when it is sent.

        A connection that was not answered for `timeout_s` is lost; so long is also waited at the end."""
        self.connections = connections
        self.answer = answer
        self.in_flight = in_flight
        self.interval_ns = NS_PER_S / rate_per_s if rate_per_s else 0.0
        self.requests_left = request_limit or (1 << 62)
        self.timeout_ns = round(timeout_s * NS_PER_S)
        self.on_tick = on_tick
        self.errors: dict[str, int] = {}
        self._reconnector = reconnector
        self._epoll = select.epoll()
        self._by_fd: dict[int, LoadConnection] = {}
        self._free: deque[LoadConnection] = deque()
        self._on_the_way = 0
        self._acknowledged = 0  # in this tally, as far as the gaps were told of it
        self.overdue = 0  # of an open loop: requests that were due by its end and never sent

    def run(self, window: Window) -> None:
        self._window = window
        while (wait := window.start_ns - now_ns()) > 0:
            time.sleep(wait / NS_PER_S)
        self._tally = Tally(window.start_ns, window)
        self.gaps = Gaps(window.start_ns)
        self._boundary = window.next_boundary(window.start_ns)
        self._due = float(window.start_ns)
        self._sending = True
        for connection in self.connections:
            self._watch(connection)
        self._loop()
        if self.interval_ns and self.requests_left > 0:
            self.overdue = overdue(self._due, self.interval_ns, window)
        self._tick(now_ns())
        for connection in self.connections:
            connection.give_up()
        self.gaps.note(min(now_ns(), window.end_ns))

    def _loop(self) -> None:
        """Until the window is over and everything was answered, or was not for the time that a request has."""
        poll, by_fd, gaps = self._epoll.poll, self._by_fd, self.gaps
        answer_bytes = self.answer.size_bytes if self.answer else -1
        closed = not self.interval_ns
        while self._sending or self._on_the_way:
            events = poll(_IDLE_WAIT_S) if not self.interval_ns else self._poll_until_due()
            now = now_ns()
            if now >= self._boundary and not self._tick(now):
                return
            for fd, event in events:
                connection = by_fd.get(fd)
                if connection is None:
                    continue  # lost since the event was seen
                if event != _IN:
                    self._rare_event(connection, event)
                    continue
                try:
                    data = connection.recv(_READ_BYTES)
                except OSError as error:
                    self._lose(connection, _reason(error))
                    continue
                if len(data) == answer_bytes and not connection.received:
                    if closed:
                        self._turn_around(connection, data)
                    else:
                        self._take_answer(connection, data, 0)
                        self._become_free(connection, 1)
                else:
                    self._take_stream(connection, data)
            if len(self._tally.latencies_us) != self._acknowledged:
                self._acknowledged = len(self._tally.latencies_us)
                gaps.note(now)
            if self.interval_ns:
                self._send_due()
            if self._reconnector and self._sending:
                for connection in self._reconnector.connected(now):
                    self._watch(connection)

    def _tick(self, now: int) -> bool:
        """Hand over the tally and begin the next; False when the run is over, drained or not."""
        self._tally.to_ns = now
        self.on_tick(self._tally)
        self._tally = Tally(now, self._window)
        self._acknowledged = 0
        self._boundary = self._window.next_boundary(now)
        if now >= self._window.end_ns:
            self._sending = False
        for connection in [c for c in self._by_fd.values() if c.sent_at and now - c.sent_at[0] > self.timeout_ns]:
            self._lose(connection, "not answered in time")
        return now < self._window.end_ns + self.timeout_ns

    # --- answers ---------------------------------------------------------------------------------------

    def _take_answer(self, connection: LoadConnection, data: bytes, position: int) -> None:
        answer = self.answer
        assert answer is not None, "without acks nothing is answered"
        fields, sequence = answer.unpack_from(data, position), connection.answered
        if fields[1] != sequence & CORRELATION_ID_MAX:
            # Answers come in the order of the requests: from here on nobody knows what this broker means.
            self._lose(connection, "another request was answered")
            return
        connection.answered = sequence + 1
        self._on_the_way -= 1
        sent_at = connection.sent_at.popleft()
        if fields[2:] == answer.no_errors:
            self._tally.latencies_us.append((now_ns() - sent_at) // 1000)
        else:
            self._note_failure(connection, sequence, fields[2:])

    def _note_failure(self, connection: LoadConnection, sequence: int, codes: tuple[int, ...]) -> None:
        connection.failed[sequence] = codes
        self._tally.failed += 1
        for code in filter(None, codes):
            self._count_error(str(code))
        # With a producer id what follows a refused request would be refused for the gap in the sequences.
        if connection.producers or not MOVED.isdisjoint(codes):
            self._lose(connection, "")

    def _count_error(self, name: str) -> None:
        self.errors[name] = self.errors.get(name, 0) + 1

    def _turn_around(self, connection: LoadConnection, data: bytes) -> None:
        """Closed loop, one whole answer: what `_take_answer`, `_begin` and `_send` do, in one place for its speed.

        Through them a request costs 1.5 µs more, a quarter of all that the generator spends on it."""
        answer = self.answer
        fields = answer.unpack_from(data)  # type: ignore[union-attr]
        sequence = connection.answered
        if (
            fields[1] != sequence & CORRELATION_ID_MAX
            or fields[2:] != answer.no_errors  # type: ignore[union-attr]
            or connection.unsent is not None
            or not self._sending
            or self.requests_left <= 1
        ):
            self._take_answer(connection, data, 0)
            self._become_free(connection, 1)
            return
        connection.answered = sequence + 1
        self.requests_left -= 1
        sent_at = connection.sent_at
        now = now_ns()
        self._tally.latencies_us.append((now - sent_at.popleft()) // 1000)
        sent_at.append(now)
        frame = connection.frame
        sequence = connection.sent
        connection.sent = sequence + 1
        frame.patch(sequence, now)
        try:
            done = connection.send(frame.buffer)
        except BlockingIOError:
            done = 0
        except OSError as error:
            self._lose(connection, _reason(error))
            return
        if done != frame.size_bytes:
            connection.unsent = memoryview(frame.buffer)[done:]
            self._epoll.modify(connection.fd, _IN | _OUT)

    def _take_stream(self, connection: LoadConnection, data: bytes) -> None:
        """Several answers in one piece, or one in several."""
        if not data:
            self._lose(connection, "closed by the broker")
            return
        assert self.answer is not None, "without acks nothing is answered"
        data = connection.received + data
        size, position, count = self.answer.size_bytes, 0, 0
        while len(data) - position >= size and connection.fd in self._by_fd:
            self._take_answer(connection, data, position)
            position += size
            count += 1
        connection.received = data[position:]
        if not self.answer.may_begin(connection.received):
            self._lose(connection, "an answer of another length")
        self._become_free(connection, count)

    # --- requests --------------------------------------------------------------------------------------

    def _watch(self, connection: LoadConnection) -> None:
        self._by_fd[connection.fd] = connection
        if self.answer is None and not self.interval_ns:
            self._epoll.register(connection.fd, _IN | _OUT)
            return
        self._epoll.register(connection.fd, _IN)
        self._become_free(connection, self.in_flight)

    def _become_free(self, connection: LoadConnection, count: int) -> None:
        """`count` more requests may be on their way on this connection, unless it was lost meanwhile."""
        if connection.fd not in self._by_fd:
            return
        if self.interval_ns:
            self._free.extend((connection,) * count)
            return
        for _ in range(count):
            if not self._sending or connection.fd not in self._by_fd:
                return
            self._begin(connection, now_ns())

    def _begin(self, connection: LoadConnection, sent_at: int) -> None:
        self.requests_left -= 1
        if not self.requests_left:
            self._sending = False
        self._on_the_way += 1
        connection.sent_at.append(sent_at)
        if connection.unsent is None:
            self._send(connection)

    def _send(self, connection: LoadConnection) -> None:
        """The next request of the connection; called when no part of an earlier one is left to be sent."""
        sequence = connection.sent
        frame = connection.frame
        frame.patch(sequence, connection.sent_at[sequence - connection.answered])
        connection.sent = sequence + 1
        buffer = frame.buffer
        try:
            done = connection.send(buffer)
        except BlockingIOError:
            done = 0
        except OSError as error:
            self._lose(connection, _reason(error))
            return
        if done != len(buffer):
            connection.unsent = memoryview(buffer)[done:]
            self._epoll.modify(connection.fd, _IN | _OUT)
        elif self.answer is None:
            self._note_sent(connection)

    def _send_rest(self, connection: LoadConnection) -> None:
        rest = connection.unsent
        assert rest is not None, "a frame is on its way"
        try:
            rest = rest[connection.send(rest) :]
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(connection, _reason(error))
            return
        connection.unsent = rest or None
        if rest:
            return
        if self.answer is None:
            self._note_sent(connection)
        if self.answer is not None or self.interval_ns:
            self._epoll.modify(connection.fd, _IN)
        while connection.unsent is None and connection.sent - connection.answered < len(connection.sent_at):
            self._send(connection)

    def _note_sent(self, connection: LoadConnection) -> None:
        """acks=0: this is all there will be to know."""
        connection.answered += 1
        self._on_the_way -= 1
        self._tally.latencies_us.append((now_ns() - connection.sent_at.popleft()) // 1000)
        if self.interval_ns:
            self._free.append(connection)

    # --- open loop -------------------------------------------------------------------------------------

    def _poll_until_due(self) -> list[tuple[int, int]]:
        """Events now or, if there are none, when one comes or the next request is due.

        epoll waits whole milliseconds; select waits microseconds, and an epoll can be waited for."""
        wait_s = (self._due - now_ns()) / NS_PER_S if self._free and self._sending else _IDLE_WAIT_S
        if wait_s > 0:
            select.select([self._epoll], (), (), min(wait_s, _IDLE_WAIT_S))
        return self._epoll.poll(0)

    def _send_due(self) -> None:
        """What is due by now goes out on whatever connection is free, one after another."""
        now = now_ns()
        while self._due <= now and self._free and self._sending:
            connection = self._free.popleft()
            if connection.fd in self._by_fd:
                due, self._due = int(self._due), self._due + self.interval_ns
                self._begin(connection, due)

    # --- what is rare ----------------------------------------------------------------------------------

    def _rare_event(self, connection: LoadConnection, event: int) -> None:
        if not event & _OUT:
            self._lose(connection, "reset by the broker")
        elif connection.unsent is not None:
            self._send_rest(connection)
        elif self.answer is None:
            for _ in range(_UNACKNOWLEDGED_SENDS):
                if connection.unsent is not None or not self._sending or connection.fd not in self._by_fd:
                    return
                self._begin(connection, now_ns())

    def _lose(self, connection: LoadConnection, reason: str) -> None:
        """Its socket is closed, and it looks for its leader; without a reason the loss was counted already."""
        if connection.fd not in self._by_fd:
            return
        del self._by_fd[connection.fd]
        self._epoll.unregister(connection.fd)
        if reason:
            self._count_error(f"connection lost: {reason}")
        given_up = connection.give_up()
        self._on_the_way -= given_up
        self._tally.failed += given_up
        self._free = deque(free for free in self._free if free is not connection)
        self._reconnector.lost(connection)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)

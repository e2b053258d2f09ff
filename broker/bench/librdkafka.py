"""The same load through librdkafka, as users of confluent-kafka see it. Optional: `pip install confluent-kafka`.

Every record carries its identity, for it is librdkafka that decides about batches and partitions. Concurrency is
the number of records on their way: each delivery report sends the next. Linger, batch size and the like are
librdkafka's own settings, by chronik-bench's option names.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from broker.bench.payload import IDENTITY, IDENTITY_BYTES, make_key, make_value
from broker.bench.spec import WorkerSpec
from broker.bench.window import DRAIN_NS, NS_PER_S, Tally, Window, overdue
from broker.bench.wire import BenchError

_POLL_S = 0.05
# poll() knows whole milliseconds: a shorter wait would not be one, and would take a core from the broker.
_POLL_RESOLUTION_S = 0.001
_KEYS = 4096  # prepared beforehand, then in turn
_CONSUME_BATCH = 1000
# Between two looks at consumers of whom none had anything: no record is told to be older by more than this.
_CONSUMERS_IDLE_S = 0.0005

now_ns = time.monotonic_ns


def import_confluent_kafka() -> Any:
    try:
        import confluent_kafka
    except ImportError:
        raise BenchError("--client librdkafka needs the confluent-kafka package: pip install confluent-kafka") from None
    return confluent_kafka


def _wait_until(instant_ns: int) -> None:
    while (wait := instant_ns - now_ns()) > 0:
        time.sleep(wait / NS_PER_S)


class _Ticking:
    """Hands over a tally at each boundary of the window."""

    def __init__(self, window: Window, on_tick: Callable[[Tally], None]) -> None:
        self._window = window
        self._on_tick = on_tick
        self.tally = Tally(window.start_ns, window)
        self.boundary = window.next_boundary(window.start_ns)

    def tick(self, now: int) -> None:
        self.tally.to_ns = now
        self.tally.done = len(self.tally.latencies_us)
        self._on_tick(self.tally)
        self.tally = Tally(now, self._window)
        self.boundary = self._window.next_boundary(now)


class LibrdkafkaProducer:
    def __init__(self, spec: WorkerSpec, on_tick: Callable[[Tally], None]) -> None:
        self.spec = spec
        self._on_tick = on_tick
        self._connection_id = spec.plans[0].connection_id  # for all of this process: it has one producer
        self._producer = import_confluent_kafka().Producer(
            {
                "socket.keepalive.enable": True,
                # What it warns of it tries again; what it gives up is counted.
                "log_level": 3,
                "queue.buffering.max.messages": 10_000_000,
                "queue.buffering.max.kbytes": 1_048_576,
                **spec.client_settings,
            }
        )
        self._value = bytearray(make_value(spec.payload_pattern, spec.message_size, seed=1))
        self._keys = [make_key(spec.key_pattern, number) for number in range(_KEYS)]
        self._sent = 0
        self._failed: dict[str, list[int]] = {}
        self._unknown: set[int] = set()
        self._errors: dict[str, int] = {}
        self._free: deque[int] = deque()
        self._outstanding = 0

    def run(self, window: Window) -> dict[str, object]:
        _wait_until(window.start_ns)
        self._ticking = _Ticking(window, self._on_tick)
        self._limit = self.spec.request_limit or (1 << 62)
        interval_ns = NS_PER_S / self.spec.rate_per_s if self.spec.rate_per_s else 0.0
        due = float(window.start_ns)
        room = len(self.spec.plans) * self.spec.in_flight
        while True:
            now = now_ns()
            if now >= self._ticking.boundary:
                self._ticking.tick(now)
            if now >= window.end_ns or self._sent >= self._limit:
                break
            while self._outstanding < room and self._sent < self._limit and (not interval_ns or due <= now):
                self._send(int(due) if interval_ns else now_ns())
                due += interval_ns
            self._wait((due - now_ns()) / NS_PER_S if interval_ns else _POLL_S)
        unsent = overdue(due, interval_ns, window) if interval_ns and self._sent < self._limit else 0
        drained_by = now_ns() + self.spec.request_timeout_ms * 1_000_000
        while self._outstanding and now_ns() < drained_by:
            self._producer.poll(_POLL_S)
            if now_ns() >= self._ticking.boundary:
                self._ticking.tick(now_ns())
        self._ticking.tick(now_ns())
        return {"errors": self._errors, "accounts": [self._account()], "overdue": unsent}

    def _wait(self, wait_s: float) -> None:
        """For delivery reports, no longer than that."""
        if 0 < wait_s < _POLL_RESOLUTION_S:
            time.sleep(wait_s)
            self._producer.poll(0)
        else:
            # Where it is time already there was no room, which the next delivery report makes.
            self._producer.poll(min(max(wait_s, _POLL_RESOLUTION_S), _POLL_S))

    def _send(self, sent_at: int) -> None:
        sequence = self._sent
        self._sent += 1
        self._outstanding += 1
        self._unknown.add(sequence)
        IDENTITY.pack_into(self._value, 0, self._connection_id, sequence, sent_at)

        def delivered(error: Any, message: Any) -> None:
            self._outstanding -= 1
            self._unknown.discard(sequence)
            tally = self._ticking.tally
            if error is None:
                tally.latencies_us.append((now_ns() - sent_at) // 1000)
                tally.records += 1
                tally.bytes += self.spec.message_size
            else:
                tally.failed += 1
                self._failed[str(sequence)] = [1]
                self._errors[error.str()] = self._errors.get(error.str(), 0) + 1

        self._producer.produce(
            self.spec.topic, value=bytes(self._value), key=self._keys[sequence % _KEYS], on_delivery=delivered
        )

    def _account(self) -> dict[str, object]:
        return {
            "connection_id": self._connection_id,
            "partitions": [],
            "sent": self._sent,
            "failed": self._failed,
            "unknown": sorted(self._unknown),
        }


class LibrdkafkaConsumer:
    """As many consumers of one group as the spec has plans, each polled in turn."""

    def __init__(self, spec: WorkerSpec, on_tick: Callable[[Tally], None]) -> None:
        self.spec = spec
        self._on_tick = on_tick
        kafka = import_confluent_kafka()
        self._consumers = [
            kafka.Consumer(
                {
                    "fetch.wait.max.ms": spec.fetch_wait_max_ms,
                    # For the age of records only those count that are sent from now on.
                    "auto.offset.reset": "latest" if spec.timestamps else "earliest",
                    **spec.client_settings,
                }
            )
            for _ in spec.plans
        ]
        for consumer in self._consumers:
            consumer.subscribe([spec.topic])
        if spec.timestamps:
            self._wait_for_assignments()

    def _wait_for_assignments(self) -> None:
        """Who measures the age of records must be there before the first is sent."""
        deadline = now_ns() + 60 * NS_PER_S
        while not all(consumer.assignment() for consumer in self._consumers):
            if now_ns() > deadline:
                raise BenchError("the group did not give every consumer a partition within 60 s")
            for consumer in self._consumers:
                assert consumer.poll(0.02) is None, "nothing is sent before all consumers are ready"

    def run(self, window: Window) -> dict[str, object]:
        _wait_until(window.start_ns)
        ticking = _Ticking(window, self._on_tick)
        errors: dict[str, int] = {}
        left = self.spec.request_limit or (1 << 62)
        while left > 0:
            found = 0
            # consume() waits until it has as many as were asked for: of one consumer after another that would be
            # the age of every record.
            for consumer in self._consumers:
                messages = consumer.consume(_CONSUME_BATCH, 0)
                found += len(messages)
                for message in messages:
                    if message.error() is not None:
                        name = message.error().str()
                        errors[name] = errors.get(name, 0) + 1
                        continue
                    left -= 1
                    self._count(ticking.tally, message.value())
            if not found:
                time.sleep(_CONSUMERS_IDLE_S)
            now = now_ns()
            if now >= ticking.boundary:
                ticking.tick(now)
                if now >= window.end_ns + (DRAIN_NS if self.spec.timestamps else 0):
                    break
        ticking.tick(now_ns())
        for consumer in self._consumers:
            consumer.close()
        return {"errors": errors, "accounts": []}

    def _count(self, tally: Tally, value: bytes) -> None:
        tally.records += 1
        tally.bytes += len(value)
        if self.spec.timestamps and len(value) >= IDENTITY_BYTES:
            tally.latencies_us.append((now_ns() - IDENTITY.unpack_from(value)[2]) // 1000)

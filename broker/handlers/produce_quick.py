"""The short road of produce requests: no message objects, one wait and one packed answer for all their partitions.

`begin` takes every request that `protocol.produce_bytes` reads and whose topics are here, with acks 1 or all; any other
it leaves to `produce.handle`, before anything was appended. Both roads give the same answers (a test holds them to
that): a batch that is not plain, or is refused, goes the way of `Partition.append` here, too, and where something was
refused the answer is written by the codec. Measured in docs/PERFORMANCE.md.

What is awaited: with acks=1, and with acks=all where this node has the only replica, that everything which this turn of
the loop appended is durable, one wait a request. With followers, the high watermark of each partition.
"""

from __future__ import annotations

from functools import partial

from broker.handlers.locating import find_by_id, find_by_name
from broker.handlers.produce import TOPIC_ID_MIN_VERSION, check_records, refusal, tell_leaders
from broker.handlers.services import Services
from broker.network import Connection, Encoder, Exchange
from broker.partition import ALL_REPLICAS, Partition, Promise
from broker.request import Deferred
from protocol import decode
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.produce import PartitionProduceResponse, ProduceResponse
from protocol.produce_bytes import AppendedNumbers, TopicSpans, produce_response, read_produce

# What lets the produce request behind this one start. There is nothing to abandon in a wait for durability.
_PIPELINED = Deferred()

# Of a place whose wait is another, or over already.
_NOTHING_PROMISED = Promise(None)

FLEXIBLE_MIN_VERSION = 9
# In front of a response's message: size and correlation id; and tagged fields.
HEADER_BYTES = 8
FLEXIBLE_HEADER_BYTES = 9


class QuickProduce(Exchange):
    """Waits in the connection for its turn and in the table for the disk, and is its own answer.

    A place is where a partition stands in the request, counted over all its topics."""

    __slots__ = ("acks", "appended", "outstanding", "promises", "refused", "services", "timeout_ms", "version")

    def __init__(
        self,
        services: Services,
        connection: Connection,
        correlation_id: int,
        encode: Encoder,
        version: int,
        acks: int,
        timeout_ms: int,
        request_bytes: int,
    ) -> None:
        self.services = services
        self.connection = connection
        self.correlation_id = correlation_id
        self.encode = encode
        self.flexible_header = version >= FLEXIBLE_MIN_VERSION
        self.request_bytes = request_bytes
        self.frame = None
        self.deferred = _PIPELINED
        self.version = version
        self.acks = acks
        self.timeout_ms = timeout_ms
        # The answer's frame, if nothing is refused.
        self.appended: bytes | bytearray = b""
        # By place: what the wait for the disk stands on.
        self.promises: list[Promise] = []
        self.refused: dict[int, PartitionProduceResponse] = {}
        self.outstanding = 1

    # --- appending ---------------------------------------------------------------------------------------------

    def append(self, data: bytes, topics: list[TopicSpans]) -> None:
        """Hot: one round of the inner loop for each partition of every produce request."""
        of_topic = self.services.partitions.of_encoded_topic
        now_ms, acks, promises = self.services.clock.now_ms(), self.acks, self.promises
        answers: list[tuple[bytes, AppendedNumbers]] = []
        for topic, spans in topics:
            partitions = of_topic(topic)
            assert partitions is not None, "begin has looked"
            numbers: AppendedNumbers = []
            answers.append((topic, numbers))
            for index, start, end in spans:
                partition = partitions.get(index)
                if partition is not None:
                    offset = partition.append_plain(data, start, end, now_ms, acks)
                    if offset >= 0:
                        role = partition.leading
                        assert role is not None, "it appended"
                        numbers += (index, offset, -1, partition.log.log_start_offset)
                        if acks == ALL_REPLICAS and role.followers:
                            self._wait_for_replicas(partition, partition.log.log_end_offset)
                        else:
                            promises.append(role.promise)
                        continue
                numbers += self._append_any(topic, index, partition, memoryview(data)[start:end], now_ms)
        self.appended = produce_response(self.version, self.correlation_id, answers)

    def _append_any(
        self, topic: bytes, index: int, partition: Partition | None, records: memoryview, now_ms: int
    ) -> tuple[int, int, int, int]:
        """A batch that is not plain, or that is refused."""
        try:
            if partition is None:
                partition = self._find(topic, index)
            check_records(self.version, records)
            result = partition.append(records, now_ms=now_ms, required_acks=self.acks)
        except KafkaError as error:
            self.refused[len(self.promises)] = refusal(index, error)
            self.promises.append(_NOTHING_PROMISED)
            return index, -1, -1, -1
        role = partition.leading
        assert role is not None, "it appended"
        if self.acks == ALL_REPLICAS and role.followers:
            self._wait_for_replicas(partition, result.last_offset + 1)
        else:
            self.promises.append(role.promise)
        return index, result.base_offset, result.log_append_time_ms, result.log_start_offset

    def _find(self, topic: bytes, index: int) -> Partition:
        """Raises KafkaError, for it is not here."""
        if self.version >= TOPIC_ID_MIN_VERSION:
            return find_by_id(self.services, topic, index)
        return find_by_name(self.services, str(topic, "utf-8"), index)

    # --- waiting -----------------------------------------------------------------------------------------------

    def _wait_for_replicas(self, partition: Partition, end_offset: int) -> None:
        place = len(self.promises)
        self.promises.append(_NOTHING_PROMISED)
        self.outstanding += 1
        partition.when_committed(end_offset, partial(self._replicated, place), timeout_ms=self.timeout_ms)

    def _replicated(self, place: int, error: ErrorCode) -> None:
        """The partition's word: everything up to the batch's end is committed, or it will not be."""
        if error is not ErrorCode.NONE:
            self._refuse(place, error)
        self._one_done()

    def durable(self) -> None:
        """All that this request appended is on the disk, as far as the promises hold."""
        for promise in self.promises:
            if not promise.intact:
                self._look_again()
                break
        self._one_done()

    def _look_again(self) -> None:
        for place, promise in enumerate(self.promises):
            if not promise.intact:
                self._look_at(place, promise)

    def _look_at(self, place: int, promise: Promise) -> None:
        error = promise.error
        if error is not ErrorCode.NONE:
            self._refuse(place, error)
        elif self.acks == ALL_REPLICAS and promise.role is not None:
            # Its in-sync set is another than it was: perhaps not this replica alone any more.
            self.outstanding += 1
            deadline_ms = self.services.clock.monotonic_ms() + self.timeout_ms
            promise.role.when_all_is_committed(partial(self._replicated, place), deadline_ms)

    def _refuse(self, place: int, error: ErrorCode) -> None:
        self.refused[place] = PartitionProduceResponse(error_code=error, base_offset=-1)

    # --- answering ---------------------------------------------------------------------------------------------

    def _one_done(self) -> None:
        self.outstanding -= 1
        if self.outstanding:
            return
        if self.refused:
            self._answer_refused()
            return
        self.frame = self.appended
        self.connection.answered()

    def _answer_refused(self) -> None:
        header_bytes = FLEXIBLE_HEADER_BYTES if self.flexible_header else HEADER_BYTES
        response = decode(ProduceResponse, self.version, memoryview(self.appended)[header_bytes:])
        place = 0
        for topic in response.responses:
            partitions = topic.partition_responses
            for at, appended in enumerate(partitions):
                refused = self.refused.get(place)
                if refused is not None:
                    refused.index = appended.index
                    partitions[at] = refused
                place += 1
        tell_leaders(self.services, self.version, self.connection.listener.name, response)
        self.respond(response)


def begin(
    services: Services,
    connection: Connection,
    encode: Encoder,
    correlation_id: int,
    version: int,
    data: bytes,
    position: int,
    end: int,
) -> Exchange | None:
    """Append and take a place in the connection's order; None if this request is not for the short road."""
    spans = read_produce(data, position, end, version)
    if spans is None:
        return None
    acks, timeout_ms, topics = spans
    if acks not in (1, ALL_REPLICAS):
        return None
    for topic, _ in topics:
        if services.partitions.of_encoded_topic(topic) is None:
            return None
    exchange = QuickProduce(services, connection, correlation_id, encode, version, acks, timeout_ms, end - position)
    exchange.append(data, topics)
    connection.expect(exchange)
    services.partitions.when_durable(exchange.durable)
    return exchange

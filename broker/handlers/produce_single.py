"""The short road of a produce request with one partition: no message objects, one exchange from append to answer.

`begin` takes a request only where it can promise the plain answer: one partition that this node leads, a batch that
its log accepts, acks 1 or all. Anything else, every refusal included, it leaves to `produce.handle`, which says why;
an append that was refused has changed nothing, so asking twice is safe. Measured (docs/PERFORMANCE.md): the general
road costs about twice as much per request.
"""

from __future__ import annotations

from broker.handlers.produce import TOPIC_ID_MIN_VERSION, check_records, tell_leaders
from broker.handlers.services import Services
from broker.network import Connection, Encoder, Exchange
from broker.request import Deferred
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.produce import PartitionProduceResponse, ProduceResponse, TopicProduceResponse
from protocol.single_produce import read_single_produce, single_produce_response

# What lets the produce request behind this one start. There is nothing to abandon in a wait for durability.
_PIPELINED = Deferred()


class SingleAppend(Exchange):
    """Waits in the connection for its turn and in the partition for its offset, and is its own answer."""

    __slots__ = ("appended", "index", "services", "topic", "version")

    def __init__(
        self,
        services: Services,
        connection: Connection,
        correlation_id: int,
        encode: Encoder,
        version: int,
        topic: bytes,
        index: int,
        appended: bytes,
        request_bytes: int,
    ) -> None:
        self.services = services
        self.connection = connection
        self.correlation_id = correlation_id
        self.encode = encode
        self.flexible_header = version >= 9
        self.request_bytes = request_bytes
        self.frame = None
        self.deferred = _PIPELINED
        self.version = version
        self.topic = topic
        self.index = index
        self.appended = appended

    def __call__(self, error: ErrorCode) -> None:
        """The partition's word: everything up to the batch's end is durable, or it will not be."""
        if error is ErrorCode.NONE:
            self.frame = self.appended
            self.connection.answered()
            return
        refused = PartitionProduceResponse(index=self.index, error_code=error, base_offset=-1)
        topic = TopicProduceResponse(partition_responses=[refused])
        if self.version >= TOPIC_ID_MIN_VERSION:
            topic.topic_id = self.topic
        else:
            topic.name = str(self.topic, "utf-8")
        response = ProduceResponse(responses=[topic])
        tell_leaders(self.services, self.version, self.connection.listener.name, response)
        self.respond(response)


def begin(
    services: Services,
    connection: Connection,
    encode: Encoder,
    correlation_id: int,
    version: int,
    frame: memoryview,
    position: int,
) -> Exchange | None:
    """Append and take a place in the connection's order; None if this request is not for the short road."""
    single = read_single_produce(frame, position, version)
    if single is None:
        return None
    acks, timeout_ms, topic, index, records = single
    if acks not in (1, -1):
        return None
    partition = services.partitions.find_encoded(topic, index)
    if partition is None or not partition.is_leader:
        return None
    try:
        check_records(version, records)
        result = partition.append(records, now_ms=services.clock.now_ms(), required_acks=acks)
    except KafkaError:
        return None
    appended = single_produce_response(
        version,
        correlation_id,
        topic,
        index,
        result.base_offset,
        result.log_append_time_ms,
        result.log_start_offset,
    )
    exchange = SingleAppend(services, connection, correlation_id, encode, version, topic, index, appended, len(frame))
    connection.expect(exchange)
    if acks == 1:
        partition.when_durable(result.last_offset + 1, exchange)
    else:
        partition.when_committed(result.last_offset + 1, exchange, timeout_ms=timeout_ms)
    return exchange

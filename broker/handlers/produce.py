"""Produce (API key 0), versions 0–13: append record batches to partitions.

v0–v1 carry message sets of magic 0, v2 of magic 1 (KIP-32); both are converted up. v3 carries record batches (KIP-98).
v7 allows zstd (KIP-110). v8 answers with the records that were refused (KIP-467). v9 is flexible. v10 names the
current leader with an error (KIP-951). v12 belongs to transactions V2 (KIP-890). v13 names topics by id (KIP-516).

Kafka 4 serves v3–v13 and advertises 0 (KAFKA-18659): librdkafka before 2.11 finds compression by it. Here 0–2 work.

The whole append happens synchronously, in socket order; what is awaited is one thing per partition: durable on this
node (acks=1) or below the high watermark (acks=all).

Not implemented:
- transactional producers: InitProducerId refuses transactional ids, so a transactional batch is INVALID_TXN_STATE.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from broker.handlers.locating import MOVED, find_by_id, find_by_name, leader_hint
from broker.handlers.services import Services
from broker.log import AppendResult, InvalidRecords
from broker.partition import Partition
from broker.request import CloseConnection, Deferred, RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.produce import (
    BatchIndexAndErrorMessage,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)
from protocol.records import RECORD_BATCH_HEADER_SIZE, Compression, is_legacy

ZSTD_MIN_VERSION = 7
CURRENT_LEADER_MIN_VERSION = 10
TOPIC_ID_MIN_VERSION = 13
# A batch's attributes, low byte: compression in bits 0–2, transactional in bit 4. Two single-byte looks, on every
# request, where the log's validation reads the whole header right after.
_ATTRIBUTES_LOW = 22
_CODEC_MASK = 0x07
_TRANSACTIONAL = 0x10


class PendingProduce(Deferred):
    """One produce request: its response, filled in as its partitions become durable."""

    __slots__ = ("acks", "outstanding", "response", "tell_leaders", "timeout_ms")

    def __init__(self, request: ProduceRequest, tell_leaders: Callable[[ProduceResponse], None]) -> None:
        super().__init__()
        self.acks = request.acks
        self.timeout_ms = request.timeout_ms
        self.tell_leaders = tell_leaders
        self.response = ProduceResponse()
        # One more than there are waits, until all partitions were appended: no answer before that.
        self.outstanding = 1

    def one_done(self) -> None:
        self.outstanding -= 1
        if not self.outstanding:
            self.tell_leaders(self.response)
            self.resolve(self.response if self.acks else self._outcome_without_answer())

    def _outcome_without_answer(self) -> CloseConnection | None:
        """acks=0: a producer that expects no answer is told of a failure in the only way there is. It reconnects and
        refreshes its metadata."""
        partitions = [partition for topic in self.response.responses for partition in topic.partition_responses]
        failed = next((partition for partition in partitions if partition.error_code), None)
        if failed is None:
            return None
        return CloseConnection(f"a produce request with acks=0 failed with {ErrorCode(failed.error_code).name}")


class PartitionWait:
    """The wait of one partition of one request; called once, by the partition."""

    __slots__ = ("pending", "response")

    def __init__(self, pending: PendingProduce, response: PartitionProduceResponse) -> None:
        self.pending = pending
        self.response = response

    def __call__(self, error: ErrorCode) -> None:
        if error is not ErrorCode.NONE:
            self.response.error_code = error
            self.response.base_offset = -1
        self.pending.one_done()


def handle(
    services: Services, context: RequestContext, request: ProduceRequest
) -> Deferred | Coroutine[Any, Any, ProduceResponse | CloseConnection | None]:
    if context.api_version < TOPIC_ID_MIN_VERSION and services.config.auto_create_topics_enable:
        missing = [
            topic.name for topic in request.topic_data if topic.name not in services.metadata.image.topics_by_name
        ]
        if missing:
            return _create_then_produce(services, context, request, missing)
    return _produce(services, context, request)


async def _create_then_produce(
    services: Services, context: RequestContext, request: ProduceRequest, missing: list[str]
) -> ProduceResponse | CloseConnection | None:
    for name in missing:
        try:
            await services.controller.auto_create_topic(name)
        except KafkaError:
            # The partition's own lookup says that the topic is not there; the reason is the metadata request's to give.
            continue
    return await _answer_of(_produce(services, context, request))


async def _answer_of(pending: Deferred) -> ProduceResponse | CloseConnection | None:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    pending.deliver_to(answer.set_result)
    response: ProduceResponse | CloseConnection | None = await answer
    return response


def _produce(services: Services, context: RequestContext, request: ProduceRequest) -> Deferred:
    pending = PendingProduce(request, partial(tell_leaders, services, context.api_version, context.listener_name))
    now_ms = services.clock.now_ms()
    for topic in request.topic_data:
        topic_response = TopicProduceResponse(name=topic.name, topic_id=topic.topic_id)
        pending.response.responses.append(topic_response)
        for data in topic.partition_data:
            partition_response = _append(services, context, pending, topic, data, now_ms)
            topic_response.partition_responses.append(partition_response)
    pending.one_done()
    return pending


def _append(
    services: Services,
    context: RequestContext,
    pending: PendingProduce,
    topic: TopicProduceData,
    data: PartitionProduceData,
    now_ms: int,
) -> PartitionProduceResponse:
    response = PartitionProduceResponse(index=data.index)
    try:
        partition = _find(services, context.api_version, topic, data.index)
        if pending.acks not in (-1, 0, 1):
            raise KafkaError(ErrorCode.INVALID_REQUIRED_ACKS, f"acks is {pending.acks}; it must be -1 (all), 0 or 1")
        if data.records is None or not len(data.records):
            raise KafkaError(ErrorCode.INVALID_RECORD, "the request holds no records for this partition")
        check_records(context.api_version, data.records)
        result = partition.append(data.records, now_ms=now_ms, required_acks=pending.acks)
    except KafkaError as error:
        return refusal(data.index, error)
    response.base_offset = result.base_offset
    response.log_append_time_ms = result.log_append_time_ms
    response.log_start_offset = result.log_start_offset
    _wait(partition, pending, response, result)
    return response


def _wait(
    partition: Partition, pending: PendingProduce, response: PartitionProduceResponse, result: AppendResult
) -> None:
    # With acks=0, too: nobody is told, but the request's bytes count until then, or a producer could outrun the disk.
    pending.outstanding += 1
    wait = PartitionWait(pending, response)
    if pending.acks == -1:
        partition.when_committed(result.last_offset + 1, wait, timeout_ms=pending.timeout_ms)
    else:
        partition.when_durable(result.last_offset + 1, wait)


def _find(services: Services, version: int, topic: TopicProduceData, index: int) -> Partition:
    if version < TOPIC_ID_MIN_VERSION:
        return find_by_name(services, topic.name, index)
    return find_by_id(services, topic.topic_id, index)


def tell_leaders(services: Services, version: int, listener: str, response: ProduceResponse) -> None:
    """KIP-951: beside an error that another broker leads, which one it is."""
    if version < CURRENT_LEADER_MIN_VERSION:
        return
    told: set[int] = set()
    for topic in response.responses:
        for partition in topic.partition_responses:
            if partition.error_code not in MOVED:
                continue
            hint = leader_hint(services, listener, topic.name or topic.topic_id, partition.index)
            if hint is None:
                continue
            partition.current_leader = LeaderIdAndEpoch(leader_id=hint.leader_id, leader_epoch=hint.leader_epoch)
            if hint.leader_id not in told:
                told.add(hint.leader_id)
                response.node_endpoints.append(
                    NodeEndpoint(node_id=hint.leader_id, host=hint.host, port=hint.port, rack=hint.rack)
                )


def check_records(version: int, records: bytes | memoryview) -> None:
    """What the request's version, not the log, refuses. Raises KafkaError."""
    if len(records) > _ATTRIBUTES_LOW and is_legacy(records):
        if version >= 3:
            raise KafkaError(ErrorCode.INVALID_RECORD, f"Produce v{version} carries record batches, not message sets")
        return
    if version < 3:
        raise KafkaError(ErrorCode.INVALID_RECORD, f"Produce v{version} carries message sets, not record batches")
    if len(records) < RECORD_BATCH_HEADER_SIZE or len(records) < 12 + int.from_bytes(records[8:12], "big"):
        # Not CORRUPT_MESSAGE: it was cut by who built it, the same bytes come with every retry.
        raise KafkaError(ErrorCode.INVALID_RECORD, "the request does not hold a whole record batch")
    attributes = records[_ATTRIBUTES_LOW]
    if attributes & _TRANSACTIONAL:
        raise KafkaError(ErrorCode.INVALID_TXN_STATE, "no transaction is open for this producer id")
    if version < ZSTD_MIN_VERSION and attributes & _CODEC_MASK == Compression.ZSTD:
        raise KafkaError(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, f"zstd needs Produce v{ZSTD_MIN_VERSION} or newer")


def refusal(index: int, error: KafkaError) -> PartitionProduceResponse:
    """What the client hears of a partition that did not take its records."""
    response = PartitionProduceResponse(
        index=index, error_code=error.code, base_offset=-1, error_message=error.message or None
    )
    if isinstance(error, InvalidRecords):
        response.record_errors = [
            BatchIndexAndErrorMessage(batch_index=position, batch_index_error_message=message)
            for position, message in error.record_errors
        ]
    return response

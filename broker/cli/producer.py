"""Records to a topic: partitioned as Java's clients do, batched, and sent until the broker has them.

Batches carry the sequence numbers of an idempotent producer where the broker gives out producer ids, so an
attempt that is made again does not write its records twice.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from broker.cli.client import Client, check
from protocol import ApiKey, KafkaError
from protocol.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from protocol.records import Compression, Header, Record, build_batch

# Version 13 names topics by their ids.
PRODUCE_BY_NAME_MAX_VERSION = 12
ACKS_ALL = -1

# Java's clients gather 16 KiB for a partition; a tool that reads a pipe does better with more, and the broker's
# message.max.bytes is 1 MiB unless it was told otherwise.
BATCH_BYTES = 512 * 1024
RECORD_OVERHEAD_BYTES = 32

_MASK = 0xFFFFFFFF
_MURMUR_SEED = 0x9747B28C
_MURMUR_M = 0x5BD1E995


class Producer:
    """Collects records for one topic; `flush` returns when the broker has acknowledged them all."""

    def __init__(
        self,
        client: Client,
        topic: str,
        *,
        acks: int = ACKS_ALL,
        compression: Compression = Compression.NONE,
        partition: int | None = None,
        timeout_s: float,
    ) -> None:
        self._client = client
        self._topic = topic
        self._acks = acks
        self._compression = compression
        self._timeout_ms = round(timeout_s * 1000)
        known = client.partitions(topic, create=True)
        self._partitions = known if partition is None else [partition]
        self._next_without_key = 0
        self._collected: dict[int, list[Record]] = {}
        self._collected_bytes = 0
        self._producer_id, self._producer_epoch = self._ask_producer_id()
        self._sequences: dict[int, int] = {}
        self.record_count = 0
        self.value_bytes = 0
        self.last_offsets: dict[int, int] = {}

    def add(self, key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> None:
        """Take a record; what was collected goes out when it fills a batch."""
        partition = self._partition_of(key)
        records = self._collected.setdefault(partition, [])
        records.append(Record(len(records), time.time_ns() // 1_000_000, key, value, list(headers)))
        size = len(key or b"") + len(value or b"")
        self.record_count += 1
        self.value_bytes += size
        self._collected_bytes += size + RECORD_OVERHEAD_BYTES
        if self._collected_bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was collected; KafkaError names the partition that refused its records."""
        if not self._collected:
            return
        batches = {partition: self._batch(partition, records) for partition, records in self._collected.items()}
        counts = {partition: len(records) for partition, records in self._collected.items()}
        self._collected, self._collected_bytes = {}, 0
        self._client.attempt(lambda: self._send(batches))
        for partition, count in counts.items():
            self._sequences[partition] = (self._sequences.get(partition, 0) + count) & 0x7FFFFFFF
        # Records without a key go to one partition until it is sent, then to the next: full batches, even spread.
        self._next_without_key += 1

    def _partition_of(self, key: bytes | None) -> int:
        if key is None:
            return self._partitions[self._next_without_key % len(self._partitions)]
        return self._partitions[(murmur2(key) & 0x7FFFFFFF) % len(self._partitions)]

    def _batch(self, partition: int, records: list[Record]) -> bytes:
        return build_batch(
            records,
            compression=self._compression,
            producer_id=self._producer_id,
            producer_epoch=self._producer_epoch,
            base_sequence=self._sequences.get(partition, 0) if self._producer_id >= 0 else -1,
        )

    def _send(self, batches: dict[int, bytes]) -> None:
        """Send to every leader, and take out of `batches` what was acknowledged: only the rest is tried again."""
        partitions = [(self._topic, partition) for partition in batches]
        failure: KafkaError | None = None
        for connection, led in self._client.by_leader(partitions):
            request = ProduceRequest(
                acks=self._acks,
                timeout_ms=self._timeout_ms,
                topic_data=[
                    TopicProduceData(
                        name=self._topic,
                        partition_data=[
                            PartitionProduceData(index=partition, records=batches[partition]) for _, partition in led
                        ],
                    )
                ],
            )
            if self._acks == 0:
                connection.send_without_answer(request, at_most=PRODUCE_BY_NAME_MAX_VERSION)
                continue
            answer = connection.send(request, ProduceResponse, at_most=PRODUCE_BY_NAME_MAX_VERSION)
            for result in answer.responses[0].partition_responses:
                try:
                    check(result.error_code, result.error_message, about=f"{self._topic}-{result.index}")
                except KafkaError as error:
                    failure = error
                    continue
                del batches[result.index]
                self.last_offsets[result.index] = result.base_offset
        if failure is not None:
            raise failure

    def _ask_producer_id(self) -> tuple[int, int]:
        """An id for idempotence, or (-1, -1): it needs acks=all and a broker that gives out ids."""
        if self._acks != ACKS_ALL or ApiKey.INIT_PRODUCER_ID not in self._client.any().ranges:
            return -1, -1

        def ask() -> tuple[int, int]:
            request = InitProducerIdRequest(transactional_id=None)
            answer = self._client.any().send(request, InitProducerIdResponse)
            check(answer.error_code, None, about="a producer id")
            return answer.producer_id, answer.producer_epoch

        return self._client.attempt(ask)


def murmur2(data: bytes) -> int:
    """The hash by which Java's clients choose a key's partition (murmur2, 32 bits, their seed)."""
    length = len(data)
    value = (_MURMUR_SEED ^ length) & _MASK
    for position in range(0, length - length % 4, 4):
        word = int.from_bytes(data[position : position + 4], "little") * _MURMUR_M & _MASK
        word = (word ^ word >> 24) * _MURMUR_M & _MASK
        value = (value * _MURMUR_M & _MASK) ^ word
    if length % 4:
        value = (value ^ int.from_bytes(data[length - length % 4 :], "little")) * _MURMUR_M & _MASK
    value = (value ^ value >> 13) * _MURMUR_M & _MASK
    return value ^ value >> 15

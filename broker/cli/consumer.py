"""Records of partitions, fetched in order: each partition from a position, up to an end or for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from broker.cli.client import Client, TopicPartition, check
from broker.cli.connection import Connection
from protocol import ErrorCode, KafkaError
from protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    PartitionData,
)
from protocol.records import RECORD_BATCH_HEADER_SIZE, Record, read_batch_header, read_records, verify_crc

# Version 13 names topics by their ids.
FETCH_BY_NAME_MAX_VERSION = 12
FETCH_BYTES = 50 * 1024 * 1024
PARTITION_BYTES = 4 * 1024 * 1024
DECOMPRESSED_BYTES_MAX = 1 << 30
MAX_WAIT_MS = 500
CONSUMER_REPLICA = -1


@dataclass(slots=True)
class Progress:
    """Where reading is in each partition, and where it ends; a partition without an end is followed."""

    positions: dict[TopicPartition, int]
    ends: dict[TopicPartition, int] = field(default_factory=dict)

    def unfinished(self) -> list[TopicPartition]:
        return [one for one, position in self.positions.items() if one not in self.ends or position < self.ends[one]]


def consume(client: Client, progress: Progress) -> Iterator[tuple[TopicPartition, list[Record]]]:
    """Records by partition, batch by batch; `progress` is moved when the caller comes back for more."""
    while partitions := progress.unfinished():
        for partition, data in client.attempt(partial(_fetch, client, progress, partitions)):
            yield from _records(progress, partition, data)


def _fetch(
    client: Client, progress: Progress, partitions: list[TopicPartition]
) -> list[tuple[TopicPartition, PartitionData]]:
    answers = []
    for connection, led in client.by_leader(partitions):
        for topic in _ask(connection, progress, led).responses:
            for data in topic.partitions:
                _check(progress, (topic.topic, data.partition_index), data)
                answers.append(((topic.topic, data.partition_index), data))
    return answers


def _ask(connection: Connection, progress: Progress, partitions: list[TopicPartition]) -> FetchResponse:
    topics: dict[str, FetchTopic] = {}
    for topic, partition in partitions:
        entry = topics.setdefault(topic, FetchTopic(topic=topic))
        entry.partitions.append(
            FetchPartition(
                partition=partition,
                fetch_offset=progress.positions[topic, partition],
                partition_max_bytes=PARTITION_BYTES,
            )
        )
    request = FetchRequest(
        replica_id=CONSUMER_REPLICA,
        max_wait_ms=MAX_WAIT_MS,
        min_bytes=1,
        max_bytes=FETCH_BYTES,
        topics=list(topics.values()),
    )
    answer = connection.send(request, FetchResponse, at_most=FETCH_BY_NAME_MAX_VERSION)
    check(answer.error_code, None, about="fetching")
    return answer


def _check(progress: Progress, partition: TopicPartition, data: PartitionData) -> None:
    name = f"{partition[0]}-{partition[1]}"
    if data.error_code == ErrorCode.OFFSET_OUT_OF_RANGE:
        raise KafkaError(
            ErrorCode.OFFSET_OUT_OF_RANGE, f"{name} has no offset {progress.positions[partition]} (any more)"
        )
    check(data.error_code, None, about=name)


def _records(
    progress: Progress, partition: TopicPartition, data: PartitionData
) -> Iterator[tuple[TopicPartition, list[Record]]]:
    """The records of one answer from the position on; a batch that was cut at the end comes with the next."""
    records = data.records or b""
    position = 0
    while position + RECORD_BATCH_HEADER_SIZE <= len(records):
        header = read_batch_header(records, position)
        if position + header.size_bytes > len(records):
            break
        verify_crc(records, position, header)
        if not header.is_control:
            wanted = [
                record
                for record in read_records(records, position, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
                if progress.positions[partition] <= record.offset < progress.ends.get(partition, record.offset + 1)
            ]
            if wanted:
                yield partition, wanted
        progress.positions[partition] = max(progress.positions[partition], header.next_offset)
        position += header.size_bytes

"""Reads partitions to their ends, as fast as one blocking client can, and hands every batch to who checks it.

Leaders may move meanwhile: then it asks who leads now and goes on where it was. What never gets on ends in an error
after STALL_LIMIT_S, for that says nothing of any record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from broker.bench.wire import LATEST, Address, BenchError, Cluster, Unreachable, by_leader, check
from protocol import ErrorCode, KafkaError
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData
from protocol.records import BatchHeader, read_batch_header

FETCH_BYTES = 16 << 20
STALL_LIMIT_S = 60.0


class TakesBatches(Protocol):
    def take(self, buffer: memoryview, position: int, header: BatchHeader) -> None: ...


class ReadBack:
    """Partitions of one topic, each from its start offset on."""

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        start_offsets: Mapping[int, int],
        checks: Mapping[int, TakesBatches],
        on_progress: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._topic = topic
        self._positions = dict(start_offsets)
        self._checks = checks
        self._on_progress = on_progress

    def read_to_end(self) -> None:
        """Up to what is the end of every partition by then."""
        self._stalled_at = time.monotonic() + STALL_LIMIT_S
        while True:
            leaders, ends = self._cluster.topic_offsets(self._topic, LATEST)
            positions = self._positions
            behind = {index: end for index, end in ends.items() if index in positions and positions[index] < end}
            if not behind:
                return
            try:
                self._read(leaders, behind)
            except Unreachable:
                self._wait_for_leaders("a leader cannot be reached")
            except KafkaError as error:
                if not error.code.retriable:
                    raise
                self._wait_for_leaders(str(error))

    def _wait_for_leaders(self, why: str) -> None:
        self._cluster.close()
        self._require_progress(why)
        time.sleep(0.05)

    def _require_progress(self, why: str) -> None:
        if time.monotonic() > self._stalled_at:
            raise BenchError(f"reading back {self._topic} did not get on for {STALL_LIMIT_S:.0f} s: {why}")

    def _read(self, leaders: Mapping[int, Address], ends: Mapping[int, int]) -> None:
        """The partitions of `ends` up to there."""
        positions = self._positions
        for address, partitions in by_leader({index: leaders[index] for index in ends}).items():
            while unread := [index for index in partitions if positions[index] < ends[index]]:
                # The first partition of a request is served first, so the one that is furthest behind leads.
                unread.sort(key=lambda index: positions[index] - ends[index])
                before = sum(positions.values())
                for partition in self._fetch(address, unread):
                    check(partition.error_code, f"fetching {self._topic}-{partition.partition_index}")
                    self._take(partition)
                if sum(positions.values()) > before:
                    self._stalled_at = time.monotonic() + STALL_LIMIT_S
                    self._on_progress()
                else:
                    self._require_progress("fetches return nothing, although the log does not end there")

    def _fetch(self, address: Address, partitions: list[int]) -> list[PartitionData]:
        wanted = [
            FetchPartition(partition=index, fetch_offset=self._positions[index], partition_max_bytes=FETCH_BYTES)
            for index in partitions
        ]
        request = FetchRequest(
            max_wait_ms=500,
            min_bytes=1,
            max_bytes=FETCH_BYTES,
            topics=[FetchTopic(topic=self._topic, partitions=wanted)],
        )
        answer = self._cluster.connection(address).send(request, FetchResponse)
        check(answer.error_code, f"fetching {self._topic}")
        return answer.responses[0].partitions if answer.responses else []

    def _take(self, partition: PartitionData) -> None:
        """A fetch may end in a part of a batch, and begin before its offset."""
        index = partition.partition_index
        view = memoryview(partition.records or b"")
        position = 0
        while position < len(view):
            try:
                header = read_batch_header(view, position)
            except KafkaError as error:
                if error.code is not ErrorCode.CORRUPT_MESSAGE or position == 0:
                    raise
                break
            if header.next_offset > self._positions[index]:
                self._checks[index].take(view, position, header)
                self._positions[index] = header.next_offset
            position += header.size_bytes

"""Reads back what a produce run wrote and counts it: lost, duplicated, out of order, corrupted.

Every batch says who sent it (payload.py): a connection and the sequence of a request on it, or with producer ids
the producer and its base sequence. For every partition and connection a byte a request holds whether it was seen.

lost           acknowledged and not there, although the partition was read to its end
duplicated     there more than once, acknowledged or not
out of order   acknowledged, and behind a later acknowledged request of the same connection
corrupted      a batch whose checksum does not hold, or which has other records than were sent

Records of librdkafka each say who they are, for it decides about batches and partitions: there a sequence is that of
a record, looked for in all partitions.

Requests that failed or were never answered may be there or not; how many were is told, and is no fault.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from broker.bench.payload import IDENTITY, IDENTITY_BYTES
from broker.bench.read_back import ReadBack
from broker.bench.wire import Cluster
from protocol import KafkaError
from protocol.records import BatchHeader, read_records, verify_crc

MISSING_WAIT_S = 5.0


@dataclass(slots=True)
class Account:
    """What became of the requests of one connection."""

    connection_id: int
    partitions: list[int]  # of every request; none where the client chose one for every record
    sent: int
    failed: dict[int, list[int]]  # error codes in the order of the partitions, by sequence
    unknown: Collection[int]
    producers: list[tuple[int, int]] = field(default_factory=list)  # ids, each with its first request's sequence

    def outcomes(self, place: int) -> bytearray:
        """A byte for every request: 1 if it was acknowledged for the partition at that place of the request."""
        if len(self.unknown) == self.sent:
            return bytearray(self.sent)  # without acks, and there may be millions
        acknowledged = bytearray(b"\1") * self.sent
        for sequence, codes in self.failed.items():
            if codes[place]:
                acknowledged[sequence] = 0
        for sequence in self.unknown:
            acknowledged[sequence] = 0
        return acknowledged


@dataclass(slots=True)
class Verification:
    """In records."""

    acknowledged: int = 0
    read_back: int = 0
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    corrupted: int = 0
    unacknowledged: int = 0  # sent, and refused or not answered
    unacknowledged_found: int = 0
    foreign: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return self.lost + self.duplicated + self.out_of_order + self.corrupted

    @property
    def is_clean(self) -> bool:
        return not self.faults

    def note(self, example: str) -> None:
        if len(self.examples) < 10:
            self.examples.append(example)


class _Sender:
    """One connection's requests in one partition, or one client's records in all of them."""

    __slots__ = ("acknowledged", "connection_id", "seen")

    def __init__(self, connection_id: int, acknowledged: bytearray) -> None:
        self.connection_id = connection_id
        self.acknowledged = acknowledged
        self.seen = bytearray(len(acknowledged))

    def missing(self) -> list[int]:
        if self.seen == self.acknowledged:
            return []
        return [
            sequence
            for sequence, (acknowledged, seen) in enumerate(zip(self.acknowledged, self.seen, strict=True))
            if acknowledged and not seen
        ]


class PartitionCheck:
    """Takes the batches of one partition in the order of the log."""

    def __init__(
        self,
        partition: int,
        accounts: Iterable[Account],
        records_per_batch: int,
        result: Verification,
        clients: Mapping[int, _Sender],
    ) -> None:
        self.partition = partition
        self.records_per_batch = records_per_batch
        self.result = result
        self._clients = clients
        self._by_connection: dict[int, _Sender] = {}
        self._by_producer: dict[int, tuple[_Sender, int]] = {}
        self.senders: list[_Sender] = []
        self._last: dict[int, int] = {}  # the latest sequence of each connection
        for account in accounts:
            if partition not in account.partitions:
                continue
            sender = _Sender(account.connection_id, account.outcomes(account.partitions.index(partition)))
            self.senders.append(sender)
            for producer_id, first_sequence in account.producers:
                self._by_producer[producer_id] = sender, first_sequence
            if not account.producers:
                self._by_connection[account.connection_id] = sender
        self._identity_at = -1
        self._length = -1

    def take(self, buffer: memoryview, position: int, header: BatchHeader) -> None:
        try:
            verify_crc(buffer, position, header)
        except KafkaError:
            self.result.corrupted += header.record_count
            self.result.note(f"partition {self.partition}, offset {header.base_offset}: wrong checksum")
            return
        if self._clients:
            self._take_records(buffer, position, header)
            return
        if self._by_producer:
            found = self._by_producer.get(header.producer_id)
            sender, first_sequence = found if found else (None, 0)
            sequence = first_sequence + header.base_sequence // self.records_per_batch
        else:
            connection_id, sequence = self._identity(buffer, position, header)
            sender = self._by_connection.get(connection_id)
        if sender is None or sequence >= len(sender.seen):
            self.result.foreign += header.record_count
        elif header.record_count != self.records_per_batch:
            self.result.corrupted += header.record_count
            self.result.note(f"partition {self.partition}, offset {header.base_offset}: other records than were sent")
        else:
            self._count(sender, sequence, header.record_count, header.base_offset)

    def _take_records(self, buffer: memoryview, position: int, header: BatchHeader) -> None:
        for record in read_records(buffer, position, header, decompressed_bytes_max=1 << 30):
            value = record.value or b""
            connection_id, sequence, _ = IDENTITY.unpack_from(value) if len(value) >= IDENTITY_BYTES else (-1, 0, 0)
            sender = self._clients.get(connection_id)
            if sender is None or sequence >= len(sender.seen):
                self.result.foreign += 1
            else:
                self._count(sender, sequence, 1, record.offset)

    def _identity(self, buffer: memoryview, position: int, header: BatchHeader) -> tuple[int, int]:
        """Batches of one run have the identity at one place; where it is says the first, read as records."""
        if header.batch_length != self._length or header.attributes & 7:
            records = read_records(buffer, position, header, decompressed_bytes_max=1 << 30)
            value = (records[0].value if records else None) or b""
            if len(value) < IDENTITY_BYTES:
                return -1, 0
            if not header.attributes & 7:
                batch = bytes(buffer[position : position + header.size_bytes])
                self._identity_at, self._length = batch.find(value), header.batch_length
            connection_id, sequence, _ = IDENTITY.unpack_from(value)
        else:
            connection_id, sequence, _ = IDENTITY.unpack_from(buffer, position + self._identity_at)
        return connection_id, sequence

    def _count(self, sender: _Sender, sequence: int, count: int, offset: int) -> None:
        result = self.result
        if sender.seen[sequence]:
            result.duplicated += count
            result.note(f"{self._name(sender, sequence)} is there again at offset {offset}")
            return
        sender.seen[sequence] = 1
        if not sender.acknowledged[sequence]:
            # It may have arrived after its connection was given up, and behind what the next one sent.
            result.unacknowledged_found += count
            return
        result.read_back += count
        last = self._last.get(sender.connection_id, -1)
        if sequence < last:
            result.out_of_order += count
            result.note(f"{self._name(sender, sequence)} is behind request {last}")
        else:
            self._last[sender.connection_id] = sequence

    def _name(self, sender: _Sender, sequence: int) -> str:
        return f"partition {self.partition}: request {sequence} of connection {sender.connection_id & 0xFFFF}"


def _finish(senders: Iterable[_Sender], records_per_batch: int, result: Verification) -> None:
    """Count what was acknowledged and never came."""
    for sender in senders:
        acknowledged = sum(sender.acknowledged)
        result.acknowledged += acknowledged * records_per_batch
        result.unacknowledged += (len(sender.acknowledged) - acknowledged) * records_per_batch
        missing = sender.missing()
        result.lost += len(missing) * records_per_batch
        for sequence in missing[:3]:
            result.note(
                f"request {sequence} of connection {sender.connection_id & 0xFFFF} was acknowledged and is lost"
            )


def verify(
    cluster: Cluster,
    topic: str,
    accounts: list[Account],
    start_offsets: Mapping[int, int],
    records_per_batch: int,
    *,
    on_progress: Callable[[int], None] = lambda records: None,
) -> Verification:
    """Reads every partition from `start_offsets` to its end, and a little longer where something is missing.

    BenchError where reading does not get on: that is no statement about records."""
    result = Verification()
    clients = {
        account.connection_id: _Sender(account.connection_id, account.outcomes(0))
        for account in accounts
        if not account.partitions
    }
    checks = {
        partition: PartitionCheck(partition, accounts, records_per_batch, result, clients)
        for partition in start_offsets
    }
    senders = [*clients.values(), *(sender for found in checks.values() for sender in found.senders)]
    reading = ReadBack(cluster, topic, start_offsets, checks, lambda: on_progress(result.read_back))
    deadline = 0.0
    while True:
        reading.read_to_end()
        # A follower's progress reaches the high watermark a little after the acknowledgement of acks=1.
        if not any(sender.missing() for sender in senders) or (deadline and time.monotonic() > deadline):
            break
        deadline = deadline or time.monotonic() + MISSING_WAIT_S
        time.sleep(0.05)
    _finish(senders, records_per_batch, result)
    return result

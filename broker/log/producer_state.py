"""What each idempotent producer last wrote to this partition: duplicates, gaps, fenced epochs, open transactions.

Rules (Kafka's, per partition and producer id):

| the batch | answer |
|---|---|
| no state for the producer id | accepted with any first sequence (its history may be expired or deleted) |
| epoch below the known one | INVALID_PRODUCER_EPOCH |
| epoch above the known one, sequence not 0 | OUT_OF_ORDER_SEQUENCE_NUMBER |
| same epoch, first and last sequence of one of the last five batches | duplicate: its old offsets |
| same epoch, sequence not the last one + 1 (2^31-1 is followed by 0) | OUT_OF_ORDER_SEQUENCE_NUMBER |
| not transactional while a transaction of this producer is open here | INVALID_TXN_STATE |
"""

from __future__ import annotations

from typing import NamedTuple

from broker.log.transaction_index import AbortedTransaction
from protocol.errors import ErrorCode, KafkaError
from protocol.records import TRANSACTIONAL_BIT, BatchHeader, HeaderFields

BATCHES_KEPT = 5
NO_OFFSET = -1
SEQUENCE_MAX = 0x7FFF_FFFF  # is followed by 0


class ProducedBatch(NamedTuple):
    first_sequence: int
    last_offset_delta: int
    first_offset: int
    timestamp: int

    @property
    def last_sequence(self) -> int:
        return (self.first_sequence + self.last_offset_delta) & SEQUENCE_MAX

    @property
    def last_offset(self) -> int:
        return self.first_offset + self.last_offset_delta


class ProducerEntry:
    """One producer id. `next_sequence` is what follows its last batch, 0 where the current epoch has none yet."""

    __slots__ = (
        "_batches",
        "coordinator_epoch",
        "last_timestamp",
        "next_sequence",
        "producer_epoch",
        "transaction_first_offset",
    )

    def __init__(self, producer_epoch: int) -> None:
        self.producer_epoch = producer_epoch
        self.next_sequence = 0
        self.coordinator_epoch = -1
        self.last_timestamp = -1
        self.transaction_first_offset = NO_OFFSET
        # A ProducedBatch's fields each: to make one costs more than all else that is done for a batch.
        self._batches: list[tuple[int, int, int, int]] = []

    @property
    def batches(self) -> list[ProducedBatch]:
        """The last five of the current epoch, oldest first."""
        return [ProducedBatch(*batch) for batch in self._batches]

    @property
    def last_sequence(self) -> int:
        return (self.next_sequence - 1) & SEQUENCE_MAX if self._batches else -1

    @property
    def last_offset(self) -> int:
        """Of the last data batch of the current epoch, -1 if none is known."""
        return ProducedBatch(*self._batches[-1]).last_offset if self._batches else NO_OFFSET

    def add(self, sequence: int, last_offset_delta: int, first_offset: int, timestamp: int) -> None:
        """The next data batch of the current epoch. Hot: once per batch of an idempotent producer."""
        batches = self._batches
        batches.append((sequence, last_offset_delta, first_offset, timestamp))
        if len(batches) > BATCHES_KEPT:
            del batches[0]
        self.next_sequence = (sequence + last_offset_delta + 1) & SEQUENCE_MAX
        self.last_timestamp = timestamp

    def begin_epoch(self, producer_epoch: int) -> None:
        self.producer_epoch = producer_epoch
        self.next_sequence = 0
        self._batches.clear()

    def find(self, sequence: int, last_offset_delta: int) -> ProducedBatch | None:
        """The kept batch with this first and last sequence. The newest first: before a history that began anew at 0, a
        crash may bring back one that retention had given up."""
        for batch in reversed(self._batches):
            if batch[0] == sequence and batch[1] == last_offset_delta:
                return ProducedBatch(*batch)
        return None


class CompletedTransaction(NamedTuple):
    producer_id: int
    first_offset: int
    last_offset: int
    aborted: bool


class ProducerStates:
    """All producers of one partition. `check` decides, `update` and `end_transaction` change."""

    __slots__ = ("_ongoing", "_unreplicated", "changed", "entries")

    def __init__(self, entries: dict[int, ProducerEntry] | None = None) -> None:
        self.entries = entries or {}
        ongoing = sorted([(entry.transaction_first_offset, key) for key, entry in self.entries.items()])
        # Producer id -> first offset; transactions open in offset order, so the first value is the lowest.
        self._ongoing = {producer_id: first for first, producer_id in ongoing if first != NO_OFFSET}
        # (first offset, marker's offset) of ended transactions whose marker is not below the high watermark.
        self._unreplicated: list[tuple[int, int]] = []
        self.changed = False  # since the last snapshot

    def check(self, header: BatchHeader) -> ProducedBatch | None:
        """The earlier batch if this data batch is a duplicate, None if it is next. KafkaError as the table says.

        Hot, as `update`: header fields by their place."""
        entry = self.entries.get(header[9])
        if entry is None:
            return None
        epoch, sequence = header[10], header[11]
        if epoch == entry.producer_epoch:
            if sequence != entry.next_sequence:
                earlier = entry.find(sequence, header[6])
                if earlier is None:
                    raise out_of_order(header, f"the next sequence is {entry.next_sequence}")
                return earlier
        elif epoch < entry.producer_epoch:
            raise stale_epoch(header, entry)
        elif sequence != 0:
            # KIP-360: a bumped epoch starts at sequence 0.
            raise out_of_order(header, f"epoch {epoch} is new and must start at 0")
        if entry.transaction_first_offset != NO_OFFSET and not header[5] & TRANSACTIONAL_BIT:
            raise KafkaError(ErrorCode.INVALID_TXN_STATE, f"producer {header[9]} has an open transaction here")
        return None

    def update(self, header: HeaderFields, first_offset: int) -> None:
        """A data batch of a producer was appended."""
        entry = self.entries.get(header[9])
        if entry is None or entry.producer_epoch != header[10]:
            entry = self._entry(header[9], header[10])
        entry.add(header[11], header[6], first_offset, header[8])
        if header[5] & TRANSACTIONAL_BIT and entry.transaction_first_offset == NO_OFFSET:
            entry.transaction_first_offset = self._ongoing[header[9]] = first_offset
        self.changed = True

    def append_next(
        self, producer_id: int, epoch: int, sequence: int, offset: int, last_offset_delta: int, timestamp: int
    ) -> bool:
        """`check` and `update` of a batch that is not transactional, if it is the next of a producer that is known and
        has no open transaction; False, and nothing changed, if there is more to be looked at."""
        entry = self.entries.get(producer_id)
        if (
            entry is None
            or entry.producer_epoch != epoch
            or entry.next_sequence != sequence
            or entry.transaction_first_offset != NO_OFFSET
        ):
            return False
        entry.add(sequence, last_offset_delta, offset, timestamp)
        self.changed = True
        return True

    def _entry(self, producer_id: int, epoch: int) -> ProducerEntry:
        entry = self.entries.get(producer_id)
        if entry is None:
            entry = self.entries[producer_id] = ProducerEntry(epoch)
        elif entry.producer_epoch != epoch:
            entry.begin_epoch(epoch)
        return entry

    def check_marker(self, header: BatchHeader, coordinator_epoch: int) -> None:
        """Refuses a marker of a fenced producer epoch or of a deposed transaction coordinator."""
        entry = self.entries.get(header.producer_id)
        if entry is None:
            return
        if header.producer_epoch < entry.producer_epoch:
            raise stale_epoch(header, entry)
        if coordinator_epoch < entry.coordinator_epoch:
            raise KafkaError(
                ErrorCode.TRANSACTION_COORDINATOR_FENCED,
                f"coordinator epoch {coordinator_epoch} is older than {entry.coordinator_epoch}",
            )

    def end_transaction(
        self, header: BatchHeader, offset: int, coordinator_epoch: int, *, aborted: bool
    ) -> CompletedTransaction | None:
        """A marker was appended at `offset`. None if the producer had nothing open here."""
        producer_id = header.producer_id
        entry = self._entry(producer_id, header.producer_epoch)
        entry.coordinator_epoch = coordinator_epoch
        entry.last_timestamp = header.max_timestamp
        self.changed = True
        first_offset = entry.transaction_first_offset
        if first_offset == NO_OFFSET:
            return None
        entry.transaction_first_offset = NO_OFFSET
        self._ongoing.pop(producer_id, None)
        self._unreplicated.append((first_offset, offset))
        return CompletedTransaction(producer_id, first_offset, offset, aborted)

    def aborted_entry(self, completed: CompletedTransaction) -> AbortedTransaction:
        """The transaction index entry of an aborted transaction, after `end_transaction`."""
        others = next(iter(self._ongoing.values()), completed.last_offset + 1)
        stable = min(others, completed.last_offset + 1)
        return AbortedTransaction(completed.producer_id, completed.first_offset, completed.last_offset, stable)

    @property
    def first_ongoing_offset(self) -> int | None:
        return next(iter(self._ongoing.values()), None)

    def first_unstable_offset(self, high_watermark: int) -> int | None:
        """Where read_committed must stop: the oldest transaction that is open, or whose marker could still be lost."""
        unreplicated = self._unreplicated
        while unreplicated and unreplicated[0][1] < high_watermark:
            del unreplicated[0]
        first = self.first_ongoing_offset
        if not unreplicated:
            return first
        oldest = min(start for start, _ in unreplicated)
        return oldest if first is None else min(first, oldest)

    def expire(self, now_ms: int, expiration_ms: int) -> int:
        """Forget producers idle for `expiration_ms` without an open transaction; returns how many."""
        old = [
            producer_id
            for producer_id, entry in self.entries.items()
            if entry.transaction_first_offset == NO_OFFSET and now_ms - entry.last_timestamp >= expiration_ms
        ]
        for producer_id in old:
            del self.entries[producer_id]
        self.changed |= bool(old)
        return len(old)


def out_of_order(header: BatchHeader, why: str) -> KafkaError:
    return KafkaError(
        ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
        f"producer {header.producer_id} (epoch {header.producer_epoch}) sent sequence {header.base_sequence}: {why}",
    )


def stale_epoch(header: BatchHeader, entry: ProducerEntry) -> KafkaError:
    return KafkaError(
        ErrorCode.INVALID_PRODUCER_EPOCH,
        f"producer {header.producer_id} sent epoch {header.producer_epoch}, the current one is {entry.producer_epoch}",
    )

"""Producers: one that keeps its promises over every failure, and one that sends each batch once and looks away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.errors import ErrorCode
from protocol.messages.init_producer_id import InitProducerIdRequest
from protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    TopicProduceData,
)
from protocol.records import Compression, Record, build_batch
from simulation.clients.client import REQUEST_TIMEOUT_S, Client, Surroundings
from simulation.clients.connection import Disconnected, NeverSent, Pending
from simulation.history import Outcome, Place, Send

# Kafka's own limit of what an idempotent producer may have under way: the broker remembers five batches.
IN_FLIGHT_MAX = 5
RECORDS_PER_BATCH_MAX = 3
TIMESTAMP_MS = 1_700_000_000_000
PRODUCE_VERSIONS = (9, 12, 13)  # flexible by name; with current leaders; by topic id
BROKER_TIMEOUT_S = REQUEST_TIMEOUT_S - 1.0

# Answers that say the batch was refused before it reached the log.
REFUSALS = frozenset(
    {
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.INVALID_RECORD,
        ErrorCode.MESSAGE_TOO_LARGE,
        ErrorCode.NOT_ENOUGH_REPLICAS,
        ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }
)


class Producer(Client):
    """What both have in common: values that are unique, and requests that carry one batch. Each partition is a lane
    of its own; `batches_max` counts for each."""

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        places: Sequence[Place],
        *,
        pause_s: float = 0.1,
        batches_max: int = 1_000_000,
    ) -> None:
        super().__init__(name, surroundings)
        self.places = list(places)
        self.pause_s = pause_s
        self.batches_max = batches_max
        self.version = self.rng.choice(PRODUCE_VERSIONS)
        self._values = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as lanes:
            for place in self.places:
                lanes.create_task(self.run_lane(place), name=f"{self.name}-{place[0]}-{place[1]}")
        self.close()

    async def run_lane(self, place: Place) -> None:
        raise NotImplementedError

    def new_values(self) -> tuple[bytes, ...]:
        count = self.rng.randint(1, RECORDS_PER_BATCH_MAX)
        first, self._values = self._values, self._values + count
        padding = b"." * self.rng.choice((0, 0, 20, 300))
        return tuple(f"{self.name} {number} ".encode() + padding for number in range(first, self._values))

    async def send(self, place: Place, records: bytes) -> Pending:
        """To the leader as it is known. Raises NeverSent."""
        leader = self.leader_of(place)
        if leader is None:
            raise NeverSent("nobody leads it")
        connection = await self.connection_to_node(leader[0])
        topic, index = place
        data = PartitionProduceData(index=index, records=records)
        topic_data = TopicProduceData(name=topic, topic_id=self.topic_ids[topic], partition_data=[data])
        request = ProduceRequest(acks=-1, timeout_ms=int(BROKER_TIMEOUT_S * 1000), topic_data=[topic_data])
        return connection.send(request, version=self.version)

    async def answer_to(self, pending: Pending) -> PartitionProduceResponse:
        """Raises Disconnected."""
        response = await pending.answer(within_s=REQUEST_TIMEOUT_S)
        [answer] = response.responses[0].partition_responses
        assert isinstance(answer, PartitionProduceResponse)
        return answer


class IdempotentProducer(Producer):
    """acks=all, several batches in flight in each partition, sent again with their sequences until acknowledged."""

    async def run_lane(self, place: Place) -> None:
        await _Lane(self, place).run()


@dataclass(slots=True)
class _Batch:
    send: Send
    records: bytes


class _Lane:
    """One partition's batches, in order: an idempotent producer with an id of its own."""

    def __init__(self, producer: Producer, place: Place) -> None:
        self._producer = producer
        self._place = place
        self._rng = producer.rng
        self._in_flight_max = self._rng.randint(1, IN_FLIGHT_MAX)
        self._producer_id, self._epoch, self._next_sequence = -1, 0, 0
        self._unacknowledged: list[_Batch] = []
        self._is_known = False

    async def run(self) -> None:
        producer = self._producer
        await producer.persist("to get a producer id", self._init_producer_id)
        made = 0
        while not producer.is_stopping and made < producer.batches_max:
            burst = min(self._rng.randint(1, self._in_flight_max), producer.batches_max - made)
            if self._rng.random() < 0.05:
                # As a producer does that gave up on something (KIP-360): nothing is under way here.
                self._epoch, self._next_sequence = self._epoch + 1, 0
            self._unacknowledged = [self._new_batch() for _ in range(burst)]
            made += burst
            await producer.persist(f"to send {self._unacknowledged[0].send.values[0]!r} to {self._place}", self._send)
            await producer.pause(self._rng.expovariate(1 / producer.pause_s))

    async def _init_producer_id(self) -> str | None:
        connection = await self._producer.connection_to(self._producer.any_address())
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)
        response = await connection.call(request, version=4, within_s=REQUEST_TIMEOUT_S)
        if response.error_code != ErrorCode.NONE:
            return ErrorCode(response.error_code).name
        self._producer_id, self._epoch = response.producer_id, response.producer_epoch
        self._producer.history.producer_ids.append((self._producer.name, self._place, response.producer_id))
        return None

    def _new_batch(self) -> _Batch:
        values = self._producer.new_values()
        records = build_batch(
            [Record(offset, TIMESTAMP_MS, None, value, []) for offset, value in enumerate(values)],
            compression=self._rng.choice((Compression.NONE, Compression.NONE, Compression.NONE, Compression.LZ4)),
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
            base_sequence=self._next_sequence,
        )
        self._next_sequence += len(values)
        return _Batch(self._producer.history.begin_send(self._producer.name, self._place, values), records)

    async def _send(self) -> str | None:
        """All that is not acknowledged, in order and without waiting between: None when all of it is."""
        producer = self._producer
        await producer.leader_known(self._place)
        refused: list[str] = []
        under_way: list[tuple[_Batch, Pending]] = []
        # A partition takes any sequence as the first of a producer that it does not know: were the first batch refused
        # and the second not, the first could never come.
        for batch in self._unacknowledged if self._is_known else self._unacknowledged[:1]:
            try:
                under_way.append((batch, await producer.send(self._place, batch.records)))
            except NeverSent as error:
                # What comes behind it must not overtake it on a new connection.
                refused.append(str(error))
                break
        for batch, pending in under_way:
            try:
                answer = await producer.answer_to(pending)
            except Disconnected as error:
                refused.append(str(error))
                continue
            if answer.error_code in (ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER):
                self._unacknowledged.remove(batch)
                self._is_known = True
                offset = answer.base_offset if answer.error_code == ErrorCode.NONE else -1
                producer.history.end_send(batch.send, Outcome.ACKNOWLEDGED, offset)
            else:
                refused.append(ErrorCode(answer.error_code).name)
        if refused:
            producer.forget_leader(self._place)
            return refused[0]
        return "the others follow the first" if self._unacknowledged else None


class CarelessProducer(Producer):
    """acks=all without a producer id; each batch is sent once, whatever becomes of it."""

    async def run_lane(self, place: Place) -> None:
        made = 0
        while not self.is_stopping and made < self.batches_max:
            await self.leader_known(place)
            values = self.new_values()
            records = build_batch(
                [Record(offset, TIMESTAMP_MS, None, value, []) for offset, value in enumerate(values)]
            )
            if self.rng.random() < 0.05:
                # Damaged on the way: the checksum says so, and no broker may keep it.
                records = records[:-1] + bytes([records[-1] ^ 0x55])
            made += 1
            send = self.history.begin_send(self.name, place, values, is_idempotent=False)
            outcome, base_offset = await self._outcome(place, records)
            self.history.end_send(send, outcome, base_offset)
            if outcome is not Outcome.ACKNOWLEDGED:
                self.forget_leader(place)
            await self.pause(self.rng.expovariate(1 / self.pause_s))

    async def _outcome(self, place: Place, records: bytes) -> tuple[Outcome, int]:
        try:
            answer = await self.answer_to(await self.send(place, records))
        except NeverSent:
            return Outcome.FAILED, -1
        except Disconnected:
            return Outcome.UNKNOWN, -1
        if answer.error_code == ErrorCode.NONE:
            return Outcome.ACKNOWLEDGED, answer.base_offset
        return (Outcome.FAILED if answer.error_code in REFUSALS else Outcome.UNKNOWN), -1

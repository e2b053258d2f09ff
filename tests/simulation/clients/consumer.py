"""A consumer that follows one partition from its beginning, and tells the history all that it is shown."""

from __future__ import annotations

from protocol.errors import ErrorCode
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic, PartitionData
from protocol.records import iterate_batches, read_records, verify_crc
from simulation.clients.client import REQUEST_TIMEOUT_S, Client, Surroundings
from simulation.clients.connection import Disconnected
from simulation.history import Fetch, Loss, Moment, Place, SeenRecord

FETCH_VERSIONS = (12, 13, 16)  # diverging epochs, by name; by topic id; told where the leader is
MAX_WAIT_MS = 400
DECOMPRESSED_BYTES_MAX = 1 << 20


class Consumer(Client):
    """Asks with the leader epoch that it knows (KIP-320), so that an answer comes from that leader and no other.

    After `stop` it reads on until it has all that was acknowledged by then, and is `finished`.
    """

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        place: Place,
        *,
        pause_s: float = 0.05,
    ) -> None:
        super().__init__(name, surroundings)
        self.place = place
        self.pause_s = pause_s
        self.version = self.rng.choice(FETCH_VERSIONS)
        self.position = 0
        self._last_epoch = -1
        # Small answers are cut in the middle of what is there: batches, segments.
        self._bytes_max = self.rng.choice((200, 1000, 1 << 20))

    async def run(self) -> None:
        while not self.is_stopping:
            await self.persist(f"to fetch {self.place} from {self.position}", self._fetch)
            await self.pause(self.rng.expovariate(1 / self.pause_s))
        # What is acknowledged from now on is not waited for: others may go on.
        end = self.history.acknowledged_end(self.place)
        while self.position < end:
            await self.persist(f"to fetch {self.place} from {self.position} to {end}", self._fetch_more)
        self.history.finished.add((self.name, self.place))
        self.close()

    async def _fetch_more(self) -> str | None:
        before = self.position
        return await self._fetch() or (None if self.position > before else "there was no record")

    async def _fetch(self) -> str | None:
        """One request; None if it was answered well, records or not."""
        node_id, epoch = await self.leader_known(self.place)
        began = self.history.moment()
        try:
            connection = await self.connection_to_node(node_id)
            response = await connection.call(self._request(epoch), version=self.version, within_s=REQUEST_TIMEOUT_S)
        except Disconnected:
            self.forget_leader(self.place)
            raise
        if response.error_code != ErrorCode.NONE:
            return ErrorCode(response.error_code).name
        [answer] = response.responses[0].partitions
        return self._learn(answer, node_id, epoch, began)

    def _request(self, epoch: int) -> FetchRequest:
        topic, index = self.place
        asked = FetchPartition(
            partition=index,
            current_leader_epoch=epoch,
            fetch_offset=self.position,
            last_fetched_epoch=self._last_epoch,
            partition_max_bytes=self._bytes_max,
        )
        return FetchRequest(
            max_wait_ms=self.rng.choice((0, MAX_WAIT_MS)) if not self.is_stopping else 0,
            min_bytes=1,
            isolation_level=self.rng.choice((0, 1)),
            topics=[FetchTopic(topic=topic, topic_id=self.topic_ids[topic], partitions=[asked])],
        )

    def _learn(self, answer: PartitionData, node_id: int, epoch: int, began: Moment) -> str | None:
        error = ErrorCode(answer.error_code)
        if error is ErrorCode.OFFSET_OUT_OF_RANGE or answer.diverging_epoch.epoch != -1:
            why = f"it diverges at {answer.diverging_epoch}" if error is ErrorCode.NONE else error.name
            now = self.history.moment()
            self.history.losses.append(Loss(self.name, node_id, self.place, epoch, self.position, why, now))
        if error is not ErrorCode.NONE:
            self.forget_leader(self.place)
            return error.name
        records = self._records(bytes(answer.records or b""))
        self.history.fetches.append(
            Fetch(
                client=self.name,
                node_id=node_id,
                place=self.place,
                leader_epoch=epoch,
                offset=self.position,
                high_watermark=answer.high_watermark,
                log_start_offset=answer.log_start_offset,
                records=records,
                began=began,
                ended=self.history.moment(),
            )
        )
        if records:
            self.position = records[-1].offset + 1
            self._last_epoch = records[-1].leader_epoch
        return None

    def _records(self, data: bytes) -> tuple[SeenRecord, ...]:
        """From the position on: the first batch may begin before it, the last may have been cut by the size asked."""
        seen: list[SeenRecord] = []
        for position, header in iterate_batches(data):
            verify_crc(data, position, header)
            for record in read_records(data, position, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX):
                if record.offset >= self.position:
                    seen.append(SeenRecord(record.offset, header.partition_leader_epoch, record.value or b""))
        return tuple(seen)

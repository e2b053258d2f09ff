"""A client that commits offsets for a group it is no member of, and one that reads what the group has committed."""

from __future__ import annotations

from protocol.errors import ErrorCode
from protocol.messages.find_coordinator import FindCoordinatorRequest
from protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from protocol.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics
from simulation.clients.client import REQUEST_TIMEOUT_S, Client, Surroundings
from simulation.clients.connection import Address, Connection, Disconnected, NeverSent
from simulation.history import CommittedRead, Outcome, Place

FIND_COORDINATOR_VERSION = 4
OFFSET_COMMIT_VERSION = 8
OFFSET_FETCH_VERSION = 8

# Answers that say that nothing was committed. A coordinator that loses its partition while it waits for the replicas
# answers NOT_COORDINATOR too, and then the commit may be there: so that one is not among them.
REFUSALS = frozenset(
    {
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }
)


class GroupClient(Client):
    """Finds the coordinator of its group, again and again as it moves."""

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        group: str,
        place: Place,
        *,
        pause_s: float = 0.2,
    ) -> None:
        super().__init__(name, surroundings)
        self.group = group
        self.place = place
        self.pause_s = pause_s
        self._coordinator: Address | None = None

    async def coordinator(self) -> Connection:
        """Raises Disconnected, also where nobody is the coordinator yet."""
        if self._coordinator is None:
            connection = await self.connection_to(self.any_address())
            request = FindCoordinatorRequest(coordinator_keys=[self.group])
            response = await connection.call(request, version=FIND_COORDINATOR_VERSION, within_s=REQUEST_TIMEOUT_S)
            [found] = response.coordinators
            if found.error_code != ErrorCode.NONE:
                raise NeverSent(f"no coordinator: {ErrorCode(found.error_code).name}")
            self._coordinator = (found.host, found.port)
        try:
            return await self.connection_to(self._coordinator)
        except NeverSent:
            self.forget_coordinator()
            raise

    def forget_coordinator(self) -> None:
        self._coordinator = None

    async def read(self) -> str | None:
        """What is committed, into the history. None if it was answered. Raises Disconnected."""
        topic, index = self.place
        topics = [OffsetFetchRequestTopics(name=topic, partition_indexes=[index])]
        request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=self.group, topics=topics)])
        connection = await self.coordinator()
        began = self.history.moment()
        try:
            response = await connection.call(request, version=OFFSET_FETCH_VERSION, within_s=REQUEST_TIMEOUT_S)
        except Disconnected:
            self.forget_coordinator()
            raise
        [group] = response.groups
        error = group.error_code
        if error == ErrorCode.NONE:
            [answer] = group.topics[0].partitions
            error = answer.error_code
        if error != ErrorCode.NONE:
            self.forget_coordinator()
            return ErrorCode(error).name
        self.history.committed_reads.append(
            CommittedRead(
                client=self.name,
                group=self.group,
                place=self.place,
                offset=answer.committed_offset,
                label=answer.metadata or "",
                began=began,
                ended=self.history.moment(),
            )
        )
        return None


class OffsetCommitter(GroupClient):
    """Commits one offset after the other, each attempt under a label of its own, and now and then reads it back."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._next_offset = 0

    async def run(self) -> None:
        while not self.is_stopping:
            self._next_offset += self.rng.randint(1, 5)
            await self.persist(f"to commit {self._next_offset} for {self.group}", self._commit)
            if self.rng.random() < 0.3:
                await self.persist(f"to read the offset of {self.group}", self.read)
            await self.pause(self.rng.expovariate(1 / self.pause_s))
        await self.persist(f"to read the offset of {self.group}", self.read)
        self.close()

    async def _commit(self) -> str | None:
        topic, index = self.place
        connection = await self.coordinator()
        commit = self.history.begin_commit(self.group, self.place, self._next_offset)
        partition = OffsetCommitRequestPartition(
            partition_index=index, committed_offset=commit.offset, committed_metadata=commit.label
        )
        request = OffsetCommitRequest(
            group_id=self.group, topics=[OffsetCommitRequestTopic(name=topic, partitions=[partition])]
        )
        try:
            response = await connection.call(request, version=OFFSET_COMMIT_VERSION, within_s=REQUEST_TIMEOUT_S)
        except Disconnected as error:
            self.forget_coordinator()
            never_sent = isinstance(error, NeverSent)
            self.history.end_commit(commit, Outcome.FAILED if never_sent else Outcome.UNKNOWN)
            raise
        [answer] = response.topics[0].partitions
        error_code = ErrorCode(answer.error_code)
        if error_code is ErrorCode.NONE:
            self.history.end_commit(commit, Outcome.ACKNOWLEDGED)
            return None
        self.history.end_commit(commit, Outcome.FAILED if error_code in REFUSALS else Outcome.UNKNOWN)
        self.forget_coordinator()
        return error_code.name


class OffsetReader(GroupClient):
    """Reads what others commit."""

    async def run(self) -> None:
        while not self.is_stopping:
            await self.persist(f"to read the offset of {self.group}", self.read)
            await self.pause(self.rng.expovariate(1 / self.pause_s))
        await self.persist(f"to read the offset of {self.group}", self.read)
        self.close()

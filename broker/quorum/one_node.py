"""A quorum of one: an entry is committed when it is durable in this node's journal.

Under `<data>/metadata/`: the journal's files, and `snapshot`, an image that stands for every entry up to its metadata
offset. The metadata offset of an entry is its sequence in the journal.

    propose -> enqueue -> group commit in the worker thread -> apply to the image -> the proposals' futures complete

One worker thread does all writing (commits, snapshots, trimming), so these never overlap. A failed commit is final:
everything that waits and everything proposed later is KAFKA_STORAGE_ERROR, until the node is started again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from broker.metadata import (
    MetadataImage,
    MetadataPublisher,
    MetadataRecord,
    decode_records,
    encode_records,
)
from broker.quorum.snapshot_file import SnapshotFile
from protocol.errors import ErrorCode, KafkaError
from wal import CorruptionError, Filesystem, Journal, JournalLimits, StorageError

logger = logging.getLogger(__name__)

# The only kind of entry in this journal; its payload carries its own format version.
METADATA_ENTRY = 1

# A proposal is a few hundred bytes; more than this waiting means that the disk does not keep up.
PROPOSALS_MAX = 10_000

# How much log is replayed at a start, at most: about 30,000 records, a tenth of a second.
SNAPSHOT_INTERVAL_BYTES = 4 << 20

LIMITS = JournalLimits(
    commit_bytes_max=1 << 20, commit_entries_max=4096, segment_bytes=SNAPSHOT_INTERVAL_BYTES, spare_segments_max=1
)


class _Proposal:
    __slots__ = ("future", "records", "sequence")

    def __init__(self, sequence: int, records: Sequence[MetadataRecord], future: asyncio.Future[None]) -> None:
        self.sequence = sequence
        self.records = records
        self.future = future


class OneNodeQuorum:
    """Implements `Quorum`. `on_failure` is told, once, why nothing can be committed any more."""

    def __init__(
        self,
        filesystem: Filesystem,
        directory: str,
        *,
        node_id: int,
        snapshot_interval_bytes: int = SNAPSHOT_INTERVAL_BYTES,
        limits: JournalLimits = LIMITS,
        on_failure: Callable[[Exception], None] = lambda reason: None,
    ) -> None:
        self._filesystem = filesystem
        self._directory = directory
        self._node_id = node_id
        self._snapshot_interval_bytes = snapshot_interval_bytes
        self._limits = limits
        self._on_failure = on_failure
        self._snapshot_file = SnapshotFile(filesystem, directory)
        self._waiting: deque[_Proposal] = deque()
        self._bytes_since_snapshot = 0
        self._failure: KafkaError | None = None
        self._stopping = False
        self._work = asyncio.Event()
        self._worker: ThreadPoolExecutor | None = None
        self._journal: Journal | None = None
        self._publisher: MetadataPublisher | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_leader(self) -> bool:
        return self._task is not None and not self._stopping and self._failure is None

    @property
    def leader_id(self) -> int | None:
        return self._node_id if self.is_leader else None

    # --- start and stop ----------------------------------------------------------------------------------------

    async def start(self, publisher: MetadataPublisher) -> None:
        journal = Journal.open(self._filesystem, self._directory, self._limits)
        try:
            self._load(journal, publisher)
        except BaseException:
            journal.close()
            raise
        self._journal = journal
        self._publisher = publisher
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metadata-log")
        self._task = asyncio.create_task(self._run(), name="metadata-log")

    def _load(self, journal: Journal, publisher: MetadataPublisher) -> None:
        """Snapshot and what follows it, as one delta."""
        snapshot = self._snapshot_file.read()
        offset, entries = (0, []) if snapshot is None else (snapshot[0], [snapshot[1]])
        if journal.durable_sequence < offset:
            raise CorruptionError(
                f"{self._directory}: the snapshot reaches entry {offset} of the metadata log, but the log ends at "
                f"{journal.durable_sequence}: journal files are missing, restore them"
            )
        for entry in journal.replay():
            if entry.sequence <= offset:
                continue
            if entry.sequence != offset + 1:
                raise CorruptionError(
                    f"{self._directory}: the metadata log goes from entry {offset} to {entry.sequence}: "
                    "files are missing, restore them"
                )
            assert entry.kind == METADATA_ENTRY, f"entry {entry.sequence} has kind {entry.kind}"
            entries.append(decode_records(entry.payload))
            self._bytes_since_snapshot += len(entry.payload)
            offset = entry.sequence
        if entries:
            publisher.apply(entries, offset)

    async def stop(self) -> None:
        if self._task is None:
            return
        self._stopping = True
        self._work.set()
        await self._task
        assert self._worker is not None and self._journal is not None
        self._worker.shutdown(wait=True)
        self._journal.close()

    # --- proposals ---------------------------------------------------------------------------------------------

    def propose(self, records: Sequence[MetadataRecord]) -> asyncio.Future[None]:
        assert records, "an entry says something"
        if self._failure is not None:
            raise _copy(self._failure)
        if self._journal is None or self._stopping:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, "the metadata log of this node is not running")
        if len(self._waiting) >= PROPOSALS_MAX:
            raise KafkaError(ErrorCode.REQUEST_TIMED_OUT, "too many metadata changes wait for the disk of this node")
        payload = encode_records(records)
        try:
            sequence = self._journal.enqueue(METADATA_ENTRY, [payload])
        except StorageError as error:
            # The worker has failed already; its news is on the way to this thread.
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"metadata log: {error}") from error
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Proposal(sequence, records, future))
        self._bytes_since_snapshot += len(payload)
        self._work.set()
        return future

    async def _run(self) -> None:
        try:
            await self._commit_and_apply()
        except StorageError as error:
            self._fail(KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"metadata log: {error}"), error)
        except Exception as error:  # noqa: BLE001 - the guard of this task: a fault of ours must stop the log aloud
            self._fail(KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, f"metadata log: {error!r}"), error)
        finally:
            # However this ends, nobody waits for ever.
            self._refuse_from_now_on(
                self._failure or KafkaError(ErrorCode.NOT_CONTROLLER, "the metadata log of this node has stopped")
            )

    async def _commit_and_apply(self) -> None:
        assert self._journal is not None
        loop = asyncio.get_running_loop()
        while self._waiting or not self._stopping:
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                # What is proposed meanwhile is the next group.
                durable = await loop.run_in_executor(self._worker, self._journal.commit)
                self._apply(durable)
            if self._bytes_since_snapshot >= self._snapshot_interval_bytes:
                await self._write_snapshot()

    def _apply(self, durable_sequence: int) -> None:
        assert self._publisher is not None
        waiting = self._waiting
        committed: list[_Proposal] = []
        while waiting and waiting[0].sequence <= durable_sequence:
            committed.append(waiting.popleft())
        if not committed:
            return
        try:
            self._publisher.apply([p.records for p in committed], committed[-1].sequence)
        except BaseException:
            waiting.extendleft(reversed(committed))
            raise
        for proposal in committed:
            if not proposal.future.done():
                proposal.future.set_result(None)

    def _fail(self, failure: KafkaError, reason: Exception) -> None:
        logger.error("%s: nothing can be committed any more: %s", self._directory, reason, exc_info=reason)
        self._refuse_from_now_on(failure)
        self._on_failure(reason)

    def _refuse_from_now_on(self, failure: KafkaError) -> None:
        self._failure = failure
        while self._waiting:
            future = self._waiting.popleft().future
            if not future.done():
                future.set_exception(_copy(failure))

    # --- snapshots ---------------------------------------------------------------------------------------------

    async def _write_snapshot(self) -> None:
        assert self._publisher is not None
        # The image is immutable: the worker encodes it while the loop goes on. Proposals wait meanwhile.
        self._bytes_since_snapshot = 0
        await asyncio.get_running_loop().run_in_executor(self._worker, self._snapshot_and_trim, self._publisher.image)

    def _snapshot_and_trim(self, image: MetadataImage) -> None:
        assert self._journal is not None
        try:
            self._snapshot_file.write(image)
        except StorageError as error:
            # Nothing is lost: the log still holds everything. The next interval tries again.
            logger.error("%s: no snapshot of the metadata could be written: %s", self._directory, error)
            return
        self._journal.trim(image.metadata_offset + 1)


def _copy(failure: KafkaError) -> KafkaError:
    """An exception of its own for each who raises it: they gather tracebacks."""
    return KafkaError(failure.code, failure.message)

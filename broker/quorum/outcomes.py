"""What was asked of the Raft core and is not answered yet: proposals and linear reads, each answered exactly once."""

from __future__ import annotations

import asyncio

from protocol.errors import ErrorCode, KafkaError
from raft import Outcome, ReadState, Refusal, Refused, Settled
from wal import StorageError

_REFUSALS = {
    Refusal.NOT_LEADER: (ErrorCode.NOT_CONTROLLER, "this node does not lead the metadata log"),
    Refusal.TRANSFERRING: (ErrorCode.NOT_CONTROLLER, "leadership of the metadata log is moving"),
    Refusal.BUSY: (ErrorCode.REQUEST_TIMED_OUT, "too many metadata changes wait for a majority"),
    Refusal.PENDING_CHANGE: (ErrorCode.REQUEST_TIMED_OUT, "another change of the voters is under way"),
    Refusal.TERM_NOT_COMMITTED: (ErrorCode.REQUEST_TIMED_OUT, "this node has only begun to lead the metadata log"),
    Refusal.INVALID: (ErrorCode.INVALID_REQUEST, ""),
}


class Outcomes:
    def __init__(self) -> None:
        self._proposed: dict[int, asyncio.Future[None]] = {}
        self._reads: dict[int, asyncio.Future[int | None]] = {}

    def pending_proposals(self) -> list[asyncio.Future[None]]:
        return [future for future in self._proposed.values() if not future.done()]

    def expect_proposal(self, proposal_id: int) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._proposed[proposal_id] = future
        return future

    def expect_read(self, read_id: int) -> asyncio.Future[int | None]:
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._reads[read_id] = future
        return future

    def settle(self, settled: Settled) -> None:
        future = self._proposed.pop(settled.proposal_id)
        if future.done():
            return
        if settled.outcome is Outcome.OK:
            future.set_result(None)
        else:
            future.set_exception(KafkaError(ErrorCode.NOT_CONTROLLER, "leadership of the metadata log moved"))

    def read(self, state: ReadState) -> None:
        future = self._reads.pop(state.read_id)
        if not future.done():
            future.set_result(state.index)

    def fail_all(self, failure: KafkaError) -> None:
        """Nothing is answered any more but with this."""
        proposed, self._proposed = self._proposed, {}
        for future in proposed.values():
            if not future.done():
                future.set_exception(copy_of(failure))
        reads, self._reads = self._reads, {}
        for read in reads.values():
            if not read.done():
                read.set_result(None)


def refusal(refused: Refused) -> KafkaError:
    """What the core refuses, in Kafka's words."""
    code, message = _REFUSALS[refused.reason]
    return KafkaError(code, message or str(refused))


def failure_of(error: BaseException) -> KafkaError:
    """What everyone is told after the log of this node failed."""
    if isinstance(error, StorageError):
        return KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, f"metadata log: {error}; then restart this node")
    return KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, f"metadata log: {error!r}")


def copy_of(failure: KafkaError) -> KafkaError:
    """An exception of its own for each who raises it: they gather tracebacks."""
    return KafkaError(failure.code, failure.message)

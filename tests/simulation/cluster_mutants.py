"""Whole brokers with one mistake each: what the simulation of clusters must notice.

Each breaks the real code in place, where one line would do it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from broker.controller import leadership
from broker.coordination.partition_runtime import PartitionRuntime, _deliver
from broker.durability import Committer
from broker.fetching import replica_sessions
from broker.log.producer_state import ProducerStates
from broker.partition import FollowerRole, isr
from broker.partition.isr import FollowerProgress
from broker.quorum import ready_loop
from broker.quorum.log_storage import LogStorage
from broker.replication.fetcher import Fetcher, Followed
from protocol.messages.fetch import EpochEndOffset
from wal import Buffer

CRASHES = ("kill", "power_loss", "blackout", "crash_in_disk_operation")
CHANGES_OF_LEADERS = ("kill", "pause", "isolate", "cut", "stop", "reset")


@dataclass(frozen=True, slots=True)
class Mutant:
    """`kinds` are the faults that make it matter, `first_seed` one of those in which it does."""

    mutate: Callable[[pytest.MonkeyPatch], None]
    kinds: tuple[str, ...]
    first_seed: int = 0


def acknowledged_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    def append(
        self: Committer, kind: int, parts: Sequence[Buffer], on_durable: Callable[[], None], *, record_count: int = 1
    ) -> None:
        self._waiting.append((self._journal.enqueue(kind, parts), lambda: None))
        self._loop.call_soon(on_durable)

    patch.setattr(Committer, "append", append)


def high_watermark_without_followers(patch: pytest.MonkeyPatch) -> None:
    def committed_end(durable_end_offset: int, counted: Iterable[FollowerProgress]) -> int:
        return durable_end_offset

    patch.setattr(isr, "committed_end", committed_end)


def a_follower_acknowledges_from_memory(patch: pytest.MonkeyPatch) -> None:
    """It asks for what follows as soon as it has written, and is taken to have it."""
    real = Fetcher._append

    def append(fetcher: Fetcher, followed: Followed, records: bytes | memoryview) -> None:
        real(fetcher, followed, records)
        fetcher._stored(followed)

    patch.setattr(FollowerRole, "is_stored", property(lambda role: True))
    patch.setattr(Fetcher, "_append", append)


def no_log_is_truncated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(replica_sessions, "diverging_epoch", lambda partition, epoch, offset: EpochEndOffset())


def any_replica_may_join(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(isr, "may_join", lambda *_, is_eligible, **__: is_eligible)


def any_replica_may_lead(patch: pytest.MonkeyPatch) -> None:
    real = leadership._unclean_leader
    patch.setattr(leadership, "_unclean_leader", lambda partition, active, allowed: real(partition, active, True))


def a_batch_that_came_before_is_appended_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ProducerStates, "check", lambda self, header: None)


def a_coordinator_answers_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    def answer(self: PartitionRuntime[Any, Any], to: asyncio.Future[Any], response: object) -> None:
        _deliver(to, response)

    patch.setattr(PartitionRuntime, "_answer", answer)


def metadata_is_acknowledged_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    """What Raft's log holds is written with what comes next."""

    def write_all(storage: LogStorage, staged: object) -> None:
        pass

    patch.setattr(ready_loop, "_write_all", write_all)


MUTANTS = (
    Mutant(acknowledged_before_it_is_durable, ("blackout", "slow_disk"), 18),
    Mutant(high_watermark_without_followers, CHANGES_OF_LEADERS),
    Mutant(a_follower_acknowledges_from_memory, ("power_loss", "slow_disk", "kill")),
    Mutant(no_log_is_truncated, ("isolate", "kill", "slow_network"), 10),
    Mutant(any_replica_may_join, (*CRASHES, *CHANGES_OF_LEADERS), 5),
    Mutant(any_replica_may_lead, ("kill", "power_loss", "isolate", "slow_disk"), 13),
    Mutant(a_batch_that_came_before_is_appended_again, (*CRASHES, *CHANGES_OF_LEADERS), 2),
    Mutant(a_coordinator_answers_before_the_commit, ("isolate",), 13),
    Mutant(metadata_is_acknowledged_before_it_is_durable, CRASHES, 4),
)

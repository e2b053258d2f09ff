"""The simulated replicas notice it where a rule is broken: each mutant fails within a few seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from replication_harness import run_replica_seed

from broker.fetching import replica_sessions
from broker.log import PartitionLog
from broker.partition import FollowerRole, follower, isr
from broker.partition.isr import FollowerProgress
from broker.partition.leader import LeaderRole
from protocol.messages.fetch import EpochEndOffset

SEEDS_MAX = 80

Mutate = Callable[[pytest.MonkeyPatch], None]


def _high_watermark_without_followers(patch: pytest.MonkeyPatch) -> None:
    def committed_end(durable_end_offset: int, counted: Iterable[FollowerProgress]) -> int:
        return durable_end_offset

    patch.setattr(isr, "committed_end", committed_end)


def _high_watermark_of_the_fastest(patch: pytest.MonkeyPatch) -> None:
    def committed_end(durable_end_offset: int, counted: Iterable[FollowerProgress]) -> int:
        return min(durable_end_offset, max([follower.end_offset for follower in counted], default=durable_end_offset))

    patch.setattr(isr, "committed_end", committed_end)


def _acknowledged_from_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FollowerRole, "is_stored", property(lambda role: True))


def _no_divergence_is_found(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(replica_sessions, "diverging_epoch", lambda partition, epoch, offset: EpochEndOffset())


def _cut_where_the_leader_says_whatever_the_epoch(patch: pytest.MonkeyPatch) -> None:
    def truncation_offset(log: PartitionLog, leader_epoch: int, leader_end_offset: int) -> int:
        return max(0, min(leader_end_offset, log.log_end_offset) - 3)

    patch.setattr(follower, "truncation_offset", truncation_offset)


def _anyone_may_join(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(isr, "may_join", lambda *_, is_eligible, **__: is_eligible)


def _proposed_members_do_not_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LeaderRole, "maximal_isr", property(lambda role: frozenset(role.isr)))


# With the first seed to try: a rule that matters seldom is noticed seldom.
MUTANTS: list[tuple[Mutate, int]] = [
    (_high_watermark_without_followers, 0),
    (_high_watermark_of_the_fastest, 0),
    (_acknowledged_from_memory, 0),
    (_no_divergence_is_found, 0),
    (_cut_where_the_leader_says_whatever_the_epoch, 0),
    (_anyone_may_join, 0),
    (_proposed_members_do_not_count, 40),
]


@pytest.mark.parametrize(("mutate", "first_seed"), MUTANTS, ids=[each.__name__.strip("_") for each, _ in MUTANTS])
def test_a_broken_rule_is_noticed(mutate: Mutate, first_seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch)
    for seed in range(first_seed, first_seed + SEEDS_MAX):
        try:
            run_replica_seed(seed)
        except AssertionError:
            return
    pytest.fail(f"nobody noticed within {SEEDS_MAX} seeds")

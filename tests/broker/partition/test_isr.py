"""The leader's rules about its followers, as tables."""

from __future__ import annotations

import pytest

from broker.partition import isr
from broker.partition.isr import FollowerProgress

LAG_MS = 1000


def at(end_offset: int, *, caught_up_ms: int = 0) -> FollowerProgress:
    return FollowerProgress(end_offset=end_offset, caught_up_ms=caught_up_ms)


@pytest.mark.parametrize(
    ("durable", "followers", "expected"),
    [
        (10, [], 10),
        (10, [10, 10], 10),
        (10, [12, 9], 9),
        (10, [12, 12], 10),  # records that only the leader lacks on its disk are not committed
        (10, [10, -1], -1),  # nothing is known of a member: the high watermark stays where it is
    ],
)
def test_the_high_watermark_is_what_everyone_counted_has(durable: int, followers: list[int], expected: int) -> None:
    assert isr.committed_end(durable, [at(end) for end in followers]) == expected


@pytest.mark.parametrize(
    ("current", "proposed", "expected"),
    [
        ((1, 2), None, {1, 2}),
        ((1, 2), (1, 2, 3), {1, 2, 3}),  # who joins counts before the controller has agreed
        ((1, 2, 3), (1,), {1, 2, 3}),  # who leaves counts until the controller has agreed
    ],
)
def test_the_maximal_isr_holds_for_either_outcome(
    current: tuple[int, ...], proposed: tuple[int, ...] | None, expected: set[int]
) -> None:
    assert isr.maximal_isr(current, proposed) == expected


@pytest.mark.parametrize(("wanted", "replicas", "expected"), [(1, 3, 1), (2, 3, 2), (2, 1, 1), (3, 3, 3)])
def test_fewer_replicas_than_min_insync_are_as_safe_as_they_can_be(wanted: int, replicas: int, expected: int) -> None:
    assert isr.effective_min_isr(wanted, replicas) == expected


@pytest.mark.parametrize(
    ("end_offset", "eligible", "expected"),
    [(20, True, True), (19, True, False), (25, True, True), (25, False, False), (-1, True, False)],
)
def test_who_joins_has_what_is_committed_and_is_alive(end_offset: int, eligible: bool, expected: bool) -> None:
    joins = isr.may_join(at(end_offset), high_watermark=20, epoch_start_offset=15, is_eligible=eligible)
    assert joins is expected


def test_who_joins_has_all_from_before_the_leader_s_epoch() -> None:
    """KIP-497: a new leader's high watermark may be old; its own records' start is what no member may lack."""
    assert not isr.may_join(at(12), high_watermark=10, epoch_start_offset=15, is_eligible=True)


def test_a_fetch_at_the_leader_s_end_is_caught_up_now() -> None:
    follower = at(0)
    follower.fetched(50, 50, 700)
    assert (follower.end_offset, follower.caught_up_ms) == (50, 700)


def test_a_fetch_that_reaches_the_end_of_the_fetch_before_was_caught_up_then() -> None:
    """Under load the log grows with every fetch; a follower that keeps up never sees its end."""
    follower = at(0)
    follower.fetched(40, 50, 700)
    follower.fetched(50, 90, 800)
    assert follower.caught_up_ms == 700
    follower.fetched(80, 120, 900)
    assert follower.caught_up_ms == 700


def test_who_had_everything_is_caught_up_until_the_log_grows() -> None:
    follower = at(50, caught_up_ms=0)
    follower.leader_appended(50, 10_000)
    assert follower.caught_up_ms == 10_000
    follower.leader_appended(51, 20_000)
    assert follower.caught_up_ms == 10_000


@pytest.mark.parametrize(
    ("end_offset", "caught_up_ms", "is_lagging"),
    [
        (100, 0, False),  # idle for hours, and nothing missing
        (90, 4500, False),
        (90, 4000, False),
        (90, 3999, True),
        (-1, 3999, True),
    ],
)
def test_who_was_behind_for_too_long_is_lagging(end_offset: int, caught_up_ms: int, is_lagging: bool) -> None:
    lagging = isr.lagging(
        (1, 2),
        {2: at(end_offset, caught_up_ms=caught_up_ms)},
        leader_id=1,
        leader_end_offset=100,
        now_ms=5000,
        lag_time_max_ms=LAG_MS,
    )
    assert lagging == ({2} if is_lagging else set())

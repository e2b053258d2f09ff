"""Majorities: what index they hold, and how a vote stands.

Membership changes one voter at a time (thesis §4.1), so any two majorities of neighbouring configurations
overlap and no joint quorum is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum


class VoteResult(Enum):
    PENDING = "pending"
    WON = "won"
    LOST = "lost"


def majority(voters: int) -> int:
    """The least number of voters of which any two sets share a member."""
    assert voters > 0, "a quorum of nobody decides nothing"
    return voters // 2 + 1


def committed_index(match: list[int]) -> int:
    """The highest index that a majority has reached; `match` has one number per voter, 0 for unknown."""
    count = len(match)
    assert count > 0, "a quorum of nobody commits nothing"
    match.sort()
    return match[(count - 1) // 2]


def vote_result(voters: Iterable[int], votes: Mapping[int, bool]) -> VoteResult:
    """How an election stands; votes of those who are not voters count for nothing."""
    granted = refused = total = 0
    for voter in voters:
        total += 1
        vote = votes.get(voter)
        if vote is True:
            granted += 1
        elif vote is False:
            refused += 1
    needed = majority(total)
    if granted >= needed:
        return VoteResult.WON
    return VoteResult.LOST if total - refused < needed else VoteResult.PENDING

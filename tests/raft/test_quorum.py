"""Majorities by table: the cases and answers of etcd's quorum tests that a single majority has.

Its joint tables are met by single-server changes in test_membership: there any two neighbouring majorities
share a voter, which is what joint quorums are for.
"""

from __future__ import annotations

from itertools import combinations

import pytest

from raft.quorum import VoteResult, committed_index, majority, vote_result

_ = 0  # nothing heard of this voter yet


@pytest.mark.parametrize(
    ("match", "committed"),
    [
        ([_], 0),
        ([12], 12),
        ([_, _], 0),
        ([12, _], 0),
        ([12, 5], 5),
        ([_, _, _], 0),
        ([12, _, _], 0),
        ([12, 5, _], 5),
        ([12, 5, 6], 6),
        ([12, 5, 4], 5),
        ([5, 5, _], 5),
        ([5, 5, 12], 5),
        ([100, 101, 103], 101),
        ([101, 104, 103, 103, _], 103),
        ([101, 102, 103, 103, _], 102),
    ],
)
def test_a_majority_commits_the_lowest_of_its_highest(match: list[int], committed: int) -> None:
    assert committed_index(match) == committed


@pytest.mark.parametrize(
    ("votes", "result"),
    [
        ("_", "pending"),
        ("n", "lost"),
        ("y", "won"),
        ("__", "pending"),
        ("n_", "lost"),
        ("y_", "pending"),
        ("ny", "lost"),
        ("yy", "won"),
        ("___", "pending"),
        ("n__", "pending"),
        ("y__", "pending"),
        ("nn_", "lost"),
        ("yn_", "pending"),
        ("yy_", "won"),
        ("yyn", "won"),
        ("nyn", "lost"),
        ("yyny___", "pending"),
        ("_yy_nyn", "pending"),
        ("yyny_ny", "won"),
        ("yy_nynn", "pending"),
        ("yynynnn", "lost"),
    ],
)
def test_a_vote_is_decided_as_soon_as_it_can_be(votes: str, result: str) -> None:
    heard = {voter: vote == "y" for voter, vote in enumerate(votes) if vote != "_"}
    assert vote_result(range(len(votes)), heard) is VoteResult(result)


def test_votes_of_strangers_do_not_count() -> None:
    assert vote_result([1, 2, 3], {1: True, 8: True, 9: True}) is VoteResult.PENDING


def test_nobody_is_no_quorum() -> None:
    """In a joint quorum an empty half agrees to everything; on its own it must not."""
    for ask in (lambda: majority(0), lambda: committed_index([]), lambda: vote_result([], {})):
        with pytest.raises(AssertionError, match="quorum of nobody"):
            ask()


@pytest.mark.parametrize("size", range(1, 8))
def test_two_majorities_share_a_voter_also_across_one_change(size: int) -> None:
    voters = range(size)
    for other in (range(size), range(size + 1)):
        for one_majority in combinations(voters, majority(size)):
            for other_majority in combinations(other, majority(len(other))):
                assert set(one_majority) & set(other_majority)


@pytest.mark.parametrize("size", range(1, 8))
def test_committed_agrees_with_counting(size: int) -> None:
    for match in combinations(range(9), size):
        slow = max([index for index in match if sum(other >= index for other in match) >= majority(size)], default=0)
        assert committed_index(list(match)) == slow

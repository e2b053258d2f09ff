"""The tests are tested: Raft with one mistake in it must fail them, each mistake a test of this table.

A mutant is caught by seeds of the simulator (any within the range) or by a named test, which passes without it.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import isfunction

import pytest
from raft_harness import mutants
from raft_harness.hard_scenario import HardScenario
from raft_harness.named_tests import module_named
from raft_harness.scenario import Scenario

# Where to begin: the first seed that caught it when this was written. Others follow if it does not any more.
BY_SIMULATOR = {
    "vote_wiped_on_stepping_down": 37,
    "matching_suffix_truncated": 1,
    "vote_without_comparing_logs": 10,
    "leader_counts_itself_before_persisting": 0,
    "everything_sent_before_persisting": 0,
    "candidate_leads_before_its_own_vote_is_durable": 34,
    "heartbeat_commits_what_the_follower_may_not_have": 5,
    "proposals_forgotten_on_stepping_down": 3,
    "read_before_the_own_term_commits": 66,
    "read_without_asking_a_majority": 109,
    "commit_kept_ahead_of_its_entries": 11087,
    "configuration_change_before_the_own_term_commits": 66,
    "removed_voter_may_not_campaign": 127,
    "no_pre_vote_and_no_stickiness": 67,
}
BY_HARD_SIMULATOR = {
    "every_vote_response_counted": 0,
    "two_configuration_changes_at_once": 22,
    "old_term_committed_by_counting": 262,
}
SEEDS_TRIED = 400

BY_TEST = {
    "commit_kept_ahead_of_its_entries": (
        "test_proposals.TestReady.test_the_commit_kept_is_never_ahead_of_the_entries_kept"
    ),
    "vote_wiped_on_stepping_down": "test_elections.TestVoting.test_the_vote_survives_stepping_down_in_the_same_term",
    "matching_suffix_truncated": "test_replication.TestFollower.test_a_matching_suffix_is_never_cut",
    "commit_over_an_unverified_snapshot_tail": (
        "test_snapshots.TestReceiving.test_the_commit_does_not_reach_over_a_tail_that_nothing_verified"
    ),
    "two_configuration_changes_at_once": ("test_membership.TestOneAtATime.test_a_second_change_waits_for_the_first"),
    "configuration_change_before_the_own_term_commits": (
        "test_membership.TestOneAtATime.test_none_before_an_entry_of_the_own_term_commits"
    ),
    "old_term_committed_by_counting": "test_paper.TestSafety.test_figure_8",
    "vote_without_comparing_logs": "test_elections.TestWinning.test_a_shorter_log_loses_and_learns_the_term",
    "leader_counts_itself_before_persisting": (
        "test_replication.TestCommit.test_followers_may_commit_before_the_leader_is_durable"
    ),
    "everything_sent_before_persisting": (
        "test_elections.TestVoting.test_the_vote_is_durable_before_the_answer_leaves"
    ),
    "candidate_leads_before_its_own_vote_is_durable": (
        "test_elections.TestOwnVote.test_one_other_vote_suffices_with_it"
    ),
    "every_vote_response_counted": "test_elections.TestVoting.test_a_duplicated_vote_counts_once",
    "append_commits_beyond_what_it_verified": (
        "test_replication.TestFollower.test_a_commit_does_not_reach_over_an_unverified_tail"
    ),
    "overtaken_write_counts_as_durable": (
        "test_log.TestPersisting.test_an_overtaken_write_does_not_count_even_if_the_entry_returns"
    ),
    "removed_voter_may_not_campaign": (
        "test_membership.TestMembersComeAndGo.test_a_voter_that_only_an_uncommitted_entry_removes_may_lead_once_more"
    ),
    "no_pre_vote_and_no_stickiness": (
        "test_stickiness.TestQuorumAndStickiness.test_a_cut_off_follower_does_not_disturb_when_it_returns"
    ),
}


def named_test(name: str) -> Callable[[], None]:
    module, *path = name.split(".")
    found: object = module_named(module)
    if len(path) == 2:
        found = getattr(found, path[0])()
    return getattr(found, path[-1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("mutant", BY_SIMULATOR)
def test_the_simulator_catches(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    getattr(mutants, mutant)(monkeypatch)
    assert_caught(Scenario, BY_SIMULATOR[mutant])


@pytest.mark.parametrize("mutant", BY_HARD_SIMULATOR)
def test_the_simulator_catches_in_hard_weather(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    getattr(mutants, mutant)(monkeypatch)
    assert_caught(HardScenario, BY_HARD_SIMULATOR[mutant])


def assert_caught(scenario: type[Scenario], first: int) -> None:
    for seed in range(first, first + SEEDS_TRIED):
        try:
            scenario(seed).run()
        except AssertionError:
            return
    pytest.fail(f"it survived {SEEDS_TRIED} seeds")


@pytest.mark.parametrize("mutant", BY_TEST)
def test_a_named_test_catches(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test = named_test(BY_TEST[mutant])
    test()
    getattr(mutants, mutant)(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test()


def test_every_mutant_is_in_the_table() -> None:
    functions = {
        name for name, each in vars(mutants).items() if isfunction(each) and each.__module__ == mutants.__name__
    }
    assert functions == set(BY_SIMULATOR) | set(BY_HARD_SIMULATOR) | set(BY_TEST)

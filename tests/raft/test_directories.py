"""KIP-853: a voter is a node id on a disk; another disk has forgotten its votes."""

from __future__ import annotations

import pytest
from raft_harness.members import TOO_MANY, Member, changes, only

from raft import Change, ChangeKind, Configuration, Refusal, Refused, Role, apply_changes
from raft.membership import ConfigurationError
from raft.messages import (
    NO_DIRECTORY,
    VoteRequest,
)


def refusal(member: Member, text: str) -> Refusal:
    with pytest.raises(Refused) as caught:
        member.node.propose_configuration_change(changes(text))
    return caught.value.reason


class TestDirectories:
    """KIP-853: a voter is a node id on a disk."""

    A, B = b"a" * 16, b"b" * 16

    def test_the_disk_of_a_voter_may_become_known(self) -> None:
        known = apply_changes(Configuration.of(1, 2), [Change(ChangeKind.ADD_VOTER, 2, self.A)])
        assert known.voters == {1: NO_DIRECTORY, 2: self.A}

    def test_a_known_disk_is_kept_where_none_is_named(self) -> None:
        known = Configuration({1: self.A}, {2: self.B})
        assert apply_changes(known, [Change(ChangeKind.ADD_VOTER, 2)]).voters == {1: self.A, 2: self.B}

    def test_a_voter_on_another_disk_must_be_removed_first(self) -> None:
        with pytest.raises(ConfigurationError, match="another directory"):
            apply_changes(Configuration({1: self.A, 2: self.A}), [Change(ChangeKind.ADD_VOTER, 2, self.B)])

    def test_the_wrong_disk_is_not_removed(self) -> None:
        with pytest.raises(ConfigurationError, match="another directory"):
            apply_changes(Configuration({1: self.A, 2: self.A}), [Change(ChangeKind.REMOVE, 2, self.B)])

    def test_replacing_a_disk_in_one_step_is_two_changes(self) -> None:
        """{1, 2a} and {1, 2b} have majorities that share no disk as soon as there are more voters."""
        both = [Change(ChangeKind.REMOVE, 2, self.A), Change(ChangeKind.ADD_VOTER, 2, self.B)]
        with pytest.raises(ConfigurationError, match=TOO_MANY):
            apply_changes(Configuration({1: self.A, 2: self.A}), both)

    def test_a_voter_whose_disk_was_replaced_neither_votes_nor_campaigns(self) -> None:
        """It has forgotten its votes: with them it could elect a second leader in one term."""
        configuration = Configuration({1: self.A, 2: self.A, 3: self.A})
        returned = Member(2, configuration, directory_id=self.B)
        [answer] = returned.step(VoteRequest(1, 1, 2, 0, 0, recipient_directory=self.A))
        assert not answer.granted  # type: ignore[union-attr]
        returned.tick(100)
        assert returned.role is Role.FOLLOWER

    def test_vote_requests_name_the_disk_that_is_meant(self) -> None:
        candidate = Member(1, Configuration({1: self.A, 2: self.B}), directory_id=self.A)
        [request] = only(VoteRequest, candidate.campaign())
        assert request.recipient_directory == self.B

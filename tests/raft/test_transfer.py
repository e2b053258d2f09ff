"""Handing over leadership: etcd's 16 transfer cases (thesis §3.10)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from raft_harness.members import Member, Network

from raft import NO_NODE, Change, ChangeKind, Configuration, Message, Refusal, Refused, Role
from raft.messages import AppendResponse, TimeoutNow, VoteResponse


@pytest.fixture
def network() -> Network:
    network = Network(1, 2, 3)
    network.campaign(1)
    return network


def check(network: Network, leader: int) -> None:
    assert [node_id for node_id, role in network.roles().items() if role is Role.LEADER] == [leader]
    assert network[1].state.leader == leader
    assert network[1].state.transfer_target == NO_NODE


def start_pending(network: Network) -> None:
    """A transfer to 3, which cannot be reached."""
    network.isolate(3)
    network.transfer(1, 3)
    assert network[1].state.transfer_target == 3


def test_to_a_node_that_is_up_to_date_and_back(network: Network) -> None:
    network.transfer(1, 2)
    check(network, 2)
    network.propose(2)
    network.transfer(2, 1)
    check(network, 1)


def test_stickiness_does_not_stand_in_the_way(network: Network) -> None:
    """Nobody has been silent for any time at all."""
    network.transfer(1, 2)
    check(network, 2)


def test_to_a_follower_that_lags(network: Network) -> None:
    network.isolate(3)
    network.propose(1)
    network.heal()
    network.transfer(1, 3)
    check(network, 3)


def test_to_a_follower_that_needs_a_snapshot_first(network: Network) -> None:
    network.isolate(3)
    for _ in range(3):
        network.propose(1)
    network[1].snapshot()
    network.heal()
    held: list[Message] = []

    def hold(message: Message) -> bool:
        is_answer = isinstance(message, AppendResponse) and message.sender == 3 and not message.rejected
        held.extend([message] if is_answer else [])
        return not is_answer

    network.hook = hold
    network.transfer(1, 3)
    network.tick(1)
    assert network[1].role is Role.LEADER
    assert held
    network.hook = lambda message: True
    network.deliver(held)
    check(network, 3)


def test_to_itself_is_nothing(network: Network) -> None:
    network.transfer(1, 1)
    check(network, 1)


def test_to_nobody_is_refused(network: Network) -> None:
    with pytest.raises(Refused) as caught:
        network.transfer(1, 4)
    assert caught.value.reason is Refusal.INVALID
    check(network, 1)


def test_to_a_learner_is_refused() -> None:
    network = Network(1, 2, learners=[2])
    network.campaign(1)
    with pytest.raises(Refused):
        network.transfer(1, 2)
    check(network, 1)


def test_by_a_follower_is_refused(network: Network) -> None:
    with pytest.raises(Refused) as caught:
        network.transfer(2, 3)
    assert (caught.value.reason, caught.value.leader) == (Refusal.NOT_LEADER, 1)


def test_given_up_after_an_election_timeout(network: Network) -> None:
    start_pending(network)
    network.tick(1, 1)
    assert network[1].state.transfer_target == 3
    network.tick(1, 9)
    check(network, 1)


def test_proposals_are_refused_meanwhile(network: Network) -> None:
    start_pending(network)
    asks: tuple[Callable[[], object], ...] = (
        lambda: network[1].node.propose(b"x"),
        lambda: network[1].node.propose_configuration_change([Change(ChangeKind.ADD_LEARNER, 4)]),
    )
    for ask in asks:
        with pytest.raises(Refused) as caught:
            ask()
        assert (caught.value.reason, caught.value.leader) == (Refusal.TRANSFERRING, 3)
    assert network[1].last_index == 1


def test_another_election_ends_it(network: Network) -> None:
    start_pending(network)
    network.deliver([TimeoutNow(1, 1, 2)])
    check(network, 2)


@pytest.mark.parametrize("kind", [ChangeKind.REMOVE, ChangeKind.ADD_LEARNER])
def test_a_target_that_stops_being_a_voter_is_forgotten(network: Network, kind: ChangeKind) -> None:
    """The change is appended first and the transfer asked for in the same turn."""
    network[1].node.propose_configuration_change([Change(kind, 3)])
    with pytest.raises(Refused):
        network[1].node.transfer_leadership(3)
    network.pump()
    check(network, 1)


def test_back_to_itself_while_pending(network: Network) -> None:
    start_pending(network)
    network.transfer(1, 1)
    check(network, 1)


def test_to_another_while_pending(network: Network) -> None:
    start_pending(network)
    network.transfer(1, 2)
    check(network, 2)


def test_asking_again_does_not_extend_the_time(network: Network) -> None:
    start_pending(network)
    network.tick(1, 1)
    network.transfer(1, 3)
    network.tick(1, 9)
    check(network, 1)


def test_a_node_that_is_no_member_does_not_take_over() -> None:
    member = Member(1, Configuration.of(2, 3, 4))
    member.step(TimeoutNow(0, 2, 1))
    member.step(VoteResponse(0, 2, 1, True))
    member.step(VoteResponse(0, 3, 1, True))
    assert member.role is Role.FOLLOWER

"""ReadIndex: etcd's read-only cases (thesis §6.4)."""

from __future__ import annotations

import pytest
from raft_harness.members import Member, Network, only

from raft import Configuration, Message, ReadState, Refusal, Refused, Role
from raft.messages import AppendRequest, Heartbeat, HeartbeatResponse, ReadIndexRequest, ReadIndexResponse


@pytest.fixture
def network() -> Network:
    network = Network(1, 2, 3)
    network.campaign(1)
    return network


def read(network: Network, node_id: int) -> int:
    read_id = network[node_id].node.read_index()
    network.deliver(network[node_id].drain())
    return read_id


def test_any_node_gets_the_commit_of_the_moment(network: Network) -> None:
    for round_number, node_id in enumerate([1, 2, 3, 1, 2, 3], 1):
        for _ in range(10):
            network.propose(1)
        read_id = read(network, node_id)
        assert network[node_id].read_states[-1] == ReadState(read_id, 1 + 10 * round_number)


def test_a_learner_may_ask_and_does_not_confirm() -> None:
    network = Network(1, 2, learners=[2])
    network.campaign(1)
    network.isolate(2)
    read_id = read(network, 1)
    assert network[1].read_states == [ReadState(read_id, 1)]
    network.heal()
    read_id = read(network, 2)
    assert network[2].read_states == [ReadState(read_id, 1)]


def test_a_leader_that_reaches_no_majority_does_not_answer(network: Network) -> None:
    network.isolate(1)
    read(network, 1)
    assert network[1].read_states == []


def test_and_fails_its_reads_when_it_steps_down(network: Network) -> None:
    network.isolate(1)
    read_id = read(network, 1)
    network[1].tick(20)
    assert network[1].role is Role.FOLLOWER
    assert network[1].read_states == [ReadState(read_id, None)]


def test_the_next_heartbeat_confirms_what_a_lost_one_did_not(network: Network) -> None:
    network.isolate(1)
    read_id = read(network, 1)
    network.heal()
    network.tick(1)
    assert network[1].read_states == [ReadState(read_id, 1)]


def test_answers_to_earlier_heartbeats_confirm_nothing(network: Network) -> None:
    leader = network[1]
    leader.node.read_index()
    leader.drain()
    leader.step(HeartbeatResponse(1, 2, 1, 0))
    assert leader.read_states == []
    leader.step(HeartbeatResponse(1, 2, 1, 1))
    assert len(leader.read_states) == 1


def test_a_new_leader_answers_once_it_has_committed_in_its_term() -> None:
    """Before that it does not know what is committed."""
    members = [Member(node_id, None, 1, 1, term=1, committed=1 if node_id == 1 else 2) for node_id in (1, 2, 3)]
    network = Network(*members)
    network.ignored.add(AppendRequest)
    network.campaign(1)
    read_id = read(network, 1)
    network.tick(1)
    assert network[1].read_states == []
    network.heal()
    network.tick(1)
    network.propose(1)
    assert network[1].read_states == [ReadState(read_id, 3)]


def test_a_late_request_after_a_change_of_leaders_cannot_be_stale(network: Network) -> None:
    """A duplicate of an old request arrives after another leader committed more; nobody gets an index below
    what was committed when it asked."""
    request = ReadIndexRequest(1, 2, 1, network[2].node.read_index())
    network[2].drain()
    held: list[Message] = [request]
    network.hook = lambda message: not (isinstance(message, HeartbeatResponse) and not held.append(message))
    network.deliver([request])
    network.tick(1)
    network.hook = lambda message: True
    network.isolate(1)
    network[2].node.forget_leader()
    network[3].node.forget_leader()
    network.campaign(2)
    network.propose(2)
    stale = read(network, 1)
    network.heal()
    network.deliver(held)
    network.tick(1)
    network.tick(2)
    assert network[2].role is Role.LEADER
    assert ReadState(stale, None) in network[1].read_states
    assert all(state.index is None for state in network[1].read_states)


def test_reads_of_one_turn_share_a_round(network: Network) -> None:
    leader = network[1]
    ids = [leader.node.read_index() for _ in range(50)]
    sent = leader.drain()
    assert len(only(Heartbeat, sent)) == 2
    network.deliver(sent)
    assert [state.read_id for state in leader.read_states] == ids
    assert leader.state.reads_unconfirmed == []


def test_a_single_voter_answers_at_once() -> None:
    member = Member(1, Configuration.of(1))
    member.become_leader()
    read_id = member.node.read_index()
    member.drain()
    assert member.read_states == [ReadState(read_id, 1)]


def test_without_a_leader_there_is_nobody_to_ask() -> None:
    with pytest.raises(Refused) as caught:
        Member().node.read_index()
    assert caught.value.reason is Refusal.NOT_LEADER


def test_a_forwarded_read_that_is_lost_fails_in_time(network: Network) -> None:
    network.isolate(2)
    read_id = read(network, 2)
    network[2].tick(20)
    assert network[2].read_states == [ReadState(read_id, None)]


def test_and_at_once_when_the_leader_changes(network: Network) -> None:
    network.ignored.add(ReadIndexRequest)
    read_id = read(network, 2)
    network.transfer(1, 3)
    assert network[2].read_states == [ReadState(read_id, None)]


def test_an_answer_nobody_waits_for_is_ignored(network: Network) -> None:
    network[2].step(ReadIndexResponse(1, 1, 2, 12345, 1))
    assert network[2].read_states == []


def test_who_does_not_lead_says_so(network: Network) -> None:
    [answer] = network[3].step(ReadIndexRequest(1, 2, 3, 7))
    assert answer == ReadIndexResponse(1, 3, 2, 7, -1)


def test_reads_are_bounded() -> None:
    member = Member(reads_pending_max=2)
    member.become_leader()
    member.node.read_index()
    member.node.read_index()
    with pytest.raises(Refused) as caught:
        member.node.read_index()
    assert caught.value.reason is Refusal.BUSY


def test_a_restarted_node_does_not_take_old_answers_for_its_own() -> None:
    draws = iter([0, 1000, 0, 5000])
    one = Member(jitter=lambda bound: next(draws))
    other = Member(storage=one.storage, jitter=lambda bound: next(draws))
    assert one.state.next_read_id != other.state.next_read_id

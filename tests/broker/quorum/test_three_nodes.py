"""The metadata log of three nodes: what one of them was told is committed, all have, whatever becomes of any one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from harness.quorum_of_three import Member, QuorumOfThree

from broker.metadata import ConfigRecord
from broker.metadata.records import RESOURCE_GROUP
from protocol.errors import ErrorCode, KafkaError

Story = Callable[[QuorumOfThree], Awaitable[None]]


def tell(story: Story, *, snapshot_interval_bytes: int = 1 << 20) -> None:
    async def run() -> None:
        async with QuorumOfThree(snapshot_interval_bytes=snapshot_interval_bytes) as quorum:
            async with asyncio.timeout(60):
                await story(quorum)

    asyncio.run(run())


def setting(number: int) -> ConfigRecord:
    return ConfigRecord(RESOURCE_GROUP, f"group-{number}", "key", "x" * 100)


def settings_of(member: Member) -> set[str]:
    return {name for _, name in member.publisher.image.configs}


def names(count: int) -> set[str]:
    return {f"group-{number}" for number in range(count)}


def test_what_the_leader_committed_is_applied_on_all() -> None:
    async def story(quorum: QuorumOfThree) -> None:
        leader = await quorum.leader()
        await asyncio.gather(*(leader.quorum.propose([setting(number)]) for number in range(50)))
        for member in quorum.members.values():
            await member.quorum.wait_applied(leader.quorum.applied_index)
            assert settings_of(member) == names(50)

    tell(story)


def test_a_barrier_on_a_follower_waits_for_what_the_leader_committed_before() -> None:
    async def story(quorum: QuorumOfThree) -> None:
        leader = await quorum.leader()
        for number in range(20):
            await leader.quorum.propose([setting(number)])
            for follower in quorum.followers(leader):
                await follower.quorum.barrier()
                assert settings_of(follower) == names(number + 1)

    tell(story)


def test_only_the_leader_takes_proposals_and_all_agree_who_that_is() -> None:
    async def story(quorum: QuorumOfThree) -> None:
        leader = await quorum.leader()
        for follower in quorum.followers(leader):
            await follower.quorum.barrier()
            assert follower.quorum.leader_id == leader.node_id
            with pytest.raises(KafkaError) as refused:
                follower.quorum.propose([setting(1)])
            assert refused.value.code is ErrorCode.NOT_CONTROLLER

    tell(story)


def test_a_crashed_leader_is_replaced_and_what_it_acknowledged_is_kept() -> None:
    async def story(quorum: QuorumOfThree) -> None:
        acknowledged: set[str] = set()
        number = 0
        for _ in range(6):
            leader = await quorum.leader()
            for _ in range(10):
                await leader.quorum.propose([setting(number)])
                acknowledged.add(f"group-{number}")
                number += 1
            under_way = leader.quorum.propose([setting(number)])
            number += 1
            await leader.crash()
            with pytest.raises(KafkaError):
                await under_way
            successor = await quorum.leader(other_than=leader.node_id)
            assert acknowledged <= settings_of(successor)
            await leader.start()
        leader = await quorum.leader()
        for member in quorum.members.values():
            await member.quorum.wait_applied(leader.quorum.applied_index)
            assert settings_of(member) == settings_of(leader)

    tell(story)


def test_a_leader_that_is_cut_off_steps_down_and_its_proposal_is_not_acknowledged() -> None:
    async def story(quorum: QuorumOfThree) -> None:
        cut_off = await quorum.leader()
        await cut_off.quorum.propose([setting(0)])
        quorum.network.isolate(cut_off.node_id)
        never = cut_off.quorum.propose([setting(1)])
        successor = await quorum.leader(other_than=cut_off.node_id)
        await successor.quorum.propose([setting(2)])
        quorum.network.heal()
        with pytest.raises(KafkaError) as refused:
            await never
        assert refused.value.code is ErrorCode.NOT_CONTROLLER
        await cut_off.quorum.wait_applied(successor.quorum.applied_index)
        assert settings_of(cut_off) == {"group-0", "group-2"}

    tell(story)


def test_a_node_that_missed_more_than_the_log_keeps_is_sent_a_snapshot() -> None:
    async def story(quorum: QuorumOfThree) -> None:
        leader = await quorum.leader()
        absent = quorum.followers(leader)[0]
        await leader.quorum.propose([setting(0)])
        await absent.stop()
        for number in range(1, 60):
            await leader.quorum.propose([setting(number)])
        assert leader.quorum.status().first_index > 10, "the log was cut"
        await absent.start()
        await absent.quorum.wait_applied(leader.quorum.applied_index)
        assert settings_of(absent) == names(60)
        await absent.stop()
        await absent.start()
        await absent.quorum.wait_applied(leader.quorum.applied_index)
        assert settings_of(absent) == names(60), "also from its own disk"

    tell(story, snapshot_interval_bytes=1000)


def test_a_leader_that_hands_over_is_followed_without_an_election_timeout() -> None:
    async def story(quorum: QuorumOfThree) -> None:
        leader = await quorum.leader()
        await leader.quorum.propose([setting(0)])
        await leader.quorum.transfer_leadership()
        assert not leader.quorum.is_leader
        successor = await quorum.leader(other_than=leader.node_id)
        await successor.quorum.propose([setting(1)])
        await leader.quorum.wait_applied(successor.quorum.applied_index)
        assert settings_of(leader) == names(2)

    tell(story)

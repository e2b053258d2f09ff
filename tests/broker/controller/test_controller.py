"""The controller on a one-node log: proposals are shared, answers come after the apply, failures are final."""

from __future__ import annotations

import asyncio
import errno

import pytest
from harness.metadata_node import MetadataNode
from simulation import SimulatedFilesystem

from broker.controller import NewPartitions, NewTopic
from broker.metadata import CONSUMER_OFFSETS, RESOURCE_BROKER, RESOURCE_TOPIC, TRANSACTION_STATE, TopicImage
from broker.quorum import WrongDirectory
from protocol.errors import ErrorCode, KafkaError


def entries(node: MetadataNode) -> int:
    """How many entries the metadata log has: proposals that were made."""
    return node.image.metadata_offset


def test_a_new_cluster_has_an_id_and_this_broker() -> None:
    with MetadataNode() as node:
        assert node.image.cluster_id == node.meta_properties.cluster_id
        assert len(node.image.cluster_id) == 22
        assert node.image.endpoint(1, "PLAINTEXT") == ("host-1", 9092)


def test_a_broker_epoch_grows_with_every_start() -> None:
    with MetadataNode() as node:
        first = node.image.brokers[1].broker_epoch
        node.restart()
        assert node.image.brokers[1].broker_epoch > first


def test_128_concurrent_auto_creations_of_a_topic_are_one_proposal() -> None:
    with MetadataNode() as node:
        before = entries(node)

        async def create_together() -> list[TopicImage]:
            return await asyncio.gather(*(node.controller.auto_create_topic("orders") for _ in range(128)))

        topics = node.run(create_together())
        assert entries(node) == before + 1
        assert {topic.topic_id for topic in topics} == {node.image.topics_by_name["orders"].topic_id}


def test_auto_creations_of_different_topics_share_a_commit() -> None:
    with MetadataNode() as node:
        batches_before = len(node.applied_offsets)

        async def create_together() -> None:
            await asyncio.gather(*(node.controller.auto_create_topic(f"t{i}") for i in range(128)))

        node.run(create_together())
        assert len(node.image.topics_by_name) == 128
        assert len(node.applied_offsets) - batches_before < 10


def test_a_cancelled_auto_creation_takes_nothing_from_those_who_wait_with_it() -> None:
    with MetadataNode() as node:

        async def one_goes() -> TopicImage:
            first = asyncio.ensure_future(node.controller.auto_create_topic("orders"))
            second = asyncio.ensure_future(node.controller.auto_create_topic("orders"))
            await asyncio.sleep(0)
            first.cancel()
            return await second

        assert node.run(one_goes()).name == "orders"


def test_an_auto_creation_beside_an_explicit_one_waits_for_it() -> None:
    with MetadataNode() as node:

        async def together() -> TopicImage:
            explicit = asyncio.ensure_future(node.controller.create_topics([NewTopic("a", 7, 1)]))
            await asyncio.sleep(0)
            topic = await node.controller.auto_create_topic("a")
            await explicit
            return topic

        assert len(node.run(together()).partitions) == 7


def test_a_second_creation_is_refused_only_when_the_first_is_applied() -> None:
    """Whoever is told that a topic exists finds it."""
    with MetadataNode() as node:

        async def together() -> ErrorCode | None:
            first = asyncio.ensure_future(node.controller.create_topics([NewTopic("a")]))
            await asyncio.sleep(0)
            (result,) = await node.controller.create_topics([NewTopic("a")])
            assert "a" in node.image.topics_by_name
            await first
            return result.error.code if result.error else None

        assert node.run(together()) is ErrorCode.TOPIC_ALREADY_EXISTS


def test_an_auto_created_topic_has_the_brokers_defaults() -> None:
    with MetadataNode(settings={"num.partitions": "3"}) as node:
        assert len(node.run(node.controller.auto_create_topic("a")).partitions) == 3


def test_a_bad_name_is_refused_at_auto_creation() -> None:
    with MetadataNode() as node:
        before = entries(node)
        with pytest.raises(KafkaError) as refused:
            node.run(node.controller.auto_create_topic("b/ad"))
        assert refused.value.code is ErrorCode.INVALID_TOPIC_EXCEPTION
        assert entries(node) == before


def test_the_offsets_topic_is_created_compacted_with_its_own_settings() -> None:
    with MetadataNode(settings={"offsets.topic.num.partitions": "5", "num.partitions": "2"}) as node:
        topic = node.run(node.controller.auto_create_topic(CONSUMER_OFFSETS))
        assert topic.internal
        assert len(topic.partitions) == 5
        assert node.image.topic_configs(CONSUMER_OFFSETS) == {
            "cleanup.policy": "compact",
            "compression.type": "producer",
            "segment.bytes": "104857600",
        }


def test_an_internal_topic_that_nothing_writes_to_is_not_created() -> None:
    with MetadataNode() as node:
        with pytest.raises(KafkaError) as refused:
            node.run(node.controller.auto_create_topic(TRANSACTION_STATE))
        assert refused.value.code is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_validate_only_creates_nothing() -> None:
    with MetadataNode() as node:
        node.run(node.controller.create_topics([NewTopic("b")]))
        before = entries(node)
        (created,) = node.run(node.controller.create_topics([NewTopic("a", 2, 1)], validate_only=True))
        (grown,) = node.run(node.controller.create_partitions([NewPartitions("b", 9)], validate_only=True))
        assert created.error is None
        assert grown.error is None
        assert entries(node) == before


def test_a_deletion_right_behind_a_creation_finds_the_topic() -> None:
    with MetadataNode() as node:

        async def at_once() -> ErrorCode | None:
            creation = asyncio.ensure_future(node.controller.create_topics([NewTopic("a")]))
            await asyncio.sleep(0)
            (result,) = await node.controller.delete_topics(names=["a"])
            await creation
            return result.error.code if result.error else None

        assert node.run(at_once()) is None
        assert "a" not in node.image.topics_by_name


def test_configs_are_set_and_taken_back() -> None:
    with MetadataNode() as node:
        node.run(node.controller.auto_create_topic("a"))
        node.run(node.controller.alter_configs([(RESOURCE_TOPIC, "a", {"retention.ms": "5", "segment.ms": "6"})]))
        node.run(node.controller.alter_configs([(RESOURCE_TOPIC, "a", {"retention.ms": None})]))
        node.run(node.controller.alter_configs([(RESOURCE_BROKER, "", {"log.retention.ms": "7"})]))
        assert node.image.topic_configs("a") == {"segment.ms": "6"}
        assert node.image.default_broker_configs() == {"log.retention.ms": "7"}


def test_a_config_that_changes_nothing_is_not_written() -> None:
    with MetadataNode() as node:
        node.run(node.controller.create_topics([NewTopic("a", configs={"retention.ms": "5"})]))
        before = entries(node)
        node.run(node.controller.alter_configs([(RESOURCE_TOPIC, "a", {"retention.ms": "5", "segment.ms": None})]))
        assert entries(node) == before


def test_configs_of_a_topic_that_is_not_there_are_refused_with_all_of_their_request() -> None:
    with MetadataNode() as node:
        changes = [(RESOURCE_BROKER, "", {"log.retention.ms": "7"}), (RESOURCE_TOPIC, "a", {"retention.ms": "5"})]
        with pytest.raises(KafkaError) as refused:
            node.run(node.controller.alter_configs(changes))
        assert refused.value.code is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        assert not node.image.default_broker_configs()


def test_producer_ids_are_given_once_also_over_a_restart() -> None:
    with MetadataNode() as node:

        async def many() -> list[int]:
            return await asyncio.gather(*(node.controller.next_producer_id() for _ in range(2500)))

        before = entries(node)
        first = node.run(many())
        assert entries(node) == before + 3, "blocks of 1,000, one proposal each"
        node.restart()
        second = node.run(many())
        assert len({*first, *second}) == 5000


def test_a_producer_id_that_nobody_waits_for_does_not_block_the_next() -> None:
    with MetadataNode() as node:

        async def one_goes() -> int:
            first = asyncio.ensure_future(node.controller.next_producer_id())
            await asyncio.sleep(0)
            first.cancel()
            return await node.controller.next_producer_id()

        assert node.run(one_goes()) == 0


def test_a_failed_sync_fails_everyone_who_waits_and_everything_later() -> None:
    disk = SimulatedFilesystem()
    node = MetadataNode(disk)
    node.run(node.controller.auto_create_topic("before"))
    disk.fail("datasync", errno.EIO, path_part="metadata")

    async def together() -> list[object]:
        creations = (node.controller.auto_create_topic(f"t{i}") for i in range(5))
        return await asyncio.gather(*creations, return_exceptions=True)

    outcomes = node.run(together())
    assert [isinstance(o, KafkaError) and o.code for o in outcomes] == [ErrorCode.KAFKA_STORAGE_ERROR] * 5
    with pytest.raises(KafkaError) as refused:
        node.run(node.controller.create_topics([NewTopic("later")]))
    assert refused.value.code is ErrorCode.KAFKA_STORAGE_ERROR
    with pytest.raises(KafkaError):
        node.run(node.controller.next_producer_id())
    assert set(node.image.topics_by_name) == {"before"}
    assert len(node.failures) == 1, "the node hears of it once"
    assert not node.quorum.is_leader
    node.close()


def test_what_was_not_acknowledged_may_be_there_whole_after_a_restart_but_never_in_part() -> None:
    for seed in range(20):
        disk = SimulatedFilesystem(seed)
        node = MetadataNode(disk)
        disk.fail("datasync", errno.EIO, path_part="metadata")
        with pytest.raises(KafkaError):
            node.run(node.controller.create_topics([NewTopic("a", 50, 1, configs={"retention.ms": "1"})]))
        node.close()
        with MetadataNode(disk.power_loss()) as after:
            topic = after.image.topics_by_name.get("a")
            if topic is None:
                assert not after.image.topic_configs("a")
            else:
                assert len(topic.partitions) == 50
                assert after.image.topic_configs("a") == {"retention.ms": "1"}


def test_a_log_of_another_cluster_is_refused() -> None:
    with MetadataNode() as node, pytest.raises(WrongDirectory, match="another data directory"):
        node.run(node.controller.begin_cluster("AAAAAAAAAAAAAAAAAAAAAA"))

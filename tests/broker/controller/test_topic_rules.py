"""What topics may be created, grown and removed, and with which codes; pure functions, no node."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from harness.metadata_node import CountingUuids, registration

from broker.config import validate_topic_configs
from broker.controller import (
    NewPartitions,
    NewTopic,
    TopicDefaults,
    TopicResult,
    decide_create_partitions,
    decide_create_topics,
    decide_delete_topics,
)
from broker.metadata import EMPTY_IMAGE, MetadataDelta, MetadataImage, MetadataRecord
from protocol.errors import ErrorCode, KafkaError

uuids = CountingUuids()


def apply(image: MetadataImage, records: Sequence[MetadataRecord]) -> MetadataImage:
    delta = MetadataDelta(image)
    delta.replay_all(records)
    return delta.complete(image.metadata_offset + 1)


def image_with(*topics: NewTopic, brokers: int = 3) -> MetadataImage:
    image = apply(EMPTY_IMAGE, [registration(node_id) for node_id in range(1, brokers + 1)])
    return create(image, *topics)[0]


def create(image: MetadataImage, *topics: NewTopic) -> tuple[MetadataImage, list[TopicResult]]:
    decision = decide_create_topics(
        image,
        topics,
        defaults=TopicDefaults(num_partitions=4, replication_factor=2),
        validate_configs=validate_topic_configs,
        make_uuid=uuids,
    )
    return apply(image, decision.records), decision.results


def refusal(image: MetadataImage, topic: NewTopic) -> ErrorCode:
    after, (result,) = create(image, topic)
    assert result.error is not None, f"{topic} was created"
    assert result.error.message, "a refusal says why"
    assert after.topics_by_name == image.topics_by_name
    return result.error.code


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "x" * 249, "...", "__own"])
def test_a_legal_name_is_created(name: str) -> None:
    after, (result,) = create(image_with(), NewTopic(name))
    assert result.error is None
    assert after.topics_by_name[name].topic_id == result.topic_id


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 250, "a b", "a/b", "ä", "a\n", "a:b", "a\x00"])
def test_an_illegal_name_is_an_invalid_topic(name: str) -> None:
    assert refusal(image_with(), NewTopic(name)) is ErrorCode.INVALID_TOPIC_EXCEPTION


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(["a.b.c", "a_b.c", "a_b_c"], 2)))
def test_names_that_metrics_cannot_tell_apart_collide(first: str, second: str) -> None:
    assert refusal(image_with(NewTopic(first)), NewTopic(second)) is ErrorCode.INVALID_TOPIC_EXCEPTION


def test_two_names_of_one_request_collide_too() -> None:
    after, results = create(image_with(), NewTopic("a.b"), NewTopic("a_b"))
    assert [r.error and r.error.code for r in results] == [None, ErrorCode.INVALID_TOPIC_EXCEPTION]
    assert list(after.topics_by_name) == ["a.b"]


def test_a_deleted_topic_does_not_collide_any_more() -> None:
    image = image_with(NewTopic("a.b"))
    image = apply(image, decide_delete_topics(image, names=["a.b"], topic_ids=[])[0])
    assert create(image, NewTopic("a_b"))[1][0].error is None


def test_an_existing_topic_already_exists() -> None:
    """A client creates at every start and takes this code for success."""
    assert refusal(image_with(NewTopic("a")), NewTopic("a")) is ErrorCode.TOPIC_ALREADY_EXISTS


def test_the_metadata_log_is_not_for_clients_to_create() -> None:
    assert refusal(image_with(), NewTopic("__cluster_metadata")) is ErrorCode.TOPIC_AUTHORIZATION_FAILED


def test_a_topic_named_twice_in_a_request_is_refused_once_and_not_created() -> None:
    after, results = create(image_with(), NewTopic("a"), NewTopic("b"), NewTopic("a", num_partitions=2))
    codes = {r.name: r.error and r.error.code for r in results}
    assert codes == {"a": ErrorCode.INVALID_REQUEST, "b": None}
    assert len(results) == 2
    assert list(after.topics_by_name) == ["b"]


def test_minus_one_means_the_brokers_defaults() -> None:
    after, (result,) = create(image_with(), NewTopic("a", num_partitions=-1, replication_factor=-1))
    assert (result.num_partitions, result.replication_factor) == (4, 2)
    assert [len(p.replicas) for p in after.topics_by_name["a"].partitions] == [2, 2, 2, 2]


@pytest.mark.parametrize("count", [0, -2])
def test_a_number_of_partitions_below_one_is_invalid(count: int) -> None:
    assert refusal(image_with(), NewTopic("a", num_partitions=count)) is ErrorCode.INVALID_PARTITIONS


@pytest.mark.parametrize("factor", [0, -2, 4])
def test_a_replication_factor_of_none_or_more_than_the_brokers_is_invalid(factor: int) -> None:
    assert refusal(image_with(), NewTopic("a", 1, factor)) is ErrorCode.INVALID_REPLICATION_FACTOR


def test_a_cluster_without_brokers_has_no_place_for_replicas() -> None:
    assert refusal(EMPTY_IMAGE, NewTopic("a", 1, 1)) is ErrorCode.INVALID_REPLICATION_FACTOR


def test_more_partitions_than_one_entry_of_the_log_should_hold_violate_the_policy() -> None:
    with pytest.raises(KafkaError) as refused:
        create(image_with(), NewTopic("a", 6000, 1), NewTopic("b", 4001, 1))
    assert refused.value.code is ErrorCode.POLICY_VIOLATION


def test_an_unknown_config_is_invalid() -> None:
    topic = NewTopic("a", configs={"retention.msec": "1"})
    assert refusal(image_with(), topic) is ErrorCode.INVALID_CONFIG


def test_configs_of_the_request_become_configs_of_the_topic() -> None:
    after, _ = create(image_with(), NewTopic("a", configs={"retention.ms": "1000", "cleanup.policy": "compact"}))
    assert after.topic_configs("a") == {"retention.ms": "1000", "cleanup.policy": "compact"}


def test_a_manual_assignment_is_kept_and_its_first_replica_leads() -> None:
    assignments = [(1, [3, 1]), (0, [2, 3])]
    after, (result,) = create(image_with(), NewTopic("a", assignments=assignments))
    first, second = after.topics_by_name["a"].partitions
    assert (first.replicas, first.isr, first.leader) == ((2, 3), (2, 3), 2)
    assert (second.replicas, second.isr, second.leader) == ((3, 1), (3, 1), 3)
    assert (result.num_partitions, result.replication_factor) == (2, 2)


@pytest.mark.parametrize(
    "assignments",
    [
        pytest.param([(0, [])], id="no replicas"),
        pytest.param([(0, [9])], id="a broker that is not registered"),
        pytest.param([(0, [1, 1])], id="a broker twice"),
        pytest.param([(0, [1]), (0, [2])], id="a partition twice"),
        pytest.param([(0, [1]), (2, [2])], id="a gap"),
        pytest.param([(1, [1])], id="not from 0"),
        pytest.param([(0, [1]), (1, [1, 2])], id="different replication factors"),
    ],
)
def test_a_manual_assignment_that_makes_no_sense_is_refused(
    assignments: list[tuple[int, list[int]]],
) -> None:
    topic = NewTopic("a", assignments=assignments)
    assert refusal(image_with(), topic) is ErrorCode.INVALID_REPLICA_ASSIGNMENT


@pytest.mark.parametrize("counts", [(1, -1), (-1, 1)])
def test_a_manual_assignment_beside_counts_is_an_invalid_request(counts: tuple[int, int]) -> None:
    topic = NewTopic("a", *counts, assignments=[(0, [1])])
    assert refusal(image_with(), topic) is ErrorCode.INVALID_REQUEST


def test_a_fenced_replica_is_not_in_sync_and_does_not_lead() -> None:
    image = apply(EMPTY_IMAGE, [registration(1, fenced=True), registration(2)])
    after, _ = create(image, NewTopic("a", assignments=[(0, [1, 2])]))
    partition = after.topics_by_name["a"].partitions[0]
    assert (partition.replicas, partition.isr, partition.leader) == ((1, 2), (2,), 2)


def test_an_assignment_to_fenced_brokers_alone_is_refused() -> None:
    image = apply(EMPTY_IMAGE, [registration(1, fenced=True), registration(2)])
    topic = NewTopic("a", assignments=[(0, [1])])
    assert refusal(image, topic) is ErrorCode.INVALID_REPLICA_ASSIGNMENT


def test_one_bad_topic_does_not_keep_the_others_from_being_created() -> None:
    after, results = create(image_with(), NewTopic("good"), NewTopic("b/ad"), NewTopic("fine"))
    assert [r.error is None for r in results] == [True, False, True]
    assert set(after.topics_by_name) == {"good", "fine"}


def test_a_topic_grows_and_keeps_its_partitions() -> None:
    image = image_with(NewTopic("a", 2, 2))
    records, (result,) = decide_create_partitions(image, [NewPartitions("a", 5)])
    after = apply(image, records)
    assert result.error is None
    assert after.topics_by_name["a"].partitions[:2] == image.topics_by_name["a"].partitions
    assert [p.partition for p in after.topics_by_name["a"].partitions] == [0, 1, 2, 3, 4]
    assert all(len(p.replicas) == 2 for p in after.topics_by_name["a"].partitions)


def growth_refusal(image: MetadataImage, growth: NewPartitions) -> ErrorCode:
    records, (result,) = decide_create_partitions(image, [growth])
    assert not records
    assert result.error is not None
    return result.error.code


@pytest.mark.parametrize("count", [2, 1, 0, -1])
def test_a_topic_does_not_shrink_or_stay(count: int) -> None:
    assert growth_refusal(image_with(NewTopic("a", 2, 1)), NewPartitions("a", count)) is ErrorCode.INVALID_PARTITIONS


def test_a_topic_that_is_not_there_does_not_grow() -> None:
    assert growth_refusal(image_with(), NewPartitions("a", 2)) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("assignments", [[], [[1]], [[1], [2], [3]], [[1], [9]], [[1], [1, 2]]])
def test_assignments_for_added_partitions_must_fit(assignments: list[list[int]]) -> None:
    growth = NewPartitions("a", 4, assignments)
    assert growth_refusal(image_with(NewTopic("a", 2, 1)), growth) is ErrorCode.INVALID_REPLICA_ASSIGNMENT


def test_assignments_for_added_partitions_are_kept() -> None:
    image = image_with(NewTopic("a", 1, 1))
    records, _ = decide_create_partitions(image, [NewPartitions("a", 3, [[3], [2]])])
    assert [p.replicas for p in apply(image, records).topics_by_name["a"].partitions[1:]] == [(3,), (2,)]


def test_a_topic_is_deleted_by_name_or_by_id_with_its_configs() -> None:
    image = image_with(NewTopic("a", configs={"retention.ms": "1"}), NewTopic("b"), NewTopic("c"))
    topic_id = image.topics_by_name["b"].topic_id
    records, results = decide_delete_topics(image, names=["a"], topic_ids=[topic_id])
    after = apply(image, records)
    assert [(r.name, r.error) for r in results] == [("a", None), ("b", None)]
    assert set(after.topics_by_name) == {"c"}
    assert len(after.topics_by_id) == 1
    assert not after.topic_configs("a")


def test_what_is_not_there_cannot_be_deleted() -> None:
    _, results = decide_delete_topics(image_with(), names=["a"], topic_ids=[b"x" * 16])
    codes = [r.error and r.error.code for r in results]
    assert codes == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID]


def test_a_topic_that_a_deletion_means_twice_is_not_deleted() -> None:
    image = image_with(NewTopic("a"), NewTopic("b"))
    id_of_b = image.topics_by_name["b"].topic_id
    records, results = decide_delete_topics(image, names=["a", "a", "b"], topic_ids=[id_of_b])
    assert not records
    assert [r.error and r.error.code for r in results] == [ErrorCode.INVALID_REQUEST] * 2


def test_a_recreated_topic_is_another_topic() -> None:
    image = image_with(NewTopic("a", configs={"retention.ms": "1"}))
    first = image.topics_by_name["a"]
    image = apply(image, decide_delete_topics(image, names=["a"], topic_ids=[])[0])
    image, _ = create(image, NewTopic("a"))
    assert image.topics_by_name["a"].topic_id != first.topic_id
    assert not image.topic_configs("a")

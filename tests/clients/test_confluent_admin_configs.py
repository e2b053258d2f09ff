"""confluent-kafka's AdminClient: configs of topics and of the broker."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    ResourceType,
)
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, create_topic, deliver, producer
from harness.confluent_admin import refusal, result


def configs_of(admin: AdminClient, kind: ResourceType, name: str) -> dict[str, ConfigEntry]:
    return result(admin.describe_configs([ConfigResource(kind, name)]))  # type: ignore[no-any-return]


def test_topic_configs_are_described_with_their_source(admin: AdminClient, broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, configs={"cleanup.policy": "compact"})

    configs = configs_of(admin, ResourceType.TOPIC, topic)

    assert configs["cleanup.policy"].value == "compact"
    assert configs["cleanup.policy"].source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    assert configs["retention.ms"].value == "604800000"
    assert configs["retention.ms"].is_default
    assert configs["retention.ms"].source == ConfigSource.DEFAULT_CONFIG.value
    assert "log.cleanup.policy" in set(configs["cleanup.policy"].synonyms)


def test_topic_configs_are_altered_incrementally(admin: AdminClient, broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, configs={"retention.ms": "1000000", "cleanup.policy": "delete"})

    def alter(name: str, operation: AlterConfigOpType, value: str | None = None) -> dict[Any, Any]:
        entry = ConfigEntry(name, value, incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        return admin.incremental_alter_configs([resource])  # type: ignore[no-any-return]

    result(alter("max.message.bytes", AlterConfigOpType.SET, "2000"))
    result(alter("cleanup.policy", AlterConfigOpType.APPEND, "compact"))
    result(alter("retention.ms", AlterConfigOpType.DELETE))

    configs = configs_of(admin, ResourceType.TOPIC, topic)
    assert configs["max.message.bytes"].value == "2000"
    assert configs["cleanup.policy"].value == "delete,compact"
    assert configs["retention.ms"].value == "604800000"
    assert refusal(alter("segment.bytes", AlterConfigOpType.SET, "many")).code() == KafkaError.INVALID_CONFIG
    assert refusal(alter("no.such.config", AlterConfigOpType.SET, "1")).code() == KafkaError.INVALID_CONFIG
    with pytest.raises(KafkaException):  # and the broker obeys the new limit from now on
        deliver(producer(broker.bootstrap), topic, [{"value": b"x" * 3000}])


def test_altering_all_configs_at_once_drops_what_is_not_named(
    admin: AdminClient, broker: BrokerProcess, topic: str
) -> None:
    create_topic(broker.bootstrap, topic, configs={"retention.ms": "1000000"})

    result(admin.alter_configs([ConfigResource(ResourceType.TOPIC, topic, set_config={"segment.ms": "60000"})]))

    configs = configs_of(admin, ResourceType.TOPIC, topic)
    assert configs["segment.ms"].value == "60000"
    assert configs["retention.ms"].value == "604800000"


def test_the_brokers_own_configs_are_described(admin: AdminClient) -> None:
    [node_id] = admin.list_topics(timeout=DEADLINE_S).brokers

    configs = configs_of(admin, ResourceType.BROKER, str(node_id))

    # ksqlDB reads this one and dies of null where it is missing.
    assert configs["default.replication.factor"].value == "1"
    assert configs["group.initial.rebalance.delay.ms"].value == "0"
    assert configs["group.initial.rebalance.delay.ms"].source == ConfigSource.STATIC_BROKER_CONFIG.value


def test_configs_of_a_topic_that_is_not_there(admin: AdminClient, topic: str) -> None:
    refused = refusal(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))

    assert refused.code() == KafkaError.UNKNOWN_TOPIC_OR_PART

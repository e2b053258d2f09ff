"""Settings as DescribeConfigs shows them."""

from __future__ import annotations

import pytest

from broker.config import (
    BROKER_DEFINITIONS,
    TOPIC_DEFINITIONS,
    BrokerConfig,
    DescribedConfig,
    describe_broker,
    describe_cluster_default,
    describe_topic,
)
from protocol.config_numbers import ConfigSource

NO_LAYER: dict[str, str] = {}


def find(configs: list[DescribedConfig], name: str) -> DescribedConfig:
    return next(config for config in configs if config.name == name)


def synonyms(config: DescribedConfig) -> list[tuple[str, str | None, ConfigSource]]:
    return [(synonym.name, synonym.value, synonym.source) for synonym in config.synonyms]


def test_everything_there_is_is_described() -> None:
    broker = BrokerConfig.from_properties({})
    assert [config.name for config in describe_topic(broker, {})] == sorted(TOPIC_DEFINITIONS)
    assert [config.name for config in describe_broker(broker)] == sorted(BROKER_DEFINITIONS)


def test_a_topics_value_comes_from_the_strongest_place_and_names_the_weaker_ones() -> None:
    broker = BrokerConfig.from_properties({"log.retention.hours": "1"}).with_dynamic(
        default={"log.retention.ms": "6"}, broker={"log.retention.ms": "5"}
    )

    config = find(describe_topic(broker, {"retention.ms": "4"}), "retention.ms")

    assert (config.value, config.source) == ("4", ConfigSource.TOPIC)
    assert synonyms(config) == [
        ("retention.ms", "4", ConfigSource.TOPIC),
        ("log.retention.ms", "5", ConfigSource.DYNAMIC_BROKER),
        ("log.retention.ms", "6", ConfigSource.DYNAMIC_DEFAULT_BROKER),
        ("log.retention.hours", "1", ConfigSource.STATIC_BROKER),
        ("log.retention.hours", "168", ConfigSource.DEFAULT),
    ]


def test_a_topics_default_follows_the_coarser_unit() -> None:
    config = find(describe_topic(BrokerConfig.from_properties({"log.retention.hours": "1"}), {}), "retention.ms")
    assert (config.value, config.source) == ("3600000", ConfigSource.STATIC_BROKER)


def test_a_brokers_setting_shows_its_own_value_only() -> None:
    configs = describe_broker(BrokerConfig.from_properties({"log.retention.hours": "1"}))

    assert find(configs, "log.retention.ms").value is None
    assert find(configs, "log.retention.ms").source is ConfigSource.STATIC_BROKER
    assert find(configs, "log.retention.hours").value == "1"
    assert find(configs, "num.partitions").source is ConfigSource.DEFAULT
    assert find(configs, "num.partitions").read_only
    assert not find(configs, "log.retention.ms").read_only


def test_the_clusters_default_shows_what_was_altered_and_nothing_else() -> None:
    broker = BrokerConfig.from_properties({"message.max.bytes": "7"})
    assert describe_cluster_default(broker) == []

    (config,) = describe_cluster_default(broker.with_dynamic(default={"log.retention.ms": "6"}, broker=NO_LAYER))

    assert (config.name, config.value) == ("log.retention.ms", "6")
    assert config.source is ConfigSource.DYNAMIC_DEFAULT_BROKER


@pytest.mark.parametrize("properties", [{"node.id": "7"}, {"broker.id": "7"}, {"node.id": "7", "broker.id": "7"}])
def test_both_names_of_the_nodes_number_say_which_it_is(properties: dict[str, str]) -> None:
    """broker.id was -1 wherever node.id was set; tools that find the node by it looked in vain."""
    configs = describe_broker(BrokerConfig.from_properties(properties))
    assert (find(configs, "node.id").value, find(configs, "broker.id").value) == ("7", "7")

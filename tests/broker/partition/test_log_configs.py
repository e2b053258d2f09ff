"""Logs share their configs, and follow what is set on the topic and on the broker."""

from __future__ import annotations

from broker.config import BrokerConfig, load_config
from broker.partition import LogConfigs


class Cluster:
    """What a cluster's metadata says of configs."""

    def __init__(self) -> None:
        self.config = broker_config()
        self.overrides: dict[str, dict[str, str]] = {}
        self.log_configs = LogConfigs(
            config=lambda: self.config, overrides_of=lambda topic: self.overrides.get(topic, {})
        )


def broker_config(*settings: str) -> BrokerConfig:
    return load_config(config_file=None, environ={}, settings=settings)


def test_topics_that_set_the_same_share_one() -> None:
    """10,000 partitions were once given a config each: a third of the start, and 15 MB."""
    cluster = Cluster()
    cluster.overrides = {"a": {"retention.ms": "5"}, "b": {"retention.ms": "5"}}

    assert cluster.log_configs.of("a") is cluster.log_configs.of("b")
    assert cluster.log_configs.of("a").retention_ms == 5


def test_a_topic_with_settings_of_its_own_takes_no_others_along() -> None:
    cluster = Cluster()
    cluster.overrides = {"short": {"retention.ms": "5"}}

    kept = [cluster.log_configs.of(topic).retention_ms for topic in ("long", "short", "long")]

    assert kept == [604_800_000, 5, 604_800_000]


def test_what_is_set_on_a_topic_later_is_followed() -> None:
    cluster = Cluster()
    before = cluster.log_configs.of("orders")

    cluster.overrides = {"orders": {"retention.ms": "5"}}

    assert before.retention_ms == 604_800_000
    assert cluster.log_configs.of("orders").retention_ms == 5


def test_what_is_set_on_the_broker_later_is_followed() -> None:
    cluster = Cluster()
    cluster.log_configs.of("orders")

    cluster.config = broker_config("log.retention.ms=7")

    assert cluster.log_configs.of("orders").retention_ms == 7

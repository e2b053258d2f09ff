"""Kafka's settings that mean nothing here, and those that must not be ignored."""

from __future__ import annotations

import pytest

from broker.config import BROKER_DEFINITIONS, BrokerConfig, ConfigError
from broker.config.foreign_keys import is_foreign, known_names

# The file that Kafka ships for a node of its own, without its comments.
KAFKAS_SERVER_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.bootstrap.servers": "localhost:9093",
    "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "inter.broker.listener.name": "PLAINTEXT",
    "advertised.listeners": "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL",
    "num.network.threads": "3",
    "num.io.threads": "8",
    "socket.send.buffer.bytes": "102400",
    "socket.receive.buffer.bytes": "102400",
    "socket.request.max.bytes": "104857600",
    "log.dirs": "kraft-combined-logs",
    "num.partitions": "1",
    "num.recovery.threads.per.data.dir": "1",
    "offsets.topic.replication.factor": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "log.retention.hours": "168",
    "log.segment.bytes": "1073741824",
    "log.retention.check.interval.ms": "300000",
}


def test_the_configuration_kafka_ships_starts_here() -> None:
    config = BrokerConfig.from_properties(KAFKAS_SERVER_PROPERTIES)

    assert [str(listener) for listener in config.listeners] == ["PLAINTEXT://:9092"]
    assert config.advertised_endpoints({}) == {"PLAINTEXT": ("localhost", 9092)}
    warnings = "\n".join(config.warnings)
    assert "num.io.threads" in warnings
    assert "transactions: transaction.state.log.min.isr, transaction.state.log.replication.factor" in warnings
    assert [str(listener) for listener in config.controller_listeners] == ["CONTROLLER://:9093"]


def test_settings_without_meaning_take_one_warning_line() -> None:
    config = BrokerConfig.from_properties(
        {"num.io.threads": "8", "zookeeper.connect": "zoo:2181", "background.threads": "4"}
    )

    assert config.warnings == (
        "settings that mean nothing to this broker are ignored: background.threads, num.io.threads, zookeeper.connect",
    )


@pytest.mark.parametrize(
    ("key", "value", "feature"),
    [
        ("ssl.keystore.location", "/etc/keystore", "TLS"),
        ("sasl.enabled.mechanisms", "PLAIN", "SASL"),
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "authorization"),
        ("remote.log.storage.system.enable", "true", "tiered storage"),
        ("group.coordinator.rebalance.protocols", "classic,consumer", "group protocol"),
        ("max.connections.per.ip.overrides", "127.0.0.1:5", "connection limit"),
    ],
)
def test_what_asks_for_absent_behaviour_is_refused(key: str, value: str, feature: str) -> None:
    with pytest.raises(ConfigError, match="not supported yet") as refusal:
        BrokerConfig.from_properties({key: value})
    assert refusal.value.key == key
    assert key in str(refusal.value)
    assert feature in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("authorizer.class.name", ""),
        ("ssl.client.auth", "none"),
        ("security.inter.broker.protocol", "PLAINTEXT"),
        ("controller.quorum.voters", "1@localhost:9093"),
        ("group.coordinator.rebalance.protocols", "classic"),
        ("remote.log.storage.system.enable", "false"),
    ],
)
def test_asking_for_what_the_broker_does_anyway_is_fine(key: str, value: str) -> None:
    BrokerConfig.from_properties({key: value})


def test_a_refused_secret_is_not_shown() -> None:
    with pytest.raises(ConfigError) as refusal:
        BrokerConfig.from_properties({"ssl.keystore.password": "tr0ub4dor"})
    assert "tr0ub4dor" not in str(refusal.value)


def test_no_setting_is_both_ours_and_foreign() -> None:
    assert not [name for name in BROKER_DEFINITIONS if name in known_names()]
    assert not [name for name in BROKER_DEFINITIONS if is_foreign(name)]

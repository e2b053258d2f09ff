"""Settings of topics: what may be set, and what is in force."""

from __future__ import annotations

import pytest

from broker.config import (
    TOPIC_DEFINITIONS,
    BrokerConfig,
    effective_topic_configs,
    validate_topic_configs,
)
from protocol.errors import ErrorCode, KafkaError

# Of Kafka's LogConfig, trunk of August 2026.
KAFKAS_DEFAULTS = {
    "cleanup.policy": "delete",
    "compression.gzip.level": "-1",
    "compression.lz4.level": "9",
    "compression.type": "producer",
    "compression.zstd.level": "3",
    "delete.retention.ms": "86400000",
    "errors.deadletterqueue.group.enable": "false",
    "file.delete.delay.ms": "60000",
    "flush.messages": "9223372036854775807",
    "flush.ms": "9223372036854775807",
    "follower.replication.throttled.replicas": "",
    "index.interval.bytes": "4096",
    "leader.replication.throttled.replicas": "",
    "local.retention.bytes": "-2",
    "local.retention.ms": "-2",
    "max.compaction.lag.ms": "9223372036854775807",
    "max.message.bytes": "1048588",
    "message.timestamp.after.max.ms": "3600000",
    "message.timestamp.before.max.ms": "9223372036854775807",
    "message.timestamp.type": "CreateTime",
    "min.cleanable.dirty.ratio": "0.5",
    "min.compaction.lag.ms": "0",
    "min.insync.replicas": "1",
    "preallocate": "false",
    "remote.copy.lag.bytes": "-1",
    "remote.copy.lag.ms": "0",
    "remote.log.copy.disable": "false",
    "remote.log.delete.on.disable": "false",
    "remote.storage.enable": "false",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "segment.bytes": "1073741824",
    "segment.index.bytes": "10485760",
    "segment.jitter.ms": "0",
    "segment.ms": "604800000",
    "unclean.leader.election.enable": "false",
}


def test_a_topic_that_sets_nothing_has_kafkas_defaults() -> None:
    assert effective_topic_configs(BrokerConfig.from_properties({}), {}) == KAFKAS_DEFAULTS


def test_a_topic_takes_the_brokers_setting_and_overrides_it_with_its_own() -> None:
    broker = BrokerConfig.from_properties({"log.retention.hours": "1", "log.segment.bytes": "2000000"})

    assert effective_topic_configs(broker, {})["retention.ms"] == "3600000"
    effective = effective_topic_configs(broker, {"retention.ms": "-1"})
    assert (effective["retention.ms"], effective["segment.bytes"]) == ("-1", "2000000")


def test_tests_may_have_segments_below_the_smallest_size() -> None:
    configs = validate_topic_configs({"internal.segment.bytes": "100"})

    effective = effective_topic_configs(BrokerConfig.from_properties({}), configs)

    assert effective["segment.bytes"] == "100"
    assert "internal.segment.bytes" not in TOPIC_DEFINITIONS


def test_good_settings_come_back_trimmed() -> None:
    given = {"retention.ms": " 5 ", "cleanup.policy": "compact,delete", "compression.type": "zstd"}
    assert validate_topic_configs(given) == {
        "retention.ms": "5",
        "cleanup.policy": "compact,delete",
        "compression.type": "zstd",
    }


def test_an_empty_cleanup_policy_keeps_records_for_ever() -> None:
    assert validate_topic_configs({"cleanup.policy": ""}) == {"cleanup.policy": ""}


def test_settings_that_kafka_4_dropped_are_accepted_and_forgotten() -> None:
    old = {"message.format.version": "2.8", "message.downconversion.enable": "false", "retention.ms": "1"}
    assert validate_topic_configs(old) == {"retention.ms": "1"}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("retention.mss", "1", "did you mean retention.ms?"),
        ("retention.ms", "-2", "a whole number of ms, at least -1"),
        ("retention.ms", None, "has no value"),
        ("segment.bytes", "1000", "at least 1048576"),
        ("min.insync.replicas", "0", "at least 1"),
        ("compression.type", "none", "must be one of uncompressed"),
        ("compression.lz4.level", "18", "from 1 to 17"),
        ("message.timestamp.type", "Now", "must be one of CreateTime, LogAppendTime"),
        ("unclean.leader.election.enable", "maybe", "true or false"),
        ("remote.storage.enable", "true", "not supported yet"),
        ("local.retention.ms", "5", "not supported yet"),
        ("leader.replication.throttled.replicas", "0", "must be * for all replicas, or a list of partition:broker"),
        ("follower.replication.throttled.replicas", "0:1;1:2", "must be * for all replicas, or a list of"),
        ("leader.replication.throttled.replicas", "*,0:1", "must be * for all replicas, or a list of"),
        ("preallocate", "true", "not supported yet"),
        ("num.partitions", "3", "is not a topic setting"),
    ],
)
def test_a_bad_setting_is_invalid_config_with_a_sentence(name: str, value: str | None, sentence: str) -> None:
    with pytest.raises(KafkaError) as refusal:
        validate_topic_configs({name: value})
    assert refusal.value.code is ErrorCode.INVALID_CONFIG
    assert name in refusal.value.message
    assert sentence in refusal.value.message


def test_compaction_lags_that_cross_are_refused() -> None:
    with pytest.raises(KafkaError, match="is greater than"):
        validate_topic_configs({"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"})

"""Settings of the broker: typed, checked, resolved."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from broker.config import BROKER_DEFINITIONS, BrokerConfig, ConfigError, UpdateMode
from broker.config.definition import LONG_MAX
from protocol.config_numbers import ConfigType


def config(**settings: str) -> BrokerConfig:
    return BrokerConfig.from_properties({key.replace("_", "."): value for key, value in settings.items()})


def test_without_settings_everything_has_its_default() -> None:
    assert config().num_partitions == 1
    assert config().auto_create_topics_enable is True
    assert config().log_cleanup_policy == ("delete",)
    assert config().log_cleaner_min_cleanable_ratio == 0.5
    assert config().broker_rack is None
    assert config().data_directory == "data"
    assert config().warnings == ()


def test_values_have_the_type_of_their_attribute() -> None:
    hints = typing.get_type_hints(BrokerConfig)
    kinds = {
        ConfigType.BOOLEAN: bool,
        ConfigType.SHORT: int,
        ConfigType.INT: int,
        ConfigType.LONG: int,
        ConfigType.DOUBLE: float,
        ConfigType.STRING: str,
        ConfigType.LIST: tuple,
    }
    for definition in BROKER_DEFINITIONS.values():
        hint = hints[definition.attribute]
        accepted = typing.get_args(hint) if type(None) in typing.get_args(hint) else (hint,)
        wanted = kinds[definition.type]
        assert any((typing.get_origin(one) or one) is wanted for one in accepted), definition.name


def test_every_setting_is_an_attribute_and_every_attribute_a_setting() -> None:
    others = {"layers", "warnings", "controller_listeners", "advertised_controller_listeners"}
    attributes = {field.name for field in dataclasses.fields(BrokerConfig)} - others
    assert attributes == {definition.attribute for definition in BROKER_DEFINITIONS.values()}


def test_every_default_is_a_valid_value() -> None:
    for definition in BROKER_DEFINITIONS.values():
        if definition.default is not None:
            definition.parse(definition.default)


@pytest.mark.parametrize(
    ("settings", "milliseconds"),
    [
        ({}, 168 * 3_600_000),
        ({"log.retention.hours": "2"}, 7_200_000),
        ({"log.retention.hours": "2", "log.retention.minutes": "3"}, 180_000),
        ({"log.retention.hours": "2", "log.retention.minutes": "3", "log.retention.ms": "4"}, 4),
        ({"log.retention.hours": "-1"}, -1),
    ],
)
def test_retention_is_taken_from_the_finest_unit_that_is_set(settings: dict[str, str], milliseconds: int) -> None:
    assert BrokerConfig.from_properties(settings).log_retention_ms == milliseconds


def test_other_times_are_derived_the_same_way() -> None:
    assert config(log_roll_hours="1").log_roll_ms == 3_600_000
    assert config(log_roll_jitter_hours="2").log_roll_jitter_ms == 7_200_000
    assert config().log_flush_interval_ms == LONG_MAX
    assert config(log_flush_scheduler_interval_ms="9").log_flush_interval_ms == 9


def test_the_older_name_of_the_node_id_counts_too() -> None:
    assert config(broker_id="7").node_id == 7
    assert config(node_id="7", broker_id="7").node_id == 7
    assert config(node_id="7", broker_id="-1").node_id == 7
    with pytest.raises(ConfigError, match="different nodes"):
        config(node_id="7", broker_id="8")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("num.partitions", "0", "num.partitions=0 is not valid: it must be a whole number of partitions, at least 1"),
        ("num.partitions", "many", "must be a whole number"),
        ("num.partitions", "1_000", "must be a whole number"),
        ("num.partitions", "2147483648", "must be a whole number"),
        ("log.cleaner.min.cleanable.ratio", "1.5", "from 0 to 1"),
        ("log.cleaner.min.cleanable.ratio", "nan", "from 0 to 1"),
        ("auto.create.topics.enable", "yes", "must be true or false"),
        ("compression.type", "brotli", "must be one of uncompressed, zstd, lz4, snappy, gzip, producer"),
        ("log.cleanup.policy", "delete,squeeze", "must be a list of delete, compact"),
        ("log.cleanup.policy", "delete,delete", "listed twice"),
        ("log.segment.bytes", "1024", "whole number of bytes, at least 1048576"),
        ("flush", "sometimes", "must be one of commit, interval, os"),
        ("log.preallocate", "true", "not supported yet"),
        ("log.dirs", "one,two", "several are not supported yet"),
        ("log.dirs", " , ", "name one data directory"),
        ("process.roles", "broker,observer", "must be a list of broker, controller"),
        ("process.roles", "broker", "to know who is"),
        ("controller.quorum.voters", "1@localhost", "must be id@host:port"),
        ("controller.quorum.voters", "2@localhost:9093", "does not name this controller, node 1"),
        ("controller.quorum.voters", "1@a:9093,2@b:9093", "has no listener for them"),
        ("controller.quorum.bootstrap.servers", "localhost", "must be host:port"),
        ("broker.session.timeout.ms", "400", "at least twice broker.heartbeat.interval.ms"),
    ],
)
def test_a_bad_value_is_refused_with_what_would_do(key: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        BrokerConfig.from_properties({key: value})
    assert refusal.value.key == key
    assert key in str(refusal.value)
    assert sentence in str(refusal.value)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"group\.min\.session\.timeout\.ms is greater"):
        config(group_min_session_timeout_ms="10", group_max_session_timeout_ms="5")
    with pytest.raises(ConfigError, match=r"min\.compaction\.lag\.ms is greater"):
        config(log_cleaner_min_compaction_lag_ms="10", log_cleaner_max_compaction_lag_ms="5")
    with pytest.raises(ConfigError, match="flush=interval needs"):
        config(flush="interval")
    assert config(flush="interval", log_flush_interval_ms="100").log_flush_interval_ms == 100


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"num\.partition is not a broker setting; did you mean num\.partitions\?"):
        config(num_partition="8")
    with pytest.raises(ConfigError, match=r"is not a broker setting$"):
        config(qqqqqqqq="8")


def test_what_is_altered_at_run_time_lies_over_what_was_configured() -> None:
    static = config(log_retention_hours="1", message_max_bytes="1000")

    altered = static.with_dynamic(default={"log.retention.ms": "5", "message.max.bytes": "7"}, broker={})
    assert (altered.log_retention_ms, altered.message_max_bytes) == (5, 7)

    own = altered.with_dynamic(default={"log.retention.ms": "5"}, broker={"log.retention.ms": "6"})
    assert (own.log_retention_ms, own.message_max_bytes) == (6, 1000)

    assert own.with_dynamic(default={}, broker={}).log_retention_ms == 3_600_000


def test_only_kafkas_dynamic_settings_can_be_altered_at_run_time() -> None:
    assert BROKER_DEFINITIONS["log.retention.ms"].update is UpdateMode.CLUSTER_WIDE
    assert BROKER_DEFINITIONS["log.retention.hours"].update is UpdateMode.READ_ONLY
    assert BROKER_DEFINITIONS["num.partitions"].update is UpdateMode.READ_ONLY
    assert BROKER_DEFINITIONS["listeners"].update is UpdateMode.READ_ONLY

"""Where settings come from, and which source counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broker.config import BROKER_DEFINITIONS, ConfigError, load_config
from broker.config.sources import key_of_variable, variable_of_key


@pytest.fixture
def properties(tmp_path: Path) -> str:
    path = tmp_path / "server.properties"
    path.write_text("num.partitions=2\nmessage.max.bytes=2\nfetch.max.bytes=2000\n")
    return str(path)


def test_the_command_line_counts_more_than_the_environment_and_that_more_than_the_file(properties: str) -> None:
    environ = {"KAFKA_NUM_PARTITIONS": "3", "KAFKA_MESSAGE_MAX_BYTES": "3", "PATH": "/bin"}

    config = load_config(config_file=properties, environ=environ, settings=["num.partitions=4"])

    assert (config.num_partitions, config.message_max_bytes, config.fetch_max_bytes) == (4, 3, 2000)


def test_a_value_may_contain_an_equals_sign() -> None:
    assert load_config(settings=["broker.rack=a=b"]).broker_rack == "a=b"


@pytest.mark.parametrize("argument", ["num.partitions", "=8", ""])
def test_an_argument_that_is_no_pair_is_refused(argument: str) -> None:
    with pytest.raises(ConfigError, match="must be key=value"):
        load_config(settings=[argument])


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("KAFKA_LOG_RETENTION_MS", "log.retention.ms"),
        ("KAFKA_MY__KEY___WITH_ALL", "my_key-with.all"),
        ("KAFKA_FLUSH", "flush"),
    ],
)
def test_a_variable_means_the_key_that_kafkas_images_give_it(variable: str, key: str) -> None:
    assert key_of_variable(variable) == key
    assert variable_of_key(key) == variable


def test_every_setting_can_be_given_by_environment() -> None:
    assert all(key_of_variable(variable_of_key(key)) == key for key in BROKER_DEFINITIONS)


def test_a_mistyped_variable_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(ConfigError, match=r"KAFKA_NUM_PARTITION .*did you mean KAFKA_NUM_PARTITIONS"):
        load_config(environ={"KAFKA_NUM_PARTITION": "8"})


def test_variables_that_were_meant_for_others_are_ignored_with_a_warning() -> None:
    others = {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "KAFKA_HEAP_OPTS": "-Xmx1g",
        "KAFKA_PORT_9092_TCP_ADDR": "10.0.0.1",
        "KAFKA_SERVICE_HOST": "10.0.0.1",
    }

    (warning,) = load_config(environ=others).warnings

    assert all(name in warning for name in others)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.properties")
    with pytest.raises(ConfigError, match=r"missing\.properties cannot be read: No such file"):
        load_config(config_file=missing)

    binary = tmp_path / "binary.properties"
    binary.write_bytes(b"a=\xff\xfe")
    with pytest.raises(ConfigError, match=r"binary\.properties is not UTF-8"):
        load_config(config_file=str(binary))


def test_a_refused_setting_is_named_with_where_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "server.properties"
    file.write_text("num.partition=8\n")
    with pytest.raises(
        ConfigError, match=rf"^the configuration file {re.escape(str(file))}: num\.partition is not a broker setting"
    ):
        load_config(config_file=str(file))
    with pytest.raises(ConfigError, match=r"^the environment variable KAFKA_NUM_PARTITIONS: num\.partitions=x is not"):
        load_config(environ={"KAFKA_NUM_PARTITIONS": "x"})
    with pytest.raises(ConfigError, match=r"^num\.partitions=y is not valid"):
        load_config(environ={"KAFKA_NUM_PARTITIONS": "x"}, settings=["num.partitions=y"])


def test_a_refused_setting_is_known_by_its_key_wherever_it_came_from() -> None:
    for source in ({"environ": {"KAFKA_NUM_PARTITIONS": "x"}}, {"settings": ["num.partitions=x"]}):
        with pytest.raises(ConfigError) as refusal:
            load_config(**source)
        assert refusal.value.key == "num.partitions"


def test_a_fault_in_no_setting_has_no_key() -> None:
    with pytest.raises(ConfigError) as refusal:
        load_config(settings=["num.partitions"])
    assert refusal.value.key is None

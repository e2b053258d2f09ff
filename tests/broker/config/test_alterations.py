"""What a request to alter settings changes, and what it may not."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from broker.config import BrokerConfig
from broker.config.alterations import (
    Alteration,
    apply_alterations,
    check_broker_changes,
    check_topic_changes,
    replace_all,
)
from broker.config.logger_levels import alter_loggers, check_logger_alterations, describe_loggers
from broker.config.topic_configs import topic_definition
from protocol.config_numbers import AlterOperation
from protocol.errors import ErrorCode, KafkaError

SET, DELETE, APPEND, SUBTRACT = AlterOperation
STATIC = BrokerConfig.from_properties({})


def alter(existing: dict[str, str], *alterations: tuple[str, int, str | None]) -> dict[str, str | None]:
    return apply_alterations(existing, [Alteration(*one) for one in alterations], topic_definition)


def test_replacing_takes_back_what_is_not_named() -> None:
    assert replace_all({"retention.ms": "1", "flush.ms": "2"}, {"flush.ms": "3"}) == {
        "retention.ms": None,
        "flush.ms": "3",
    }


def test_single_settings_are_set_and_deleted() -> None:
    existing = {"retention.ms": "1", "flush.ms": "2"}
    assert alter(existing, ("retention.ms", SET, "5"), ("flush.ms", DELETE, None)) == {
        "retention.ms": "5",
        "flush.ms": None,
    }


def test_lists_grow_and_shrink_from_what_is_set_or_else_the_default() -> None:
    assert alter({}, ("cleanup.policy", APPEND, "compact")) == {"cleanup.policy": "delete,compact"}
    assert alter({"cleanup.policy": "compact"}, ("cleanup.policy", APPEND, "compact")) == {"cleanup.policy": "compact"}
    both = {"cleanup.policy": "compact,delete"}
    assert alter(both, ("cleanup.policy", SUBTRACT, "delete")) == {"cleanup.policy": "compact"}


@pytest.mark.parametrize(
    ("alterations", "code"),
    [
        ([("retention.ms", APPEND, "5")], ErrorCode.INVALID_CONFIG),
        ([("retention.mss", SUBTRACT, "5")], ErrorCode.INVALID_CONFIG),
        ([("retention.ms", SET, None)], ErrorCode.INVALID_REQUEST),
        ([("cleanup.policy", 9, "delete")], ErrorCode.INVALID_REQUEST),
        ([("retention.ms", SET, "5"), ("retention.ms", DELETE, None)], ErrorCode.INVALID_REQUEST),
    ],
)
def test_what_cannot_be_done_is_refused(alterations: list[tuple[str, int, str | None]], code: ErrorCode) -> None:
    with pytest.raises(KafkaError) as refusal:
        alter({}, *alterations)
    assert refusal.value.code is code


def test_the_outcome_for_a_topic_is_checked_as_a_whole() -> None:
    with pytest.raises(KafkaError, match=r"min\.compaction\.lag\.ms"):
        check_topic_changes({"min.compaction.lag.ms": "5"}, {"max.compaction.lag.ms": "4"})
    assert check_topic_changes({"min.compaction.lag.ms": "5"}, {"min.compaction.lag.ms": None}) == {
        "min.compaction.lag.ms": None
    }


def test_an_ignored_setting_is_not_remembered() -> None:
    assert check_topic_changes({}, {"message.format.version": "2.8", "flush.ms": "1"}) == {"flush.ms": "1"}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("num.partitions", "3", "only a restart changes num.partitions"),
        ("listeners", "PLAINTEXT://:1", "only a restart changes listeners"),
        ("log.retention.mss", "3", "did you mean log.retention.ms?"),
        ("log.segment.bytes", "3", "at least 1048576"),
        ("log.cleaner.max.compaction.lag.ms", "0", "at least 1"),
    ],
)
@pytest.mark.parametrize("for_all", [True, False])
def test_a_broker_refuses_as_an_invalid_request(name: str, value: str, sentence: str, for_all: bool) -> None:
    with pytest.raises(KafkaError) as refusal:
        check_broker_changes(STATIC, {}, {name: value}, for_all=for_all)
    assert refusal.value.code is ErrorCode.INVALID_REQUEST
    assert sentence in refusal.value.message


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    name = "broker.a_logger_of_a_test"
    yield logging.getLogger(name)
    logging.getLogger(name).setLevel(logging.NOTSET)


def level_of(name: str) -> str | None:
    return next(config.value for config in describe_loggers() if config.name == name)


def test_a_log_level_is_set_and_goes_back_to_its_parents(logger: logging.Logger) -> None:
    before = level_of(logger.name)

    alter_loggers([Alteration(logger.name, SET, "ERROR")])
    assert level_of(logger.name) == "ERROR"

    alter_loggers([Alteration(logger.name, DELETE, None)])
    assert level_of(logger.name) == before


@pytest.mark.parametrize(
    ("alteration", "code"),
    [
        (Alteration("broker.nothing_of_that_name", SET, "INFO"), ErrorCode.INVALID_CONFIG),
        (Alteration("ROOT", SET, "LOUD"), ErrorCode.INVALID_CONFIG),
        (Alteration("ROOT", DELETE, None), ErrorCode.INVALID_REQUEST),
        (Alteration("ROOT", APPEND, "INFO"), ErrorCode.INVALID_REQUEST),
    ],
)
def test_log_levels_that_do_not_exist_are_refused(alteration: Alteration, code: ErrorCode) -> None:
    with pytest.raises(KafkaError) as refusal:
        check_logger_alterations([alteration])
    assert refusal.value.code is code

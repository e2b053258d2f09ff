"""Log levels as settings: what kafka-configs calls broker loggers, which here are Python's.

The root is named ROOT as in Kafka; other loggers go by their module (`broker.network`). Levels live in this
process alone and are back at their start after it, as in Kafka.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from broker.config.alterations import Alteration
from broker.config.definition import Definition, nearest_name
from broker.config.describe import DescribedConfig
from protocol.config_numbers import AlterOperation, ConfigSource, ConfigType
from protocol.errors import ErrorCode, KafkaError

ROOT = "ROOT"
_LEVELS = {
    "TRACE": logging.DEBUG,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
}
_NAMES = {level: name for name, level in _LEVELS.items() if name != "TRACE"}
_OURS = ("broker", "wal", "raft", "protocol", "asyncio")


def describe_loggers() -> list[DescribedConfig]:
    """The level in force of every logger of the program, by name."""
    return [_describe(name) for name in logger_names()]


def logger_names() -> list[str]:
    existing = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _OURS]
    return [ROOT, *sorted(existing)]


def check_logger_alterations(alterations: Sequence[Alteration]) -> None:
    """KafkaError(INVALID_CONFIG or INVALID_REQUEST) for the first alteration that cannot be made."""
    known = logger_names()
    for alteration in alterations:
        if alteration.name not in known:
            nearest = nearest_name(alteration.name, known)
            hint = f"; did you mean {nearest}?" if nearest else ""
            raise KafkaError(ErrorCode.INVALID_CONFIG, f"{alteration.name} is not a logger{hint}")
        if alteration.operation == AlterOperation.DELETE:
            if alteration.name == ROOT:
                raise KafkaError(ErrorCode.INVALID_REQUEST, f"the level of {ROOT} can be set but not deleted")
        elif alteration.operation != AlterOperation.SET:
            raise KafkaError(ErrorCode.INVALID_REQUEST, "a log level can be set and deleted, nothing else")
        elif alteration.value not in _LEVELS:
            raise KafkaError(
                ErrorCode.INVALID_CONFIG, f"{alteration.value} is not a log level: use one of {', '.join(_LEVELS)}"
            )


def alter_loggers(alterations: Sequence[Alteration]) -> None:
    """Make alterations that were checked; a deleted level is the parent's again."""
    for alteration in alterations:
        logger = logging.getLogger(None if alteration.name == ROOT else alteration.name)
        if alteration.operation == AlterOperation.DELETE:
            logger.setLevel(logging.NOTSET)
        else:
            assert alteration.value is not None, alteration
            logger.setLevel(_LEVELS[alteration.value])


def _describe(name: str) -> DescribedConfig:
    level = logging.getLogger(None if name == ROOT else name).getEffectiveLevel()
    definition = Definition(name=name, type=ConfigType.STRING, default=None, doc="", choices=tuple(_LEVELS))
    text = _NAMES.get(level, logging.getLevelName(level))
    return DescribedConfig(definition, text, ConfigSource.BROKER_LOGGER, False, [])

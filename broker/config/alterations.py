"""Changes of settings at run time, decided: what a request asks for, as the keys that change.

A change is a mapping from key to its new text, None where the key goes back to its default. Nothing is changed
here; the cluster's metadata is what remembers it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from broker.config.broker_config import BROKER_DEFINITIONS, BrokerConfig, dynamic_definitions
from broker.config.definition import ConfigError, Definition, UpdateMode, unknown_name
from broker.config.topic_configs import validate_topic_configs
from protocol.config_numbers import AlterOperation, ConfigType
from protocol.errors import ErrorCode, KafkaError

Changes = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Alteration:
    """One key of IncrementalAlterConfigs; `value` is None for DELETE alone."""

    name: str
    operation: int
    value: str | None


def replace_all(existing: Mapping[str, str], given: Mapping[str, str | None]) -> Changes:
    """AlterConfigs: what is given is set, and everything else goes back to its default."""
    return {name: None for name in existing if name not in given} | _without_nulls(given)


def apply_alterations(
    existing: Mapping[str, str],
    alterations: Sequence[Alteration],
    definition_of: Callable[[str], Definition],
) -> Changes:
    """IncrementalAlterConfigs: each key on its own. KafkaError as Kafka answers it."""
    names = [alteration.name for alteration in alterations]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Keys are given more than once: {', '.join(twice)}")
    changes: Changes = {}
    for alteration in alterations:
        if alteration.operation == AlterOperation.DELETE:
            changes[alteration.name] = None
            continue
        if alteration.value is None:
            raise KafkaError(ErrorCode.INVALID_REQUEST, f"{alteration.name} has no value")
        if alteration.operation == AlterOperation.SET:
            changes[alteration.name] = alteration.value
        else:
            definition = _known(definition_of, alteration.name)
            changes[alteration.name] = _with_list_changed(definition, existing, alteration)
    return changes


def check_topic_changes(existing: Mapping[str, str], changes: Changes) -> Changes:
    """What is left of `changes` to a topic after checking the outcome; KafkaError(INVALID_CONFIG) if that is bad."""
    outcome = validate_topic_configs(_outcome(existing, changes))
    # A key that is accepted and ignored is in neither.
    return {name: text for name, text in changes.items() if text is None or name in outcome}


def check_broker_changes(
    config: BrokerConfig, existing: Mapping[str, str], changes: Changes, *, for_all: bool
) -> Changes:
    """`changes` to this broker's dynamic settings, or with `for_all` to every broker's, if the outcome is good.

    KafkaError(INVALID_REQUEST), as in Kafka, for a setting that cannot change at run time or a bad value.
    """
    outcome = _outcome(existing, changes)
    try:
        for name in changes:
            broker_definition(name)
        fixed = [name for name in changes if BROKER_DEFINITIONS[name].update is UpdateMode.READ_ONLY]
        if fixed:
            raise ConfigError(
                f"only a restart changes {', '.join(sorted(fixed))}: not to be altered at run time", key=None
            )
        config.with_dynamic(default=outcome if for_all else {}, broker={} if for_all else outcome)
    except ConfigError as error:
        raise KafkaError(ErrorCode.INVALID_REQUEST, str(error)) from None
    return changes


def broker_definition(name: str) -> Definition:
    """The definition of a broker's setting; ConfigError with the nearest name for an unknown one."""
    if name not in BROKER_DEFINITIONS:
        raise unknown_name(name, dynamic_definitions(), "broker setting")
    return BROKER_DEFINITIONS[name]


def _known(definition_of: Callable[[str], Definition], name: str) -> Definition:
    try:
        return definition_of(name)
    except ConfigError as error:
        raise KafkaError(ErrorCode.INVALID_CONFIG, str(error)) from None


def _with_list_changed(definition: Definition, existing: Mapping[str, str], alteration: Alteration) -> str:
    if definition.type is not ConfigType.LIST:
        raise KafkaError(
            ErrorCode.INVALID_CONFIG,
            f"{definition.name} is not a list, so nothing can be appended to it or subtracted from it",
        )
    assert alteration.value is not None, alteration
    items = _items(existing.get(definition.name, definition.default or ""))
    asked = _items(alteration.value)
    if alteration.operation == AlterOperation.APPEND:
        return ",".join(dict.fromkeys([*items, *asked]))
    if alteration.operation == AlterOperation.SUBTRACT:
        return ",".join(item for item in items if item not in asked)
    raise KafkaError(ErrorCode.INVALID_REQUEST, f"{alteration.operation} is no operation on a config")


def _items(text: str) -> list[str]:
    return [part for item in text.split(",") if (part := item.strip())]


def _outcome(existing: Mapping[str, str], changes: Changes) -> dict[str, str]:
    outcome = dict(existing)
    for name, text in changes.items():
        if text is None:
            outcome.pop(name, None)
        else:
            outcome[name] = text
    return outcome


def _without_nulls(given: Mapping[str, str | None]) -> Changes:
    nulls = [name for name, text in given.items() if text is None]
    if nulls:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"{', '.join(nulls)}: a setting needs a value")
    return dict(given)

"""One setting as a value: its name, type, default, range and sentence, and how text becomes what it means.

Broker settings are declared as fields of dataclasses (see `log_settings` and its neighbours): the field's name is
the key with `_` for `.`, its annotation is the Python type, and its metadata is the `Definition`. The same
definitions parse configuration, answer DescribeConfigs and write docs/CONFIGURATION.md.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from protocol.config_numbers import ConfigType

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1

Value = bool | int | float | str | tuple[str, ...] | None

_METADATA_KEY = "definition"


class ConfigError(Exception):
    """A setting that cannot be what it was set to; the message is a sentence for whoever set it.

    `key` is the setting's name, from which follows where it was set; None where the fault is not in one setting.
    """

    def __init__(self, sentence: str, *, key: str | None) -> None:
        super().__init__(sentence)
        self.key = key


class UpdateMode(Enum):
    """Whether a broker setting can change while the broker runs (Kafka's own words)."""

    READ_ONLY = "read-only"
    CLUSTER_WIDE = "cluster-wide"


_TYPE_RANGES = {
    ConfigType.SHORT: (-(2**15), 2**15 - 1),
    ConfigType.INT: (-INT_MAX - 1, INT_MAX),
    ConfigType.LONG: (-LONG_MAX - 1, LONG_MAX),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A setting. `default` is text as it would be configured; None is "not set". Ranges are inclusive.

    `derived_from` lists the keys a missing value is taken from, first to last, with the factor each is multiplied
    by: `log.retention.ms` comes from `log.retention.minutes` × 60,000 or `.hours` × 3,600,000. `synonym` is, for
    a topic's setting, the broker's setting that gives its default.
    """

    name: str
    type: ConfigType
    default: str | None
    doc: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    # What each item of a list must look like, and what may stand there alone instead; `form` says it in words.
    item_pattern: str = ""
    alone: str = ""
    form: str = ""
    update: UpdateMode = UpdateMode.READ_ONLY
    derived_from: tuple[tuple[str, int], ...] = ()
    synonym: str = ""
    unsupported: str = ""  # a feature not built yet; only the default is accepted

    @property
    def sensitive(self) -> bool:
        return self.type is ConfigType.PASSWORD

    @property
    def attribute(self) -> str:
        return self.name.replace(".", "_").replace("-", "_")

    def parse(self, text: str) -> Value:
        """What `text` means, checked; ConfigError says which values would do."""
        text = text.strip()
        value = self._convert(text)
        if isinstance(value, tuple):
            self._check_list(text, value)
        elif isinstance(value, str):
            if self.choices and value not in self.choices:
                raise self._refusal(text)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            low, high = self.range()
            if not low <= value <= high:
                raise self._refusal(text)
        if self.unsupported and text != (self.default or ""):
            raise ConfigError(f"{self.name}={text} asks for {self.unsupported}: not supported yet", key=self.name)
        return value

    def range(self) -> tuple[float, float]:
        """The smallest and the greatest number this setting takes."""
        low, high = _TYPE_RANGES.get(self.type, (float("-inf"), float("inf")))
        return (
            low if self.minimum is None else self.minimum,
            high if self.maximum is None else self.maximum,
        )

    def valid_values(self) -> str:
        """The accepted values in words, for messages and for the manual."""
        if self.unsupported:
            return f"only {self.default}" if self.default else "only an empty list"
        if self.type is ConfigType.BOOLEAN:
            return "true or false"
        if self.choices:
            names = ", ".join(self.choices)
            return f"a list of {names}" if self.type is ConfigType.LIST else f"one of {names}"
        if self.type in (ConfigType.SHORT, ConfigType.INT, ConfigType.LONG, ConfigType.DOUBLE):
            kind = "a number" if self.type is ConfigType.DOUBLE else "a whole number"
            unit = f" of {self.unit}" if self.unit else ""
            return f"{kind}{unit}{self._bounds()}"
        if self.form:
            return self.form
        if self.type is ConfigType.LIST:
            return "a comma-separated list"
        return "text"

    def _bounds(self) -> str:
        low, high = self.range()
        type_low, type_high = _TYPE_RANGES.get(self.type, (float("-inf"), float("inf")))
        if low == type_low and high == type_high:
            return ""
        if high == type_high:
            return f", at least {low}"
        return f" from {low} to {high}"

    def _convert(self, text: str) -> Value:
        try:
            match self.type:
                case ConfigType.BOOLEAN:
                    return {"true": True, "false": False}[text.lower()]
                case ConfigType.SHORT | ConfigType.INT | ConfigType.LONG:
                    return int(_plain(text))
                case ConfigType.DOUBLE:
                    return float(_plain(text))
                case ConfigType.LIST:
                    return tuple(part for item in text.split(",") if (part := item.strip()))
                case _:
                    return text
        except (ValueError, KeyError):
            raise self._refusal(text) from None

    def _check_list(self, text: str, values: tuple[str, ...]) -> None:
        if self.choices and not set(values) <= set(self.choices):
            raise self._refusal(text)
        if self.item_pattern and values != (self.alone,) and not all(map(self._is_item, values)):
            raise self._refusal(text)
        if len(set(values)) < len(values):
            raise ConfigError(f"{self.name}={text}: the same value is listed twice", key=self.name)

    def _is_item(self, value: str) -> bool:
        return re.fullmatch(self.item_pattern, value) is not None

    def _refusal(self, text: str) -> ConfigError:
        shown = "(hidden)" if self.sensitive else text
        return ConfigError(f"{self.name}={shown} is not valid: it must be {self.valid_values()}", key=self.name)


def _plain(text: str) -> str:
    """Python reads 1_000 and foreign digits as numbers; Kafka's users do not."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def render(value: Value) -> str | None:
    """A value as text in Kafka's spelling; the inverse of `Definition.parse`."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


def setting(type: ConfigType, default: Value, doc: str, **rest: Any) -> Any:
    """A dataclass field that carries its definition; `definitions_of` gives it the field's name."""
    definition = Definition(name="", type=type, default=render(default), doc=doc, **rest)
    return field(metadata={_METADATA_KEY: definition})


def integer(default: int | None, doc: str, **rest: Any) -> Any:
    return setting(ConfigType.INT, default, doc, **rest)


def long(default: int | None, doc: str, **rest: Any) -> Any:
    return setting(ConfigType.LONG, default, doc, **rest)


def double(default: float, doc: str, **rest: Any) -> Any:
    return setting(ConfigType.DOUBLE, default, doc, **rest)


def boolean(default: bool, doc: str, **rest: Any) -> Any:
    return setting(ConfigType.BOOLEAN, default, doc, **rest)


def string(default: str | None, doc: str, **rest: Any) -> Any:
    return setting(ConfigType.STRING, default, doc, **rest)


def listing(default: tuple[str, ...] | None, doc: str, **rest: Any) -> Any:
    return setting(ConfigType.LIST, default, doc, **rest)


def definitions_of(settings_class: type[Any]) -> dict[str, Definition]:
    """The definitions a settings dataclass declares, by key, in the order of declaration."""
    result = {}
    for declared in dataclasses.fields(settings_class):
        definition = declared.metadata.get(_METADATA_KEY)
        if definition is not None:
            name = declared.name.replace("_", ".")
            result[name] = dataclasses.replace(definition, name=name)
    return result


def by_name(definitions: Iterable[Definition]) -> Mapping[str, Definition]:
    return {definition.name: definition for definition in definitions}


def unknown_name(name: str, known: Iterable[str], what: str) -> ConfigError:
    """The refusal of a key nobody knows, with the nearest one that somebody does."""
    nearest = nearest_name(name, known)
    hint = f"; did you mean {nearest}?" if nearest else ""
    return ConfigError(f"{name} is not a {what}{hint}", key=name)


def nearest_name(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The known name most like `name`, or None when none is like it at all."""
    import difflib  # only where something is wrong already: a start without typos does not pay for it

    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=likeness)
    return matches[0] if matches else None

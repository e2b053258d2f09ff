"""Everything a broker was told, typed, checked and immutable.

`BrokerConfig.from_properties({"num.partitions": "8"})` gives an object with one attribute per setting, named as
the setting with `_` for `.`. Values come in layers (command line, environment and file make the static one;
alterations at run time lie above it), and the config remembers which layer each came from, for DescribeConfigs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broker.config.definition import (
    ConfigError,
    ConfigSource,
    Definition,
    UpdateMode,
    Value,
    definitions_of,
    render,
    unknown_name,
)
from broker.config.foreign_keys import check_foreign, is_foreign, known_names
from broker.config.group_settings import GroupSettings
from broker.config.listeners import (
    Listener,
    advertise,
    parse_listeners,
    parse_protocol_map,
    require_distinct_ports,
    require_plaintext,
)
from broker.config.log_settings import RetentionSettings, StorageSettings, TopicDefaultSettings
from broker.config.node_settings import NodeSettings
from broker.config.segment_settings import SegmentSettings

Layers = Mapping[ConfigSource, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class BrokerConfig(
    GroupSettings, TopicDefaultSettings, SegmentSettings, RetentionSettings, StorageSettings, NodeSettings
):
    """Settings as attributes. `layers` holds the texts they were made from, `warnings` what to tell the operator."""

    layers: Layers
    warnings: tuple[str, ...]

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> BrokerConfig:
        """A config from texts by key; ConfigError with a sentence for what is unknown, bad or not supported."""
        static, foreign = {}, {}
        for key, text in properties.items():
            if key in BROKER_DEFINITIONS:
                static[key] = text
            elif is_foreign(key):
                foreign[key] = text
            else:
                raise unknown_name(key, [*BROKER_DEFINITIONS, *known_names()], "broker setting")
        return _assemble(static, check_foreign(foreign))

    def with_dynamic(self, *, default: Mapping[str, str], broker: Mapping[str, str]) -> BrokerConfig:
        """This config under alterations made at run time: the cluster's default, and this broker's over it."""
        layers = {
            ConfigSource.DYNAMIC_BROKER: broker,
            ConfigSource.DYNAMIC_DEFAULT_BROKER: default,
            ConfigSource.STATIC_BROKER: self.layers[ConfigSource.STATIC_BROKER],
        }
        values = _values_of(layers)
        _check_together(values)
        # Only these: the others were resolved when the broker started (listeners, directories) and stay.
        dynamic = {definition.attribute for definition in dynamic_definitions().values()}
        return dataclasses.replace(self, layers=layers, **{name: values[name] for name in dynamic})

    def with_warnings(self, warnings: Sequence[str]) -> BrokerConfig:
        return dataclasses.replace(self, warnings=(*self.warnings, *warnings))

    @property
    def data_directory(self) -> str:
        return self.log_dirs[0]

    def text(self, key: str) -> str | None:
        """The effective value of a setting as text; resolved, so `log.retention.ms` follows `.hours`."""
        value = getattr(self, BROKER_DEFINITIONS[key].attribute)
        if value and isinstance(value, tuple) and isinstance(value[0], Listener):
            return ",".join(map(str, value))
        return render(value)

    def advertised_endpoints(self, bound_ports: Mapping[str, int]) -> dict[str, tuple[str, int]]:
        """Host and port that clients are told, by listener name; port 0 becomes the port that was bound."""
        return {
            listener.name: (listener.host, listener.port or bound_ports[listener.name])
            for listener in self.advertised_listeners
        }


BROKER_DEFINITIONS: Mapping[str, Definition] = {
    name: definition
    for family in (
        NodeSettings,
        StorageSettings,
        TopicDefaultSettings,
        SegmentSettings,
        RetentionSettings,
        GroupSettings,
    )
    for name, definition in definitions_of(family).items()
}


def _assemble(static: Mapping[str, str], warnings: list[str]) -> BrokerConfig:
    layers = {ConfigSource.STATIC_BROKER: static}
    values = _values_of(layers)
    _resolve_node_id(static, values)
    _resolve_directories(values)
    warnings = warnings + _resolve_listeners(values)
    _check_together(values)
    return BrokerConfig(layers=layers, warnings=tuple(warnings), **values)


def _values_of(layers: Layers) -> dict[str, Any]:
    """Values by attribute: parsed, merged, and derived from other settings where they are not set."""
    merged: dict[str, str] = {}
    for source in sorted(layers, reverse=True):
        merged.update(layers[source])
    values: dict[str, Any] = {}
    for key, definition in BROKER_DEFINITIONS.items():
        text = merged.get(key, definition.default)
        values[definition.attribute] = None if text is None else definition.parse(text)
    for definition in BROKER_DEFINITIONS.values():
        if definition.derived_from and values[definition.attribute] is None:
            values[definition.attribute] = _derive(definition, values)
    return values


def _derive(definition: Definition, values: Mapping[str, Any]) -> Value:
    """A value that is not set, from the first of its sources that is; -1 means "without end" in any unit."""
    for key, factor in definition.derived_from:
        source = values[BROKER_DEFINITIONS[key].attribute]
        if isinstance(source, str):
            return tuple(part for item in source.split(",") if (part := item.strip()))
        if source is not None:
            return -1 if source < 0 else int(source * factor)
    raise AssertionError(f"{definition.name} has no source with a default")


def _resolve_node_id(static: Mapping[str, str], values: dict[str, Any]) -> None:
    if "broker.id" not in static or values["broker_id"] < 0:
        return
    if "node.id" in static and values["node_id"] != values["broker_id"]:
        raise ConfigError(f"node.id={values['node_id']} and broker.id={values['broker_id']} name different nodes")
    values["node_id"] = values["broker_id"]


def _resolve_directories(values: dict[str, Any]) -> None:
    directories = values["log_dirs"]
    if not directories:
        raise ConfigError("log.dirs is empty: name one data directory")
    if len(directories) > 1:
        raise ConfigError(
            f"log.dirs names {len(directories)} directories ({', '.join(directories)}), and several are not "
            "supported yet: name one"
        )


def _resolve_listeners(values: dict[str, Any]) -> list[str]:
    """Turn the listeners' texts into listeners, leave out those of controllers; returns warnings."""
    warnings = []
    protocols = parse_protocol_map(values["listener_security_protocol_map"])
    listeners = parse_listeners("listeners", values["listeners"], protocols)
    advertised = parse_listeners("advertised.listeners", values["advertised_listeners"] or (), protocols)
    controllers = {name.upper() for name in values["controller_listener_names"] or ()}
    if controllers:
        warnings.append(
            f"controller.listener.names={','.join(sorted(controllers))}: a single node needs no listener for "
            "controllers, so it is not opened"
        )
        listeners = tuple(listener for listener in listeners if listener.name not in controllers)
        advertised = tuple(listener for listener in advertised if listener.name not in controllers)
    if not listeners:
        raise ConfigError("listeners names no listener for clients: give at least one, as PLAINTEXT://host:port")
    inter_broker = values["inter_broker_listener_name"]
    if inter_broker is not None and inter_broker.upper() not in {listener.name for listener in listeners}:
        raise ConfigError(f"inter.broker.listener.name={inter_broker} is not one of listeners")
    require_plaintext(listeners)
    require_distinct_ports(listeners)
    values["listeners"] = listeners
    values["advertised_listeners"], guesses = advertise(listeners, advertised)
    return warnings + guesses


def _check_together(values: Mapping[str, Any]) -> None:
    """Settings that are fine alone and contradict each other."""
    if values["group_min_session_timeout_ms"] > values["group_max_session_timeout_ms"]:
        raise ConfigError("group.min.session.timeout.ms is greater than group.max.session.timeout.ms")
    if values["log_cleaner_min_compaction_lag_ms"] > values["log_cleaner_max_compaction_lag_ms"]:
        raise ConfigError("log.cleaner.min.compaction.lag.ms is greater than log.cleaner.max.compaction.lag.ms")
    if values["flush"] == "interval" and not _has_flush_interval(values):
        raise ConfigError(
            "flush=interval needs log.flush.interval.ms or log.flush.interval.messages to say how long it is"
        )
    for key in ("default_replication_factor", "offsets_topic_replication_factor"):
        if values[key] > 1:
            name = key.replace("_", ".")
            raise ConfigError(f"{name}={values[key]} is more than this cluster's one node: set it to 1")


def _has_flush_interval(values: Mapping[str, Any]) -> bool:
    unset = BROKER_DEFINITIONS["log.flush.interval.messages"].default
    return any(str(values[key]) != unset for key in ("log_flush_interval_ms", "log_flush_interval_messages"))


def dynamic_definitions() -> Mapping[str, Definition]:
    """The broker settings that can be altered while the broker runs."""
    return {k: d for k, d in BROKER_DEFINITIONS.items() if d.update is not UpdateMode.READ_ONLY}

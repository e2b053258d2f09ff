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

from broker.config.cluster_settings import ClusterSettings
from broker.config.definition import (
    ConfigError,
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
from broker.config.replication_settings import ReplicationSettings
from broker.config.segment_settings import SegmentSettings
from broker.config.voters import parse_servers, parse_voters
from protocol.config_numbers import ConfigSource

Layers = Mapping[ConfigSource, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class BrokerConfig(
    GroupSettings,
    TopicDefaultSettings,
    SegmentSettings,
    RetentionSettings,
    StorageSettings,
    ReplicationSettings,
    ClusterSettings,
    NodeSettings,
):
    """Settings as attributes. `layers` holds the texts they were made from, `warnings` what to tell the operator.

    `listeners` are those for clients; `controller_listeners` those of `listeners` that are for controllers.
    """

    layers: Layers
    warnings: tuple[str, ...]
    controller_listeners: tuple[Listener, ...] = ()
    advertised_controller_listeners: tuple[Listener, ...] = ()

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
    def is_broker(self) -> bool:
        return "broker" in self.process_roles

    @property
    def is_controller(self) -> bool:
        return "controller" in self.process_roles

    @property
    def data_directory(self) -> str:
        return self.log_dirs[0]

    def text(self, key: str) -> str | None:
        """The effective value of a setting as text; resolved, so `log.retention.ms` follows `.hours`."""
        value = getattr(self, BROKER_DEFINITIONS[key].attribute)
        if isinstance(value, tuple):
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
        ReplicationSettings,
        ClusterSettings,
        StorageSettings,
        TopicDefaultSettings,
        SegmentSettings,
        RetentionSettings,
        GroupSettings,
    )
    for name, definition in definitions_of(family).items()
}


def _assemble(static: Mapping[str, str], warnings: list[str]) -> BrokerConfig:
    values = _values_of({ConfigSource.STATIC_BROKER: static})
    _resolve_node_id(static, values)
    # Two names of one number: whoever asks for either is told that, whichever was set.
    layers = {ConfigSource.STATIC_BROKER: {**static, **_both_names(static, values["node_id"])}}
    _resolve_directories(values)
    warnings = warnings + _resolve_listeners(values)
    _resolve_quorum(values)
    _check_together(values)
    values["broker_id"] = values["node_id"]
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
        sentence = f"node.id={values['node_id']} and broker.id={values['broker_id']} name different nodes"
        raise ConfigError(sentence, key="node.id")
    values["node_id"] = values["broker_id"]


def _both_names(static: Mapping[str, str], node_id: int) -> dict[str, str]:
    if "broker.id" in static:
        return {"node.id": str(node_id), "broker.id": str(node_id)}
    return {"broker.id": str(node_id)}


def _resolve_directories(values: dict[str, Any]) -> None:
    directories = values["log_dirs"]
    if not directories:
        raise ConfigError("log.dirs is empty: name one data directory", key="log.dirs")
    if len(directories) > 1:
        raise ConfigError(
            f"log.dirs names {len(directories)} directories ({', '.join(directories)}), and several are not "
            "supported yet: name one",
            key="log.dirs",
        )


def _resolve_listeners(values: dict[str, Any]) -> list[str]:
    """Turn the listeners' texts into listeners, those of controllers apart; returns warnings."""
    protocols = parse_protocol_map(values["listener_security_protocol_map"])
    controllers = {name.upper() for name in values["controller_listener_names"] or ()}
    for name in controllers:
        # Kafka gives a controller listener without a protocol PLAINTEXT, as long as nobody maps it.
        protocols.setdefault(name, "PLAINTEXT")
    every = parse_listeners("listeners", values["listeners"], protocols)
    told = parse_listeners("advertised.listeners", values["advertised_listeners"] or (), protocols)
    listeners = tuple(listener for listener in every if listener.name not in controllers)
    if "broker" in values["process_roles"] and not listeners:
        sentence = "listeners names no listener for clients: give at least one, as PLAINTEXT://host:port"
        raise ConfigError(sentence, key="listeners")
    require_plaintext(every)
    require_distinct_ports(every)
    if "broker" not in values["process_roles"]:
        listeners = ()
    _resolve_inter_broker_listener(values, listeners)
    values["listeners"] = listeners
    client_names = {listener.name for listener in listeners}
    values["advertised_listeners"], guesses = advertise(
        listeners, [listener for listener in told if listener.name not in controllers and client_names]
    )
    own = tuple(listener for listener in every if listener.name in controllers)
    values["controller_listeners"] = own if "controller" in values["process_roles"] else ()
    values["advertised_controller_listeners"], _ = advertise(
        values["controller_listeners"],
        [listener for listener in told if listener in own or listener.name in controllers],
    )
    return guesses


def _resolve_inter_broker_listener(values: dict[str, Any], listeners: Sequence[Listener]) -> None:
    name = values["inter_broker_listener_name"]
    names = [listener.name for listener in listeners]
    if name is None:
        values["inter_broker_listener_name"] = names[0] if names else None
    elif names and name.upper() not in names:
        raise ConfigError(
            f"inter.broker.listener.name={name} is not one of listeners", key="inter.broker.listener.name"
        )
    else:
        values["inter_broker_listener_name"] = name.upper()


def _resolve_quorum(values: dict[str, Any]) -> None:
    """Voters and bootstrap servers as addresses; what of them a node of these roles needs."""
    voters = parse_voters("controller.quorum.voters", values["controller_quorum_voters"] or ())
    servers = parse_servers("controller.quorum.bootstrap.servers", values["controller_quorum_bootstrap_servers"] or ())
    values["controller_quorum_voters"], values["controller_quorum_bootstrap_servers"] = voters, servers
    node_id = values["node_id"]
    if "controller" not in values["process_roles"]:
        if not voters and not servers:
            raise ConfigError(
                "process.roles=broker: a node that is no controller needs controller.quorum.voters or "
                "controller.quorum.bootstrap.servers to know who is",
                key="process.roles",
            )
        if any(voter.node_id == node_id for voter in voters):
            raise ConfigError(
                f"controller.quorum.voters names node {node_id}, but process.roles makes it no controller",
                key="controller.quorum.voters",
            )
        return
    if voters and all(voter.node_id != node_id for voter in voters):
        raise ConfigError(
            f"controller.quorum.voters does not name this controller, node {node_id}", key="controller.quorum.voters"
        )
    if len(voters) > 1 and not values["controller_listeners"]:
        raise ConfigError(
            "controller.quorum.voters names several nodes, and this one has no listener for them: set "
            "controller.listener.names=CONTROLLER and add CONTROLLER://host:port to listeners",
            key="controller.quorum.voters",
        )


def _check_together(values: Mapping[str, Any]) -> None:
    """Settings that are fine alone and contradict each other."""
    if values["group_min_session_timeout_ms"] > values["group_max_session_timeout_ms"]:
        sentence = "group.min.session.timeout.ms is greater than group.max.session.timeout.ms"
        raise ConfigError(sentence, key="group.min.session.timeout.ms")
    if values["log_cleaner_min_compaction_lag_ms"] > values["log_cleaner_max_compaction_lag_ms"]:
        sentence = "log.cleaner.min.compaction.lag.ms is greater than log.cleaner.max.compaction.lag.ms"
        raise ConfigError(sentence, key="log.cleaner.min.compaction.lag.ms")
    if values["flush"] == "interval" and not _has_flush_interval(values):
        sentence = "flush=interval needs log.flush.interval.ms or log.flush.interval.messages to say how long it is"
        raise ConfigError(sentence, key="flush")
    if values["broker_heartbeat_interval_ms"] * 2 > values["broker_session_timeout_ms"]:
        sentence = "broker.session.timeout.ms must be at least twice broker.heartbeat.interval.ms"
        raise ConfigError(sentence, key="broker.session.timeout.ms")


def _has_flush_interval(values: Mapping[str, Any]) -> bool:
    unset = BROKER_DEFINITIONS["log.flush.interval.messages"].default
    return any(str(values[key]) != unset for key in ("log_flush_interval_ms", "log_flush_interval_messages"))


def dynamic_definitions() -> Mapping[str, Definition]:
    """The broker settings that can be altered while the broker runs."""
    return {k: d for k, d in BROKER_DEFINITIONS.items() if d.update is not UpdateMode.READ_ONLY}

"""Settings as DescribeConfigs shows them: each with its value, where that came from, and what it overrode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.config.broker_config import BROKER_DEFINITIONS, BrokerConfig
from broker.config.definition import Definition, UpdateMode
from broker.config.topic_configs import TOPIC_DEFINITIONS, default_text
from protocol.config_numbers import ConfigSource


@dataclass(frozen=True, slots=True)
class Synonym:
    """One of the places a value can come from, in the order in which they count."""

    name: str
    value: str | None
    source: ConfigSource


@dataclass(frozen=True, slots=True)
class DescribedConfig:
    """One setting of one resource; a sensitive value is None."""

    definition: Definition
    value: str | None
    source: ConfigSource
    read_only: bool
    synonyms: Sequence[Synonym]

    @property
    def name(self) -> str:
        return self.definition.name


def describe_topic(config: BrokerConfig, overrides: Mapping[str, str]) -> list[DescribedConfig]:
    """Every setting of a topic with the overrides `overrides`, by name."""
    result = []
    for name in sorted(TOPIC_DEFINITIONS):
        definition = TOPIC_DEFINITIONS[name]
        synonyms = broker_synonyms(config, definition.synonym) if definition.synonym else []
        value: str | None = default_text(config, definition)
        if name in overrides:
            value = overrides[name]
            synonyms.insert(0, Synonym(name, value, ConfigSource.TOPIC))
        source = synonyms[0].source if synonyms else ConfigSource.DEFAULT
        result.append(DescribedConfig(definition, value, source, False, synonyms))
    return result


def describe_broker(config: BrokerConfig) -> list[DescribedConfig]:
    """Every setting of this broker, by name; a value is that of the very key, so `log.retention.ms` may be
    None."""
    result = []
    for name in sorted(BROKER_DEFINITIONS):
        definition = BROKER_DEFINITIONS[name]
        synonyms = broker_synonyms(config, name)
        own = next((synonym for synonym in synonyms if synonym.name == name), None)
        value = own.value if own else None
        source = synonyms[0].source if synonyms else ConfigSource.DEFAULT
        read_only = definition.update is UpdateMode.READ_ONLY
        result.append(DescribedConfig(definition, value, source, read_only, synonyms))
    return result


def describe_cluster_default(config: BrokerConfig) -> list[DescribedConfig]:
    """The settings altered for all brokers at once, and only those."""
    layer = config.layers.get(ConfigSource.DYNAMIC_DEFAULT_BROKER, {})
    source = ConfigSource.DYNAMIC_DEFAULT_BROKER
    return [
        DescribedConfig(BROKER_DEFINITIONS[name], text, source, False, [Synonym(name, text, source)])
        for name, text in sorted(layer.items())
    ]


def broker_synonyms(config: BrokerConfig, name: str) -> list[Synonym]:
    """Where the value of a broker's setting can come from, strongest first, its coarser units after it."""
    keys = [name, *(key for key, _ in BROKER_DEFINITIONS[name].derived_from)]
    result = []
    for key in keys:
        definition = BROKER_DEFINITIONS[key]
        for source in sorted(config.layers):
            if key in config.layers[source]:
                text = None if definition.sensitive else config.layers[source][key]
                result.append(Synonym(key, text, source))
        if definition.default is not None:
            result.append(Synonym(key, definition.default, ConfigSource.DEFAULT))
    return result

"""The settings of a topic: which there are, what they may be, and what is in force.

Almost every one has a synonym among the broker's settings, from which it takes its default; a topic's own value
overrides that. What a topic may be given is checked here, before it reaches the cluster's metadata.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from broker.config.broker_config import BROKER_DEFINITIONS, BrokerConfig
from broker.config.definition import ConfigError, Definition, by_name, unknown_name
from protocol.config_numbers import ConfigType
from protocol.errors import ErrorCode, KafkaError

TOPIC_SYNONYMS: Mapping[str, str] = {
    "cleanup.policy": "log.cleanup.policy",
    "compression.gzip.level": "compression.gzip.level",
    "compression.lz4.level": "compression.lz4.level",
    "compression.type": "compression.type",
    "compression.zstd.level": "compression.zstd.level",
    "delete.retention.ms": "log.cleaner.delete.retention.ms",
    "file.delete.delay.ms": "log.segment.delete.delay.ms",
    "flush.messages": "log.flush.interval.messages",
    "flush.ms": "log.flush.interval.ms",
    "index.interval.bytes": "log.index.interval.bytes",
    "max.compaction.lag.ms": "log.cleaner.max.compaction.lag.ms",
    "max.message.bytes": "message.max.bytes",
    "message.timestamp.after.max.ms": "log.message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms": "log.message.timestamp.before.max.ms",
    "message.timestamp.type": "log.message.timestamp.type",
    "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio",
    "min.compaction.lag.ms": "log.cleaner.min.compaction.lag.ms",
    "min.insync.replicas": "min.insync.replicas",
    "preallocate": "log.preallocate",
    "retention.bytes": "log.retention.bytes",
    "retention.ms": "log.retention.ms",
    "segment.bytes": "log.segment.bytes",
    "segment.index.bytes": "log.index.size.max.bytes",
    "segment.jitter.ms": "log.roll.jitter.ms",
    "segment.ms": "log.roll.ms",
    "unclean.leader.election.enable": "unclean.leader.election.enable",
}

# Kafka 4 dropped these; older tools still send them, and neither changes what is stored.
_IGNORED = frozenset({"message.downconversion.enable", "message.format.version"})

# Lets a test fill segments with few records; takes the place of segment.bytes and is never described.
_INTERNAL_SEGMENT_BYTES = Definition(
    name="internal.segment.bytes", type=ConfigType.INT, default=None, doc="segment.bytes, for tests.", minimum=1
)


def _unsupported(name: str, type: ConfigType, default: str, feature: str) -> Definition:
    doc = f"Only {default or 'empty'} is accepted: {feature} not supported yet."
    return Definition(name=name, type=type, default=default, doc=doc, unsupported=feature)


def _throttled_replicas(name: str, what: str) -> Definition:
    return Definition(
        name=name,
        type=ConfigType.LIST,
        default="",
        doc=f"The replicas that are {what} at a limited rate while they are not in sync: * for all, or "
        f"partition:broker,partition:broker. The rate is the broker's {name.removesuffix('replicas')}rate.",
        item_pattern=r"[0-9]+:[0-9]+",
        alone="*",
        form="* for all replicas, or a list of partition:broker",
    )


_TIERED = "tiered storage"
TOPIC_DEFINITIONS: Mapping[str, Definition] = {
    name: dataclasses.replace(BROKER_DEFINITIONS[synonym], name=name, synonym=synonym, derived_from=())
    for name, synonym in TOPIC_SYNONYMS.items()
} | dict(
    by_name(
        [
            _unsupported("errors.deadletterqueue.group.enable", ConfigType.BOOLEAN, "false", "share groups"),
            _throttled_replicas("follower.replication.throttled.replicas", "fetched"),
            _throttled_replicas("leader.replication.throttled.replicas", "sent by their leaders"),
            _unsupported("local.retention.bytes", ConfigType.LONG, "-2", _TIERED),
            _unsupported("local.retention.ms", ConfigType.LONG, "-2", _TIERED),
            _unsupported("remote.copy.lag.bytes", ConfigType.LONG, "-1", _TIERED),
            _unsupported("remote.copy.lag.ms", ConfigType.LONG, "0", _TIERED),
            _unsupported("remote.log.copy.disable", ConfigType.BOOLEAN, "false", _TIERED),
            _unsupported("remote.log.delete.on.disable", ConfigType.BOOLEAN, "false", _TIERED),
            _unsupported("remote.storage.enable", ConfigType.BOOLEAN, "false", _TIERED),
        ]
    )
)


def validate_topic_configs(configs: Mapping[str, str | None]) -> dict[str, str]:
    """A topic's own settings, checked and trimmed, without those that are accepted and ignored.

    KafkaError(INVALID_CONFIG) carries a sentence with the nearest name or the valid values.
    """
    result: dict[str, str] = {}
    try:
        for name, text in configs.items():
            if name in _IGNORED:
                continue
            definition = topic_definition(name)
            if text is None:
                raise ConfigError(f"{name} has no value: it must be {definition.valid_values()}", key=name)
            definition.parse(text)
            result[name] = text.strip()
        _check_together(result)
    except ConfigError as error:
        raise KafkaError(ErrorCode.INVALID_CONFIG, str(error)) from None
    return result


def topic_definition(name: str) -> Definition:
    """The definition of a topic's setting; ConfigError with the nearest name for an unknown one."""
    if name == _INTERNAL_SEGMENT_BYTES.name:
        return _INTERNAL_SEGMENT_BYTES
    definition = TOPIC_DEFINITIONS.get(name)
    if definition is None:
        raise unknown_name(name, TOPIC_DEFINITIONS, "topic setting")
    return definition


def effective_topic_configs(config: BrokerConfig, overrides: Mapping[str, str]) -> dict[str, str]:
    """Every topic setting with the value in force: the topic's own, or else the broker's.

    `internal.segment.bytes` has become `segment.bytes`.
    """
    result = {name: default_text(config, definition) for name, definition in TOPIC_DEFINITIONS.items()}
    result.update(overrides)
    if (segment_bytes := result.pop(_INTERNAL_SEGMENT_BYTES.name, None)) is not None:
        result["segment.bytes"] = segment_bytes
    return result


def default_text(config: BrokerConfig, definition: Definition) -> str:
    """What a topic's setting is where the topic itself says nothing."""
    text = config.text(definition.synonym) if definition.synonym else definition.default
    assert text is not None, f"{definition.name} has no default"
    return text


def _check_together(configs: Mapping[str, str]) -> None:
    lags = [
        int(configs.get(name) or TOPIC_DEFINITIONS[name].default or 0)
        for name in ("min.compaction.lag.ms", "max.compaction.lag.ms")
    ]
    if lags[0] > lags[1]:
        sentence = f"min.compaction.lag.ms={lags[0]} is greater than max.compaction.lag.ms={lags[1]}"
        raise ConfigError(sentence, key="min.compaction.lag.ms")

"""Configs of topics, brokers and groups, as they are set and taken back at run time.

Whether a key exists and its value is good is the business of `broker.config`; here only what the cluster's state says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from broker.metadata import RESOURCE_TOPIC, ConfigRecord, MetadataImage
from protocol.errors import ErrorCode, KafkaError

# (resource type, resource name, values by key; None takes a key back to its default)
ConfigChange = tuple[int, str, Mapping[str, str | None]]


def decide_config_changes(image: MetadataImage, changes: Iterable[ConfigChange]) -> list[ConfigRecord]:
    """Records for what really changes. Raises KafkaError UNKNOWN_TOPIC_OR_PARTITION."""
    records: list[ConfigRecord] = []
    for resource_type, name, values in changes:
        if resource_type == RESOURCE_TOPIC and name not in image.topics_by_name:
            raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"topic '{name}' does not exist")
        current = image.resource_configs(resource_type, name)
        records += [
            ConfigRecord(resource_type, name, key, value) for key, value in values.items() if current.get(key) != value
        ]
    return records

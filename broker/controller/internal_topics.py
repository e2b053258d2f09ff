"""What the broker's own topics look like when they are created, which is on first use."""

from __future__ import annotations

from broker.config import BrokerConfig
from broker.controller.topics import NewTopic
from broker.metadata import CONSUMER_OFFSETS


def internal_topic(name: str, config: BrokerConfig) -> NewTopic | None:
    """How to create the internal topic `name`; None for one that nothing here writes to."""
    if name == CONSUMER_OFFSETS:
        return NewTopic(
            name=name,
            num_partitions=config.offsets_topic_num_partitions,
            replication_factor=config.offsets_topic_replication_factor,
            configs={
                "cleanup.policy": "compact",
                # As the coordinator wrote it: the default for topics may say otherwise.
                "compression.type": "producer",
                "segment.bytes": str(config.offsets_topic_segment_bytes),
            },
        )
    return None

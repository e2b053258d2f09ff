"""Who decides what the cluster's metadata becomes.

Rules (topics, placement, configs, broker_registry, producer_ids) are pure functions from an image and a request to
records and results; `Controller` proposes the records and answers when they were applied.
"""

from broker.controller.configs import ConfigChange
from broker.controller.controller import Controller
from broker.controller.topic_changes import (
    NewPartitions,
    decide_create_partitions,
    decide_delete_topics,
)
from broker.controller.topic_results import TopicResult
from broker.controller.topics import (
    CreateTopicsDecision,
    NewTopic,
    TopicDefaults,
    decide_create_topics,
)

__all__ = [
    "ConfigChange",
    "Controller",
    "CreateTopicsDecision",
    "NewPartitions",
    "NewTopic",
    "TopicDefaults",
    "TopicResult",
    "decide_create_partitions",
    "decide_create_topics",
    "decide_delete_topics",
]

"""Who decides what the cluster's metadata becomes.

Rules (topics, placement, configs, broker_registry, producer_ids) are pure functions from an image and a request to
records and results; `Controller` proposes the records and answers when they were applied.
"""

from broker.controller.broker_registry import Heartbeat, HeartbeatDecision, Registration
from broker.controller.brokers import BrokerManager
from broker.controller.configs import ConfigChange
from broker.controller.controller import Controller
from broker.controller.features import FeatureManager, FeatureUpdate, UpgradeType
from broker.controller.isr_changes import IsrAnswer, IsrWish
from broker.controller.reassignment import ReassignmentWish
from broker.controller.remote import ControllerElsewhere, RemoteController
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
from broker.controller.voters import VoterManager

__all__ = [
    "BrokerManager",
    "ConfigChange",
    "Controller",
    "ControllerElsewhere",
    "CreateTopicsDecision",
    "FeatureManager",
    "FeatureUpdate",
    "Heartbeat",
    "HeartbeatDecision",
    "IsrAnswer",
    "IsrWish",
    "NewPartitions",
    "NewTopic",
    "ReassignmentWish",
    "Registration",
    "RemoteController",
    "TopicDefaults",
    "TopicResult",
    "UpgradeType",
    "VoterManager",
    "decide_create_partitions",
    "decide_create_topics",
    "decide_delete_topics",
]

"""What the broker was told: settings of the broker and of topics, from declaration to effect."""

from broker.config.broker_config import BROKER_DEFINITIONS, BrokerConfig
from broker.config.definition import ConfigError, Definition, UpdateMode
from broker.config.describe import (
    DescribedConfig,
    Synonym,
    describe_broker,
    describe_cluster_default,
    describe_topic,
)
from broker.config.listeners import Listener
from broker.config.sources import load_config
from broker.config.topic_configs import (
    TOPIC_DEFINITIONS,
    effective_topic_configs,
    validate_topic_configs,
)

__all__ = [
    "BROKER_DEFINITIONS",
    "TOPIC_DEFINITIONS",
    "BrokerConfig",
    "ConfigError",
    "Definition",
    "DescribedConfig",
    "Listener",
    "Synonym",
    "UpdateMode",
    "describe_broker",
    "describe_cluster_default",
    "describe_topic",
    "effective_topic_configs",
    "load_config",
    "validate_topic_configs",
]

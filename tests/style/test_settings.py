"""No dead options: a setting exists when something reads it."""

from __future__ import annotations

import ast

from broker.config import BROKER_DEFINITIONS
from broker.config.topic_configs import TOPIC_SYNONYMS
from style.source_files import product_files

# What other settings are derived from, or the listeners are made of; broker/config itself reads these.
READ_BY_CONFIG = {name for definition in BROKER_DEFINITIONS.values() for name, _ in definition.derived_from} | {
    "advertised.listeners",
    "broker.id",
    "controller.listener.names",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "log.dirs",
    "process.roles",
}


def test_every_setting_of_the_broker_is_read_somewhere() -> None:
    read = {
        node.attr
        for file in product_files()
        if not file.name.startswith(("broker/config/", "broker/cli/"))
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Attribute)
    }
    unread = {
        name
        for name, definition in BROKER_DEFINITIONS.items()
        if definition.attribute not in read and not definition.unsupported
    }
    assert sorted(unread - set(TOPIC_SYNONYMS.values()) - READ_BY_CONFIG) == []

"""What a topic may be called, and which topics are the broker's own."""

from __future__ import annotations

import re

CONSUMER_OFFSETS = "__consumer_offsets"
TRANSACTION_STATE = "__transaction_state"
CLUSTER_METADATA = "__cluster_metadata"

INTERNAL_TOPICS = frozenset({CONSUMER_OFFSETS, TRANSACTION_STATE})

# A partition directory is `<topic>-<partition>`; with this bound it stays under the usual 255 bytes of a name.
TOPIC_NAME_LENGTH_MAX = 249

_LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]+")


def topic_name_problem(name: str) -> str | None:
    """Why `name` cannot be a topic, as a sentence; None if it can."""
    if not name:
        return "a topic name may not be empty"
    if name in (".", ".."):
        return f"a topic may not be called '{name}'"
    if len(name) > TOPIC_NAME_LENGTH_MAX:
        return f"a topic name has at most {TOPIC_NAME_LENGTH_MAX} characters, this one has {len(name)}"
    if _LEGAL_NAME.fullmatch(name) is None:
        return f"topic name '{name}' may only use ASCII letters, digits, '.', '_' and '-'"
    return None


def is_internal(name: str) -> bool:
    return name in INTERNAL_TOPICS


def collision_key(name: str) -> str | None:
    """What two topics may not have in common: the name with '.' as '_'. None if it has neither.

    Kafka refuses `a.b` beside `a_b`, because metric names cannot tell them apart.
    """
    if "." in name or "_" in name:
        return name.replace(".", "_")
    return None

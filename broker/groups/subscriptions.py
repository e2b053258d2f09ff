"""What consumers subscribe to, read from their own metadata: the one thing in it that a coordinator may look at."""

from __future__ import annotations

from collections.abc import Iterable

from protocol import decoder
from protocol.errors import ProtocolError
from protocol.messages.consumer_protocol import ConsumerProtocolSubscription

CONSUMER_PROTOCOL_TYPE = "consumer"

# The blob begins with its version as int16. Version 0 is a prefix of all later ones, so later ones need no code here.
_VERSION_BYTES = 2
_decode_v0 = decoder(ConsumerProtocolSubscription, 0)


def subscribed_topics(subscriptions: Iterable[bytes]) -> frozenset[str] | None:
    """The topics of all of them together; None if one cannot be read (a client with a format of its own)."""
    topics: set[str] = set()
    for subscription in subscriptions:
        if len(subscription) < _VERSION_BYTES:
            return None
        try:
            message, _ = _decode_v0(memoryview(subscription), _VERSION_BYTES)
        except ProtocolError:
            return None
        topics.update(message.topics)
    return frozenset(topics)

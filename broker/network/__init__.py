"""Sockets: listeners, connections, frames to handlers and answers back in order. Knows no partition, group or file."""

from broker.network.connection import Connection
from broker.network.dispatch import Api, BeginQuickly, Dispatcher
from broker.network.exchange import Encoder, Exchange
from broker.network.listener import Listener, ListenerLimits
from broker.network.peer import Address, PeerConnection, PeerUnreachable

__all__ = [
    "Address",
    "Api",
    "BeginQuickly",
    "Connection",
    "Dispatcher",
    "Encoder",
    "Exchange",
    "Listener",
    "ListenerLimits",
    "PeerConnection",
    "PeerUnreachable",
]

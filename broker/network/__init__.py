"""Sockets: listeners, connections, frames to handlers and answers back in order. Knows no partition, group or file."""

from broker.network.dispatch import Api, Dispatcher
from broker.network.listener import Listener, ListenerLimits

__all__ = ["Api", "Dispatcher", "Listener", "ListenerLimits"]

"""Replication: this broker's followers fetch from leaders, and its leaders keep their in-sync sets true."""

from broker.replication.fetch_session import FetchBounds, FetchSession
from broker.replication.fetcher import Fetcher, FetcherLimits, Peer
from broker.replication.isr_changes import IsrChanges
from broker.replication.replication import Replication
from broker.replication.throttle import FOLLOWER, LEADER, ReplicationThrottle, ThrottleSettings

__all__ = [
    "FOLLOWER",
    "LEADER",
    "FetchBounds",
    "FetchSession",
    "Fetcher",
    "FetcherLimits",
    "IsrChanges",
    "Peer",
    "Replication",
    "ReplicationThrottle",
    "ThrottleSettings",
]

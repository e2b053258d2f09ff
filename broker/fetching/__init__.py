"""The reading side: fetch sessions, and collecting records or waiting for them."""

from broker.fetching.collector import Collector, FetchLimits, FetchWait
from broker.fetching.replica_sessions import Follower, ReplicaSession, ReplicaSessions
from broker.fetching.sessions import NO_SESSION, FetchSession, FetchSessions, FetchTarget

__all__ = [
    "NO_SESSION",
    "Collector",
    "FetchLimits",
    "FetchSession",
    "FetchSessions",
    "FetchTarget",
    "FetchWait",
    "Follower",
    "ReplicaSession",
    "ReplicaSessions",
]

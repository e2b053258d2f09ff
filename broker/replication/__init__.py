"""Replication: this broker's followers fetch from leaders, and its leaders keep their in-sync sets true."""

from broker.replication.fetch_session import FetchBounds, FetchSession
from broker.replication.fetcher import Fetcher, FetcherLimits, Peer
from broker.replication.isr_changes import IsrChanges
from broker.replication.replication import Replication

__all__ = ["FetchBounds", "FetchSession", "Fetcher", "FetcherLimits", "IsrChanges", "Peer", "Replication"]

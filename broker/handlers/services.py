"""What handlers may ask: one attribute a room. Built by the node, shared by all requests, never changed."""

from __future__ import annotations

from dataclasses import dataclass

from broker.clock import Clock
from broker.config import BrokerConfig
from broker.controller import Controller
from broker.fetching import FetchSessions
from broker.groups import GroupCoordinator
from broker.log import LogManager
from broker.metadata import MetadataPublisher
from broker.partition import PartitionTable


@dataclass(slots=True)
class Services:
    config: BrokerConfig
    clock: Clock
    metadata: MetadataPublisher
    controller: Controller
    partitions: PartitionTable
    logs: LogManager
    groups: GroupCoordinator
    fetch_sessions: FetchSessions
    node_id: int
    cluster_id: str

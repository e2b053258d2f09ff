"""What handlers may ask: one attribute a room. Built by the node, shared by all requests, never changed."""

from __future__ import annotations

from dataclasses import dataclass

from broker.clock import Clock
from broker.cluster import ClusterIdentity, Forwarder
from broker.config import BrokerConfig
from broker.controller import BrokerManager, Controller, FeatureManager, VoterManager
from broker.fetching import FetchSessions, ReplicaSessions
from broker.groups import GroupCoordinator
from broker.log import LogManager
from broker.metadata import MetadataPublisher
from broker.partition import PartitionTable
from broker.quorum import MemberAddresses, RaftQuorum


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
    replica_sessions: ReplicaSessions
    quorum: RaftQuorum
    members: MemberAddresses
    brokers: BrokerManager
    voters: VoterManager
    features: FeatureManager
    forwarder: Forwarder
    node_id: int
    identity: ClusterIdentity
    # No controller has heard of this broker for a session's time: its image is of the past.
    is_cut_off: bool = False

    @property
    def cluster_id(self) -> str:
        return self.identity.cluster_id

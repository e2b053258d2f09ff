"""Who takes part in the metadata log, as the configuration says it."""

from __future__ import annotations

from broker.config import BrokerConfig
from broker.network import Address
from broker.quorum import QuorumSettings
from raft import Configuration


def member_addresses(config: BrokerConfig) -> dict[int, Address]:
    """Where the voters' controller listeners answer."""
    return {voter.node_id: (voter.address.host, voter.address.port) for voter in config.controller_quorum_voters}


def quorum_settings(config: BrokerConfig) -> QuorumSettings:
    voters = [voter.node_id for voter in config.controller_quorum_voters]
    if not voters and config.is_controller:
        voters = [config.node_id]
    return QuorumSettings(Configuration.of(*voters), election_timeout_ms=config.controller_quorum_election_timeout_ms)

"""Who takes part in the metadata log, as the configuration says it."""

from __future__ import annotations

from broker.config import BrokerConfig
from broker.network import Address
from broker.quorum import QuorumSettings
from raft import Configuration

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def member_addresses(config: BrokerConfig) -> dict[int, Address]:
    """Where the voters' controller listeners answer."""
    return {voter.node_id: (voter.address.host, voter.address.port) for voter in config.controller_quorum_voters}


def stands_alone(config: BrokerConfig) -> bool:
    """Whether a new node of this configuration is a cluster of its own, with nobody to agree with or to join."""
    if not config.is_controller:
        return False
    if config.controller_quorum_voters:
        return all(voter.node_id == config.node_id for voter in config.controller_quorum_voters)
    listeners = [*config.controller_listeners, *config.advertised_controller_listeners]
    return all(
        any(
            server.port == listener.port
            and (server.host == listener.host or server.host in _THIS_MACHINE or listener.is_wildcard)
            for listener in listeners
        )
        for server in config.controller_quorum_bootstrap_servers
    )


def quorum_settings(config: BrokerConfig) -> QuorumSettings:
    voters = [voter.node_id for voter in config.controller_quorum_voters]
    if not voters and stands_alone(config):
        voters = [config.node_id]
    return QuorumSettings(Configuration.of(*voters), election_timeout_ms=config.controller_quorum_election_timeout_ms)

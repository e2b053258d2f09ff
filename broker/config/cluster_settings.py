"""Settings of a node as one of several: its roles, who votes, and how long silence is borne."""

from __future__ import annotations

from dataclasses import dataclass

from broker.config.definition import boolean, integer, listing, long
from broker.config.voters import ServerAddress, Voter


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """Roles, quorum, sessions and leadership."""

    process_roles: tuple[str, ...] = listing(
        ("broker", "controller"),
        "What this node is: a broker has clients and partitions, a controller has the cluster's metadata.",
        choices=("broker", "controller"),
    )
    controller_quorum_voters: tuple[Voter, ...] = listing(
        None,
        "Who votes about metadata, as id@host:port of their controller listeners, the same on every node. Where it is "
        "not set, a controller is a quorum of its own.",
    )
    controller_quorum_bootstrap_servers: tuple[ServerAddress, ...] = listing(
        None,
        "Controller listeners to ask by a node that is not among controller.quorum.voters, as host:port.",
    )
    controller_quorum_election_timeout_ms: int = integer(
        1000,
        "A leader of the metadata log that is silent for so long, up to twice, is replaced. One whose process is gone "
        "is replaced at once.",
        unit="ms",
        minimum=100,
    )
    broker_session_timeout_ms: int = integer(
        2000,
        "A broker that is silent for so long is fenced: others lead in its place. One whose process is gone is fenced "
        "at once. Kafka waits for 9000.",
        unit="ms",
        minimum=100,
    )
    broker_heartbeat_interval_ms: int = integer(
        250, "How often a broker tells the controller that it lives. Kafka's default is 2000.", unit="ms", minimum=10
    )
    auto_leader_rebalance_enable: bool = boolean(
        True, "Whether partitions go back to their preferred leader when it is in sync again."
    )
    leader_imbalance_check_interval_seconds: int = long(
        300, "How often it is looked whether they should.", unit="seconds", minimum=1
    )

"""This broker as a member of its cluster: how it reaches the active controller, and how it comes, lives and goes."""

from broker.cluster.controller_channel import ControllerChannel, IsrChange, IsrChangeResult
from broker.cluster.forwarder import Forwarder
from broker.cluster.identity import ClusterIdentity
from broker.cluster.joining import QuorumJoiner
from broker.cluster.lifecycle import BrokerLifecycle
from broker.cluster.membership import member_addresses, quorum_settings, stands_alone

__all__ = [
    "BrokerLifecycle",
    "ClusterIdentity",
    "ControllerChannel",
    "Forwarder",
    "IsrChange",
    "IsrChangeResult",
    "QuorumJoiner",
    "member_addresses",
    "quorum_settings",
    "stands_alone",
]

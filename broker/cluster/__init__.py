"""This broker as a member of its cluster: how it reaches the active controller, and how it comes, lives and goes."""

from broker.cluster.controller_channel import ControllerChannel, IsrChange, IsrChangeResult

__all__ = ["ControllerChannel", "IsrChange", "IsrChangeResult"]

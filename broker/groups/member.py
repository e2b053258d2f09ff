"""A member of a classic group: what it supports, what it was assigned, how long it may be silent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

# Name and metadata, in the member's order of preference. The metadata is the client's own: opaque here.
Protocols = list[tuple[str, bytes]]


@dataclass(slots=True, kw_only=True)
class Member:
    member_id: str
    # KIP-345: who keeps its place across restarts.
    group_instance_id: str | None
    client_id: str
    client_host: str
    rebalance_timeout_ms: int
    session_timeout_ms: int
    protocols: Protocols
    assignment: bytes = b""
    # It joined since the last generation: it does not know its member id yet, so it cannot heartbeat.
    is_new: bool = False

    def metadata(self, protocol_name: str) -> bytes:
        for name, metadata in self.protocols:
            if name == protocol_name:
                return metadata
        raise AssertionError(f"member {self.member_id} does not support {protocol_name}")

    def vote(self, candidates: Collection[str]) -> str:
        """The first of its protocols that is a candidate."""
        for name, _ in self.protocols:
            if name in candidates:
                return name
        raise AssertionError(f"member {self.member_id} supports none of {sorted(candidates)}")

"""Where the nodes of the quorum answer: as the configuration names them, as they said themselves, as the log has it."""

from __future__ import annotations

from collections.abc import Mapping

from broker.metadata import MetadataPublisher
from broker.network import Address


class MemberAddresses:
    def __init__(self, configured: Mapping[int, Address], publisher: MetadataPublisher) -> None:
        self.configured = dict(configured)
        self._publisher = publisher
        self._learned: dict[int, Address] = {}

    def learn(self, node_id: int, address: Address) -> None:
        """A node's own word: needed where neither configuration nor log have it yet."""
        self._learned[node_id] = address

    def address_of(self, node_id: int) -> Address | None:
        return self.configured.get(node_id) or self._learned.get(node_id) or self._publisher.image.members.get(node_id)

"""Where the nodes of the quorum answer: those that the configuration names, and those that have said so themselves."""

from __future__ import annotations

from collections.abc import Mapping

from broker.network import Address


class MemberAddresses:
    def __init__(self, configured: Mapping[int, Address]) -> None:
        self._configured = dict(configured)
        self._learned: dict[int, Address] = {}

    def learn(self, node_id: int, address: Address) -> None:
        """A node's own word, which may be newer than the configuration, but not better where there is one."""
        self._learned[node_id] = address

    def address_of(self, node_id: int) -> Address | None:
        return self._configured.get(node_id) or self._learned.get(node_id)

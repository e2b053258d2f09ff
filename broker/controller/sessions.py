"""When the controller last heard of each broker. Soft state: a new controller begins with everybody's time anew."""

from __future__ import annotations

from collections.abc import Iterable


class BrokerSessions:
    """Times are monotonic milliseconds of this node."""

    def __init__(self) -> None:
        self._heard_ms: dict[int, int] = {}

    def begin(self, node_ids: Iterable[int], now_ms: int) -> None:
        self._heard_ms = dict.fromkeys(node_ids, now_ms)

    def credit_less(self, node_id: int, silent_ms: int) -> None:
        """It is known to have been silent for so long already."""
        if node_id in self._heard_ms:
            self._heard_ms[node_id] -= silent_ms

    def excuse(self, ms: int) -> None:
        """Nobody could be heard for so long."""
        for node_id in self._heard_ms:
            self._heard_ms[node_id] += ms

    def heard(self, node_id: int, now_ms: int) -> None:
        self._heard_ms[node_id] = now_ms

    def forget(self, node_id: int) -> None:
        self._heard_ms.pop(node_id, None)

    def is_valid(self, node_id: int, now_ms: int, timeout_ms: int) -> bool:
        heard_ms = self._heard_ms.get(node_id)
        return heard_ms is not None and now_ms - heard_ms < timeout_ms

    def expired(self, now_ms: int, timeout_ms: int) -> list[int]:
        return [node_id for node_id, heard_ms in self._heard_ms.items() if now_ms - heard_ms >= timeout_ms]

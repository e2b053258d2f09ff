"""Settings are refused by name, value and bound."""

from __future__ import annotations

import pytest

from raft import RaftConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"node_id": -1}, "node_id=-1 must be at least 0"),
        ({"heartbeat_ticks": 0}, "heartbeat_ticks=0 must be at least 1"),
        ({"election_ticks": 1}, "election_ticks=1 must be above heartbeat_ticks=1"),
        ({"directory_id": b"short"}, "directory_id has 5 bytes, must have 16"),
        ({"append_bytes_max": 0}, "append_bytes_max=0"),
        ({"inflight_messages_max": 0}, "inflight_messages_max=0"),
        ({"inflight_bytes_max": 1}, "inflight_bytes_max=1 is below append_bytes_max"),
        ({"committed_bytes_per_ready": 0}, "committed_bytes_per_ready=0"),
        ({"proposals_pending_max": 0}, "proposals_pending_max=0"),
        ({"proposals_pending_bytes_max": 0}, "proposals_pending_bytes_max=0"),
        ({"reads_pending_max": 0}, "reads_pending_max=0"),
        ({"snapshot_chunk_bytes": 0}, "snapshot_chunk_bytes=0"),
    ],
)
def test_a_bad_value_is_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RaftConfig(**{"node_id": 1, **settings})  # type: ignore[arg-type]


def test_node_zero_is_a_node_like_any_other() -> None:
    assert RaftConfig(node_id=0).node_id == 0

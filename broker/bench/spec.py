"""What a worker process is told, as JSON on its standard input, and what it says, a JSON object a line.

to the worker      a WorkerSpec, then {"start_ns": …} when all workers are ready
from the worker    {"kind": "ready"}, {"kind": "tick", …} every second, one {"kind": "result", …}
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class ConnectionPlan:
    """One connection of a worker: whom it talks to and about which partitions."""

    connection_id: int
    host: str
    port: int
    partitions: list[int]
    producer_id: int = -1
    producer_epoch: int = -1
    start_offsets: dict[int, int] = field(default_factory=dict)  # of a consumer
    record_limit: int = 0  # of a consumer; 0: none


@dataclass(kw_only=True)
class WorkerSpec:
    kind: str  # produce, consume, librdkafka-produce or librdkafka-consume
    bootstrap_servers: str
    topic: str
    plans: list[ConnectionPlan]
    in_flight: int
    warmup_s: float
    duration_s: float
    rate_per_s: float  # requests of this worker; 0: closed loop
    request_limit: int  # 0: none; of librdkafka's consumers records
    acks: int
    request_timeout_ms: int
    message_size: int
    records_per_request: int
    compression: str
    payload_pattern: str
    key_pattern: str
    seed: int
    fetch_bytes_max: int = 8 << 20
    fetch_wait_max_ms: int = 500
    timestamps: bool = False  # of a consumer: latency is the age of records, from the instant that they carry
    client_settings: dict[str, Any] = field(default_factory=dict)  # of librdkafka

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerSpec:
        fields: dict[str, Any] = json.loads(text)
        fields["plans"] = [
            ConnectionPlan(
                **{**plan, "start_offsets": {int(key): value for key, value in plan["start_offsets"].items()}}
            )
            for plan in fields["plans"]
        ]
        return cls(**fields)

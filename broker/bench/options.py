"""What a benchmark is asked to do, by chronik-bench's option names where it has them, and how texts are read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from broker.bench.payload import IDENTITY_BYTES, KEY_PATTERNS, PAYLOAD_PATTERNS
from broker.bench.wire import BenchError
from protocol.records import Compression

# No broker takes more in one request unless it is told to: socket.request.max.bytes.
REQUEST_BYTES_MAX = 100 << 20

MODES = ("produce", "consume", "round-trip", "metadata", "soak")
CLIENTS = ("raw", "librdkafka")
METADATA_STEPS = ("create", "auto-create", "delete", "create-delete")
COMPRESSIONS = tuple(codec.name.lower() for codec in Compression)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds from `500ms`, `60s`, `5m`, `2h` or a plain number of seconds."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise BenchError(f"{text} is no duration: write 500ms, 60s, 5m or 2h")
    return float(match[1]) * _SECONDS[match[2]]


def parse_acks(text: str) -> int:
    known = {"0": 0, "1": 1, "-1": -1, "all": -1}
    if text not in known:
        raise BenchError(f"{text} is no acks: it is 0, 1 or all")
    return known[text]


# What one client does and the other has no such thing for: with what is to be used in its place.
LIBRDKAFKAS_OWN = {
    "linger_ms": "a raw request holds --records-per-request records and waits for nothing",
    "batch_size": "a raw request holds --records-per-request records",
    "message_timeout_ms": "a raw request is given up after --request-timeout-ms and not sent again",
    "consumer_group": "raw consumers read their partitions without a group",
    "disable_auto_commit": "raw consumers commit nothing",
}
RAWS_OWN = {
    "records_per_request": "librdkafka decides by itself what goes into a request; see --batch-size and --linger-ms",
    "partitions_per_request": "librdkafka decides by itself what goes into a request",
    "fan_out": "the consumers are one group, whose members read each partition once",
}
# And what has no meaning in a mode.
NOT_OF_MODE = {
    "concurrency": ("consume",),  # which has --consumers
    "acks": ("consume",),
    "compression": ("consume", "metadata"),
    "key_pattern": ("consume",),
    "payload_pattern": ("consume",),
    "rate_limit": ("consume", "metadata"),
    "in_flight": ("consume", "metadata"),
    "records_per_request": ("consume", "metadata"),
    "partitions_per_request": ("consume", "metadata"),
    "processes": ("metadata",),
    "idempotent": ("consume", "metadata"),
    "consumers": ("produce", "metadata"),
    "fan_out": ("produce", "metadata"),
    "fetch_bytes_max": ("produce", "metadata"),
    "create_topic": ("consume", "metadata"),
    "delete_topic_after": ("consume", "metadata"),
    "metadata_step": ("produce", "consume", "round-trip", "soak"),
}

_AT_LEAST_ONE = (
    "concurrency", "in_flight", "partitions", "partitions_per_request", "records_per_request", "processes",
    "consumers", "request_timeout_ms", "message_timeout_ms", "fetch_bytes_max",
)  # fmt: skip
_AT_LEAST_ZERO = ("message_count", "rate_limit", "linger_ms", "batch_size")


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """One benchmark. Durations in seconds."""

    bootstrap_servers: str = "localhost:9092"
    topic: str = "millstream-bench"
    mode: str = "produce"
    client: str = "raw"
    concurrency: int = 64
    in_flight: int = 1
    partitions_per_request: int = 1
    records_per_request: int = 1
    processes: int = 1
    message_size: int = 1024
    message_count: int = 0
    duration_s: float = 60.0
    warmup_s: float = 5.0
    rate_limit: float = 0.0
    compression: str = "none"
    partitions: int = 1
    replication_factor: int = 1
    topic_configs: dict[str, str] = field(default_factory=dict)
    acks: int = 1
    idempotent: bool = False
    linger_ms: int = 0
    batch_size: int = 16384
    request_timeout_ms: int = 30_000
    message_timeout_ms: int = 60_000
    key_pattern: str = "random"
    payload_pattern: str = "random"
    consumer_group: str = "millstream-bench-consumer"
    disable_auto_commit: bool = False
    consumers: int = 1
    fan_out: bool = False
    fetch_bytes_max: int = 1 << 20
    metadata_step: str = "create-delete"
    create_topic: bool = False
    delete_topic_after: bool = False
    verify: bool = True

    def __post_init__(self) -> None:
        _one_of("mode", self.mode, MODES)
        _one_of("client", self.client, CLIENTS)
        _one_of("compression", self.compression, COMPRESSIONS)
        _one_of("key-pattern", self.key_pattern, KEY_PATTERNS)
        _one_of("payload-pattern", self.payload_pattern, PAYLOAD_PATTERNS)
        _one_of("metadata-step", self.metadata_step, METADATA_STEPS)
        for names, least in ((_AT_LEAST_ONE, 1), (_AT_LEAST_ZERO, 0)):
            for name in names:
                if not getattr(self, name) >= least:  # which is true of nan, too
                    raise BenchError(f"{_option(name)} must be at least {least}")
        self._refuse_what_is_not_of_this_client()
        if self.idempotent and self.client == "librdkafka" and self.acks != -1:
            raise BenchError("--idempotent needs --acks all: librdkafka makes no such producer without")
        if self.client == "raw" and self.mode in ("round-trip", "soak") and self.uses_producer_ids:
            raise BenchError(
                f"--mode {self.mode} reads from each record when it was sent, which a raw frame cannot say with "
                "--compression or --idempotent: add --client librdkafka, or leave them out"
            )
        if self.message_size < IDENTITY_BYTES:
            raise BenchError(f"--message-size must be at least {IDENTITY_BYTES}, for a record carries its identity")
        if self.partitions_per_request > self.partitions:
            raise BenchError("--partitions-per-request must not be above --partitions")
        if self.duration_s <= 0:
            raise BenchError("--duration must be above 0")
        if not math.isfinite(self.rate_limit):
            raise BenchError("--rate-limit must be a number of records/s, or 0 for a closed loop")
        request_bytes = self.message_size * (self.records_per_frame if self.client == "raw" else 1)
        if request_bytes > REQUEST_BYTES_MAX:
            raise BenchError(f"a request would have {request_bytes:,} bytes, and brokers take {REQUEST_BYTES_MAX:,}")

    def _refuse_what_is_not_of_this_client(self) -> None:
        """An option that would change nothing is refused, not ignored."""
        if self.client == "librdkafka" and self.mode == "metadata":
            raise BenchError("--mode metadata is measured on the wire: leave out --client librdkafka")
        for name, modes in NOT_OF_MODE.items():
            if self.mode in modes and self._was_changed(name):
                raise BenchError(f"{_option(name)} means nothing to --mode {self.mode}: leave it out")
        others, other = (LIBRDKAFKAS_OWN, "librdkafka") if self.client == "raw" else (RAWS_OWN, "raw")
        for name, instead in others.items():
            if self._was_changed(name):
                raise BenchError(f"{_option(name)} is of --client {other} only: {instead}")

    def _was_changed(self, name: str) -> bool:
        return bool(getattr(self, name) != self.__dataclass_fields__[name].default)

    @property
    def codec(self) -> Compression:
        return Compression[self.compression.upper()]

    @property
    def uses_producer_ids(self) -> bool:
        """Of a compressed batch nothing can be changed in place but its header: its identity is the producer's
        sequence then."""
        return self.idempotent or self.codec is not Compression.NONE

    @property
    def records_per_frame(self) -> int:
        return self.records_per_request * self.partitions_per_request


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BenchError(f"--{option} must be one of {', '.join(allowed)}, not {value}")

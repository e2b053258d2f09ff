"""The topic configs that the log of a partition obeys, typed, with Kafka's defaults.

Which room honours which topic config (all of Kafka's, so that none is silently ignored):

| config | room |
|---|---|
| segment.bytes, segment.ms, segment.jitter.ms, segment.index.bytes, index.interval.bytes | log (rolling, indexes) |
| internal.segment.bytes | log: a lower bound-free segment.bytes, for tests, as in Kafka |
| retention.ms, retention.bytes, cleanup.policy, file.delete.delay.ms | log (retention) |
| min.cleanable.dirty.ratio, min/max.compaction.lag.ms, delete.retention.ms | log (compaction) |
| max.message.bytes, compression.type and its three levels, message.timestamp.* | log (validation) |
| preallocate | log: accepted; the journal makes appends durable, so a segment is never preallocated here |
| flush.messages, flush.ms | durability (`flush=interval` reads them as its limits) |
| min.insync.replicas | partition (refused appends) |
| unclean.leader.election.enable | controller (elections) |
| leader/follower.replication.throttled.replicas | replication (throttled fetches) |
| remote.*, local.retention.* | refused by config unless at their defaults: there is no tiered storage |
| errors.deadletterqueue.group.enable | refused by config unless false: there are no share groups here |
| message.format.version, message.downconversion.enable | accepted and ignored by config, with a warning |

Values arrive validated (broker/config owns types, ranges and refusals); this file only gives them types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

from protocol.records import PLAIN_BATCH_BYTES_MAX, Compression

LONG_MAX = 2**63 - 1

_TRUE = frozenset({"true", "True", "TRUE"})


@dataclass(frozen=True)
class LogConfig:
    """One field per topic config that the log reads, named like it with `_` for `.`."""

    segment_bytes: int = 1073741824
    segment_ms: int = 604800000
    segment_jitter_ms: int = 0
    segment_index_bytes: int = 10485760
    index_interval_bytes: int = 4096
    retention_bytes: int = -1
    retention_ms: int = 604800000
    file_delete_delay_ms: int = 60000
    max_message_bytes: int = 1048588
    delete_retention_ms: int = 86400000
    min_compaction_lag_ms: int = 0
    max_compaction_lag_ms: int = LONG_MAX
    min_cleanable_dirty_ratio: float = 0.5
    cleanup_policy: tuple[str, ...] = ("delete",)
    compression_type: str = "producer"
    compression_gzip_level: int = -1
    compression_lz4_level: int = 9
    compression_zstd_level: int = 3
    message_timestamp_type: str = "CreateTime"
    message_timestamp_before_max_ms: int = LONG_MAX
    message_timestamp_after_max_ms: int = 3600000
    min_insync_replicas: int = 1

    @classmethod
    def from_topic_configs(cls, configs: Mapping[str, str]) -> LogConfig:
        """From topic configs by Kafka's names; a missing one has Kafka's default, other rooms' are passed over."""
        values: dict[str, object] = {}
        for field in fields(cls):
            text = configs.get(field.name.replace("_", "."))
            if text is not None:
                values[field.name] = _parse(text, field.default)
        internal = configs.get("internal.segment.bytes")
        if internal is not None:
            values["segment_bytes"] = int(internal)
        return cls(**values)  # type: ignore[arg-type]

    @cached_property
    def compact(self) -> bool:
        return "compact" in self.cleanup_policy

    @cached_property
    def delete(self) -> bool:
        return "delete" in self.cleanup_policy

    @cached_property
    def roll_ms(self) -> int:
        """A record of a compacted log must not wait in the active segment for longer than max.compaction.lag.ms."""
        return min(self.segment_ms, self.max_compaction_lag_ms) if self.compact else self.segment_ms

    @cached_property
    def log_append_time(self) -> bool:
        return self.message_timestamp_type == "LogAppendTime"

    @cached_property
    def target_compression(self) -> Compression | None:
        """The codec batches must have, or None where the producer's choice stands."""
        if self.compression_type == "producer":
            return None
        if self.compression_type == "uncompressed":
            return Compression.NONE
        return Compression[self.compression_type.upper()]

    @cached_property
    def plain_batch_bytes_max(self) -> int:
        """How large a plain batch (`protocol.records.read_plain_batch`) may be that is stored as it is, with nothing
        about it to be looked at but its timestamp; 0 where the configs ask for more of every batch."""
        if (
            self.compact
            or self.log_append_time
            or self.target_compression is not None
            or self.message_timestamp_before_max_ms != LONG_MAX
        ):
            return 0
        return min(self.max_message_bytes, self.segment_bytes, PLAIN_BATCH_BYTES_MAX)

    @cached_property
    def compression_level(self) -> int | None:
        """The level for `target_compression`; None is the codec's own default."""
        levels = {
            "gzip": self.compression_gzip_level,
            "lz4": self.compression_lz4_level,
            "zstd": self.compression_zstd_level,
        }
        level = levels.get(self.compression_type)
        # Kafka's -1 for gzip means "the library's default".
        return None if level == -1 else level


def _parse(text: str, default: object) -> object:
    if isinstance(default, bool):
        return text in _TRUE
    if isinstance(default, int):
        return int(text)
    if isinstance(default, float):
        return float(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text

"""Settings of the logs: durability, segments, retention, compaction, and what new topics start with."""

from __future__ import annotations

from dataclasses import dataclass

from broker.config.definition import LONG_MAX, UpdateMode, boolean, double, integer, listing, long, string

COMPRESSION_TYPES = ("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer")
CLEANUP_POLICIES = ("delete", "compact")
TIMESTAMP_TYPES = ("CreateTime", "LogAppendTime")
SEGMENT_BYTES_MIN = 1024 * 1024

_CLUSTER_WIDE = UpdateMode.CLUSTER_WIDE


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """Where records are kept, and when they are safe."""

    log_dirs: tuple[str, ...] = listing(
        None, "The data directory. One for now: several are refused.", derived_from=(("log.dir", 1),)
    )
    log_dir: str = string("data", "The data directory where log.dirs is not set. Kafka's default is /tmp/kafka-logs.")
    flush: str = string(
        "commit",
        "When an acknowledged record is safe (a setting of Millstream's own). commit: on disk before it is "
        "acknowledged. interval: on disk within log.flush.interval.ms or .messages. os: when the operating system "
        "writes it, as Kafka does by default.",
        choices=("commit", "interval", "os"),
    )
    journal_profile: str = string(
        "medium",
        "How much one group commit may gather (a setting of Millstream's own): low spares memory, ultra is for the "
        "largest requests.",
        choices=("low", "medium", "high", "ultra"),
    )
    log_flush_interval_messages: int = long(
        LONG_MAX,
        "With flush=interval: a partition's records are synced after so many.",
        unit="records",
        minimum=1,
        update=_CLUSTER_WIDE,
    )
    log_flush_interval_ms: int = long(
        None,
        "With flush=interval: the longest an acknowledged record waits for its sync.",
        unit="ms",
        minimum=0,
        update=_CLUSTER_WIDE,
        derived_from=(("log.flush.scheduler.interval.ms", 1),),
    )
    log_flush_scheduler_interval_ms: int = long(
        LONG_MAX, "What log.flush.interval.ms is where it is not set.", unit="ms", minimum=0
    )
    log_flush_offset_checkpoint_interval_ms: int = integer(
        60000,
        "How often segments are synced and recovery points written, which lets the journal be trimmed.",
        unit="ms",
        minimum=0,
    )
    log_segment_delete_delay_ms: int = long(
        60000,
        "How long the files of a deleted segment stay, for readers that are in the middle of them.",
        unit="ms",
        minimum=0,
        update=_CLUSTER_WIDE,
    )
    producer_id_expiration_ms: int = integer(
        86400000,
        "How long the sequence numbers of a silent idempotent producer are remembered.",
        unit="ms",
        minimum=1,
        update=_CLUSTER_WIDE,
    )


@dataclass(frozen=True, kw_only=True)
class RetentionSettings:
    """How long records stay: by time, by size, by key."""

    log_retention_ms: int = long(
        None,
        "How long records stay; -1 for ever.",
        unit="ms",
        minimum=-1,
        update=_CLUSTER_WIDE,
        derived_from=(("log.retention.minutes", 60_000), ("log.retention.hours", 3_600_000)),
    )
    log_retention_minutes: int | None = integer(
        None, "log.retention.ms in minutes, read where that is not set.", unit="minutes", minimum=-1
    )
    log_retention_hours: int = integer(
        168, "log.retention.ms in hours, read where neither ms nor minutes is set.", unit="hours", minimum=-1
    )
    log_retention_bytes: int = long(
        -1,
        "How large a partition may grow before its oldest segments go; -1 for any size.",
        unit="bytes",
        minimum=-1,
        update=_CLUSTER_WIDE,
    )
    log_retention_check_interval_ms: int = long(
        300000, "How often retention looks for segments to delete.", unit="ms", minimum=1
    )
    log_cleanup_policy: tuple[str, ...] = listing(
        ("delete",),
        "What happens to old records: delete drops segments, compact keeps the last record of each key; both may be "
        "given, and none keeps everything.",
        choices=CLEANUP_POLICIES,
        update=_CLUSTER_WIDE,
    )
    log_cleaner_enable: bool = boolean(True, "Whether compaction runs at all.")
    log_cleaner_backoff_ms: int = long(
        15000, "How long compaction rests when there was nothing to do.", unit="ms", minimum=0
    )
    log_cleaner_dedupe_buffer_size: int = long(
        134217728,
        "How much memory compaction may use for the keys of one pass; what does not fit waits for the next pass.",
        unit="bytes",
        minimum=1048576,
    )
    log_cleaner_min_cleanable_ratio: float = double(
        0.5,
        "The part of a log that must be dirty before compaction takes it up.",
        minimum=0,
        maximum=1,
        update=_CLUSTER_WIDE,
    )
    log_cleaner_delete_retention_ms: int = long(
        86400000,
        "How long a tombstone outlives its key's compaction, for readers that are behind.",
        unit="ms",
        minimum=0,
        update=_CLUSTER_WIDE,
    )
    log_cleaner_min_compaction_lag_ms: int = long(
        0,
        "How old a record must be before it may be compacted away.",
        unit="ms",
        minimum=0,
        update=_CLUSTER_WIDE,
    )
    log_cleaner_max_compaction_lag_ms: int = long(
        LONG_MAX,
        "How old a record may become before its log is compacted whatever its dirty ratio.",
        unit="ms",
        minimum=1,
        update=_CLUSTER_WIDE,
    )


@dataclass(frozen=True, kw_only=True)
class TopicDefaultSettings:
    """What a topic starts with where its own settings say nothing."""

    num_partitions: int = integer(
        1, "How many partitions a topic gets where nobody says.", unit="partitions", minimum=1
    )
    default_replication_factor: int = integer(
        1, "How many replicas a topic gets where nobody says.", unit="replicas", minimum=1
    )
    min_insync_replicas: int = integer(
        1,
        "How many replicas must hold a record before acks=all is answered.",
        unit="replicas",
        minimum=1,
        update=_CLUSTER_WIDE,
    )
    unclean_leader_election_enable: bool = boolean(
        False,
        "Whether a replica that is behind may lead when no other is left, losing records.",
        update=_CLUSTER_WIDE,
    )
    message_max_bytes: int = integer(
        1048588,
        "The largest record batch a partition takes, after compression, its 61-byte header included.",
        unit="bytes",
        minimum=0,
        update=_CLUSTER_WIDE,
    )
    compression_type: str = string(
        "producer",
        "The codec batches are stored with; producer keeps what the producer chose.",
        choices=COMPRESSION_TYPES,
        update=_CLUSTER_WIDE,
    )
    compression_gzip_level: int = integer(
        -1,
        "The level where the broker compresses with gzip: -1 for its default, else 1 to 9.",
        minimum=-1,
        maximum=9,
        update=_CLUSTER_WIDE,
    )
    compression_lz4_level: int = integer(
        9, "The level where the broker compresses with lz4.", minimum=1, maximum=17, update=_CLUSTER_WIDE
    )
    compression_zstd_level: int = integer(
        3,
        "The level where the broker compresses with zstd.",
        minimum=-131072,
        maximum=22,
        update=_CLUSTER_WIDE,
    )
    log_message_timestamp_type: str = string(
        "CreateTime",
        "Whose clock stamps records: CreateTime the producer's, LogAppendTime the broker's.",
        choices=TIMESTAMP_TYPES,
        update=_CLUSTER_WIDE,
    )
    log_message_timestamp_before_max_ms: int = long(
        LONG_MAX,
        "How far a record's timestamp may lie before the broker's clock; INVALID_TIMESTAMP otherwise.",
        unit="ms",
        minimum=0,
        update=_CLUSTER_WIDE,
    )
    log_message_timestamp_after_max_ms: int = long(
        3600000,
        "How far a record's timestamp may lie after the broker's clock; INVALID_TIMESTAMP otherwise.",
        unit="ms",
        minimum=0,
        update=_CLUSTER_WIDE,
    )

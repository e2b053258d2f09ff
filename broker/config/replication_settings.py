"""Settings of replication: how followers fetch, and when one is too far behind."""

from __future__ import annotations

from dataclasses import dataclass

from broker.config.definition import LONG_MAX, UpdateMode, integer, long, string


@dataclass(frozen=True, kw_only=True)
class ReplicationSettings:
    """Followers, fetchers and high watermarks."""

    replica_lag_time_max_ms: int = long(
        30000,
        "A follower that has not had everything its leader has for so long is not in sync any more.",
        unit="ms",
        minimum=1,
    )
    replica_fetch_max_bytes: int = integer(
        1048576,
        "The most a follower fetches of one partition at a time; a larger batch is fetched all the same.",
        unit="bytes",
        minimum=0,
    )
    replica_fetch_response_max_bytes: int = integer(
        10485760, "The most a follower fetches at a time of all partitions together.", unit="bytes", minimum=0
    )
    replica_fetch_wait_max_ms: int = integer(
        500, "How long a leader that has nothing new lets a follower wait.", unit="ms", minimum=1
    )
    replica_fetch_backoff_ms: int = integer(
        1000, "How long a follower leaves a partition alone that it could not fetch, at most.", unit="ms", minimum=0
    )
    replica_socket_timeout_ms: int = integer(
        30000,
        "A follower gives a connection up that brings no answer for so long; it may not be shorter than "
        "replica.fetch.wait.max.ms.",
        unit="ms",
        minimum=1,
    )
    num_replica_fetchers: int = integer(
        1, "How many connections to each leader a follower fetches over.", unit="connections", minimum=1
    )
    replica_high_watermark_checkpoint_interval_ms: int = long(
        5000, "How often the high watermarks are written to a file.", unit="ms", minimum=1
    )
    replica_selector_class: str | None = string(
        None,
        "How a consumer's replica is chosen: org.apache.kafka.common.replica.RackAwareReplicaSelector sends it to an "
        "in-sync replica in its own rack. Where it is not set, every consumer reads from the leader.",
        choices=("org.apache.kafka.common.replica.RackAwareReplicaSelector",),
    )
    leader_replication_throttled_rate: int = long(
        LONG_MAX,
        "How fast this broker sends replicas that are not in sync and that leader.replication.throttled.replicas of "
        "their topic names.",
        unit="bytes per second",
        minimum=0,
        update=UpdateMode.CLUSTER_WIDE,
    )
    follower_replication_throttled_rate: int = long(
        LONG_MAX,
        "How fast this broker fetches replicas that are not in sync and that follower.replication.throttled.replicas "
        "of their topic names.",
        unit="bytes per second",
        minimum=0,
        update=UpdateMode.CLUSTER_WIDE,
    )
    replica_alter_log_dirs_io_max_bytes_per_second: int = long(
        LONG_MAX,
        "Only its default is accepted: there is one data directory, and so no moving between several.",
        unit="bytes per second",
        update=UpdateMode.CLUSTER_WIDE,
        unsupported="moving replicas between data directories",
    )
    replication_quota_window_num: int = integer(
        11, "Over how many windows the rate of throttled replication is measured.", unit="windows", minimum=1
    )
    replication_quota_window_size_seconds: int = integer(1, "How long each of them is.", unit="seconds", minimum=1)

"""Settings of consumer groups and their committed offsets."""

from __future__ import annotations

from dataclasses import dataclass

from broker.config.definition import INT_MAX, integer, long, setting
from broker.config.log_settings import SEGMENT_BYTES_MIN
from protocol.config_numbers import ConfigType


@dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """The group coordinator and its topic, `__consumer_offsets`."""

    group_initial_rebalance_delay_ms: int = integer(
        0,
        "How long an empty group waits for more members before its first assignment. Kafka's default is 3000: right "
        "for fleets that start together, and why a single consumer starts slowly; 0 here.",
        unit="ms",
        minimum=0,
    )
    group_min_session_timeout_ms: int = integer(
        6000, "The shortest session timeout a member may ask for.", unit="ms", minimum=1
    )
    group_max_session_timeout_ms: int = integer(
        1800000, "The longest session timeout a member may ask for.", unit="ms", minimum=1
    )
    group_max_size: int = integer(
        INT_MAX,
        "How many members a group may have; GROUP_MAX_SIZE_REACHED beyond.",
        unit="members",
        minimum=1,
    )
    offset_metadata_max_bytes: int = integer(
        4096, "The longest text a client may commit with an offset.", unit="bytes", minimum=0
    )
    offsets_commit_timeout_ms: int = integer(
        5000,
        "How long a commit waits for its record to be safe before it is refused.",
        unit="ms",
        minimum=1,
    )
    offsets_retention_minutes: int = integer(
        10080, "How long offsets stay after their group became empty.", unit="minutes", minimum=1
    )
    offsets_retention_check_interval_ms: int = long(
        600000, "How often expired offsets are looked for.", unit="ms", minimum=1
    )
    offsets_topic_num_partitions: int = integer(
        50,
        "How many partitions __consumer_offsets gets when it is created; a group's place depends on it for ever.",
        unit="partitions",
        minimum=1,
    )
    offsets_topic_replication_factor: int = setting(
        ConfigType.SHORT,
        1,
        "How many replicas __consumer_offsets gets when it is created. Kafka's default of 3 would leave a single node "
        "without groups.",
        unit="replicas",
        minimum=1,
    )
    offsets_topic_segment_bytes: int = integer(
        104857600,
        "The segment size of __consumer_offsets; small ones make its compaction and loading fast.",
        unit="bytes",
        minimum=SEGMENT_BYTES_MIN,
    )

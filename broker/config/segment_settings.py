"""Settings of segment files: when one is full, and how densely it is indexed."""

from __future__ import annotations

from dataclasses import dataclass

from broker.config.definition import UpdateMode, boolean, integer, long
from broker.config.log_settings import SEGMENT_BYTES_MIN

_CLUSTER_WIDE = UpdateMode.CLUSTER_WIDE


@dataclass(frozen=True, kw_only=True)
class SegmentSettings:
    """How a partition's log is cut into files."""

    log_segment_bytes: int = integer(
        1073741824,
        "How large a segment file may grow before the next one begins.",
        unit="bytes",
        minimum=SEGMENT_BYTES_MIN,
        update=_CLUSTER_WIDE,
    )
    log_roll_ms: int = long(
        None,
        "How long a segment is written to before the next one begins.",
        unit="ms",
        minimum=1,
        update=_CLUSTER_WIDE,
        derived_from=(("log.roll.hours", 3_600_000),),
    )
    log_roll_hours: int = integer(168, "log.roll.ms in hours, read where that is not set.", unit="hours", minimum=1)
    log_roll_jitter_ms: int = long(
        None,
        "The most by which log.roll.ms is shortened at random, so that partitions do not all roll at once.",
        unit="ms",
        minimum=0,
        update=_CLUSTER_WIDE,
        derived_from=(("log.roll.jitter.hours", 3_600_000),),
    )
    log_roll_jitter_hours: int = integer(
        0, "log.roll.jitter.ms in hours, read where that is not set.", unit="hours", minimum=0
    )
    log_index_size_max_bytes: int = integer(
        10485760,
        "How large an index file may grow before the next segment begins.",
        unit="bytes",
        minimum=4,
        update=_CLUSTER_WIDE,
    )
    log_index_interval_bytes: int = integer(
        4096,
        "How many bytes of records lie between two entries of an index.",
        unit="bytes",
        minimum=0,
        update=_CLUSTER_WIDE,
    )
    log_preallocate: bool = boolean(
        False,
        "Only false is accepted: the journal makes appends durable, so segments gain nothing by it.",
        unsupported="preallocated segments",
    )

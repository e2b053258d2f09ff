"""How much a journal gathers, writes and keeps: four named profiles.

A commit never waits to fill up: these are ceilings for what gathered while the previous sync ran. A larger
profile trades memory, disk and the length of the longest single commit for fewer syncs under heavy load.

    profile   commit       entries   segment    spares   on disk between checkpoints, at least
    low         1 MiB          512     16 MiB     1       32 MiB   a laptop, a container with little disk
    medium      8 MiB        4,096     64 MiB     1      128 MiB   the default
    high       32 MiB       16,384    256 MiB     1      512 MiB   many producers of large batches
    ultra     128 MiB       65,536      1 GiB     1        2 GiB   bulk load on a fast disk
"""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLimits:
    """Ceilings of one journal.

    A commit ends at the entry that reaches one of the first two, so it may exceed `commit_bytes_max` by one
    entry; a commit larger than `segment_bytes` gets a segment of its own.
    """

    commit_bytes_max: int
    commit_entries_max: int
    segment_bytes: int
    # Trimmed segments kept for reuse: overwriting allocated blocks commits in 0.10 ms where extending a file takes
    # 0.15 (ext4, 25 KB commits), because the system has no size and no extent to journal. posix_fallocate gains
    # nothing there: its blocks still change from unwritten to written. The first one is not trimmed but written with
    # zeros, up to 64 MiB of them (`Journal.prepare`): soon after a journal has grown by a quarter of a MiB.
    spare_segments_max: int

    @staticmethod
    def named(profile: str) -> JournalLimits:
        """The limits of `low`, `medium`, `high` or `ultra`; ValueError for another name."""
        if profile not in PROFILES:
            raise ValueError(f"no journal profile {profile!r}; there are {', '.join(PROFILES)}")
        return PROFILES[profile]


def _profile(commit_mib: int, entries: int, segment_mib: int) -> JournalLimits:
    return JournalLimits(
        commit_bytes_max=commit_mib * _MIB,
        commit_entries_max=entries,
        segment_bytes=segment_mib * _MIB,
        spare_segments_max=1,
    )


PROFILES: dict[str, JournalLimits] = {
    "low": _profile(1, 512, 16),
    "medium": _profile(8, 4096, 64),
    "high": _profile(32, 16_384, 256),
    "ultra": _profile(128, 65_536, 1024),
}

DEFAULT_LIMITS = PROFILES["medium"]

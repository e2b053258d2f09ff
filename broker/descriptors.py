"""The process's open files, shared out: connections must never take the descriptors that storage needs.

A journal that cannot open its next segment stops the whole node, so connections are refused long before that.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

# Segments and indexes that stay open, at most; and for the journals, checkpoints, the loop and the standard streams.
OPEN_FILES_MAX = 256
OTHER_DESCRIPTORS = 64


@dataclass(frozen=True, slots=True)
class DescriptorShares:
    files_max: int
    connections_max: int


def share_descriptors() -> DescriptorShares:
    """Raise the soft limit (`ulimit -n`) to the hard one, as far as the system lets us, and share it out."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        limit = hard
    except (ValueError, OSError):
        limit = soft
    return shares_of(limit)


def shares_of(limit: int) -> DescriptorShares:
    if limit == resource.RLIM_INFINITY:
        return DescriptorShares(OPEN_FILES_MAX, 2**31 - 1)
    files_max = max(1, min(OPEN_FILES_MAX, limit // 4))
    kept = min(files_max + OTHER_DESCRIPTORS, limit * 3 // 4)
    return DescriptorShares(files_max, max(1, limit - kept))

"""The process's open files, shared out: connections must never take the descriptors that storage needs.

A journal that cannot open its next segment stops the whole node, so connections are refused long before that. Where
none is left all the same, one line says so: the event loops say nothing (uvloop) or the same for every connection.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)

# Segments and indexes that stay open, at most: the active ones of a busy node, for a write to a file that was closed
# costs three more system calls. And for the journals, checkpoints, the loop and the standard streams.
OPEN_FILES_MAX = 4096
OTHER_DESCRIPTORS = 64

_NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE})


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


class DescriptorWatch:
    """Tells, once, that no descriptor is left, and, once, that there are some again."""

    def __init__(self) -> None:
        self._told = False

    def look(self) -> None:
        none_left = _none_is_left()
        if none_left and not self._told:
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            logger.error(
                "no file descriptor is left (ulimit -n is %d): connections are closed as they come, and files that are "
                "not open cannot be read; who is connected is served",
                limit,
            )
        elif self._told and not none_left:
            logger.warning("there are file descriptors again; connections are accepted")
        self._told = none_left


def _none_is_left() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NONE_LEFT
    return False


def pass_over_failed_accepts(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: asyncio reports each connection that it could not accept, a thousand at a time."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in _NONE_LEFT and "accept" in context.get("message", ""):
        return
    loop.default_exception_handler(context)

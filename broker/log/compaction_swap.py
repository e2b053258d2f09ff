"""Replacing segments by their compacted successor so that a crash at any step leaves one or the other.

Files of the successor, whose name is that of the first segment it replaces, pass three names:

    .cleaned   being written. A crash: removed, the old segments stand.
    .swap      complete and durable. A crash: the swap is finished, the old segments go.
    (none)     in place.

The `.log` is renamed last in the second step and first wins in the third: while `<base>.log.cleaned` exists nothing
of that base counts, once `<base>.log.swap` exists everything of it does.
"""

from __future__ import annotations

from broker.log.disk import Disk
from broker.log.segment import LOG_SUFFIX, SEGMENT_SUFFIXES, scan_headers

CLEANED_SUFFIX = ".cleaned"
SWAP_SUFFIX = ".swap"


def finish_or_undo_swaps(disk: Disk, directory: str, names: list[str]) -> list[str]:
    """Brings the directory into one of the two states; returns the names then in it."""
    pending = [name for name in names if name.endswith((CLEANED_SUFFIX, SWAP_SUFFIX))]
    if not pending:
        return names
    undone = {name[:20] for name in pending if name.endswith(LOG_SUFFIX + CLEANED_SUFFIX)}
    for name in pending:
        if name.endswith(CLEANED_SUFFIX) or name[:20] in undone:
            disk.remove(f"{directory}/{name}")
    for base in sorted({name[:20] for name in pending} - undone):
        finish_swap(disk, directory, int(base))
    disk.sync_directory(directory)
    return disk.list(directory)


def finish_swap(disk: Disk, directory: str, base_offset: int) -> None:
    """The third step, from `.swap` to in place; may be repeated after a crash in its middle."""
    stem = f"{directory}/{base_offset:020d}"
    swap_log = stem + LOG_SUFFIX + SWAP_SUFFIX
    if disk.exists(swap_log):
        end_offset = base_offset
        for _, header in scan_headers(disk, swap_log, 0, disk.size(swap_log)):
            end_offset = header.next_offset
        for name in disk.list(directory):
            if name.endswith(SEGMENT_SUFFIXES) and base_offset < int(name[:20]) < end_offset:
                disk.remove(f"{directory}/{name}")
    for suffix in SEGMENT_SUFFIXES:
        if disk.exists(stem + suffix + SWAP_SUFFIX):
            disk.rename(stem + suffix + SWAP_SUFFIX, stem + suffix)
        elif disk.exists(swap_log):
            # The successor has no such file: the old one's entries must not be taken for its.
            disk.remove(stem + suffix)

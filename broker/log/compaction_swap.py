"""Replacing segments by their compacted successor so that a crash at any step leaves one or the other.

Files of the successor, whose name is that of the first segment it replaces, pass three names:

    .cleaned   written and durable. A crash: removed, the old segments stand.
    .swap      step 1 renames, the `.log` last, then the directory is synced. A crash: the swap is finished.
    (none)     step 2: the segments it covers go, its `.log` takes its place; step 3: its indexes follow.

While `<base>.log.cleaned` exists nothing of that base counts. Once `<base>.log.swap` exists, everything of it does,
`.cleaned` or `.swap`: a crash may have kept any of step 1's renames. When neither exists, what is left as `.swap`
belongs to a `.log` already in place, and what is left as `.cleaned` to none.
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
    for stem in sorted({name[:20] for name in pending}):
        mine = [name for name in pending if name.startswith(stem)]
        undo = stem + LOG_SUFFIX + CLEANED_SUFFIX in mine
        covers = stem + LOG_SUFFIX + SWAP_SUFFIX in mine
        for name in mine:
            if undo or (name.endswith(CLEANED_SUFFIX) and not covers):
                disk.remove(f"{directory}/{name}")
            elif name.endswith(CLEANED_SUFFIX):
                disk.rename(f"{directory}/{name}", f"{directory}/{name.removesuffix(CLEANED_SUFFIX)}{SWAP_SUFFIX}")
        if not undo:
            finish_swap(disk, directory, int(stem))
    disk.sync_directory(directory)
    return disk.list(directory)


def begin_swap(disk: Disk, directory: str, base_offset: int) -> None:
    """Step 1: from `.cleaned` to `.swap`."""
    stem = f"{directory}/{base_offset:020d}"
    for suffix in SEGMENT_SUFFIXES:
        disk.rename_if_there(stem + suffix + CLEANED_SUFFIX, stem + suffix + SWAP_SUFFIX)
    disk.sync_directory(directory)


def finish_swap(disk: Disk, directory: str, base_offset: int) -> None:
    """Steps 2 and 3, from `.swap` to in place; may be repeated after a crash in its middle."""
    stem = f"{directory}/{base_offset:020d}"
    swap_log = stem + LOG_SUFFIX + SWAP_SUFFIX
    if disk.exists(swap_log):
        end_offset = base_offset
        for _, header in scan_headers(disk, swap_log, 0, disk.size(swap_log)):
            end_offset = header.next_offset
        for name in disk.list(directory):
            if name.endswith(SEGMENT_SUFFIXES) and base_offset < int(name[:20]) < end_offset:
                disk.remove(f"{directory}/{name}")
        disk.rename(swap_log, stem + LOG_SUFFIX)
        # The indexes only after their log: found alone, they must mean that it is there.
        disk.sync_directory(directory)
    for suffix in SEGMENT_SUFFIXES:
        disk.rename_if_there(stem + suffix + SWAP_SUFFIX, stem + suffix)

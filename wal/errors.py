"""What a disk may do to us. `broker` translates these into error codes in one place."""

from __future__ import annotations

import errno


class StorageError(Exception):
    """A file could not be read, written or synced; the message names the file and what helps its disk."""


class CorruptionError(StorageError):
    """Bytes on disk are not what was written there."""


class SyncFailed(StorageError):
    """What a sync should have made durable is in doubt, and a second sync would succeed without writing it."""


class JournalPoisoned(StorageError):
    """An earlier write or sync failed; nothing after it may be acknowledged (fsync is never retried)."""


_ADVICE = {
    # Much goes on by itself when there is room; what does not says that it needs a restart.
    errno.ENOSPC: "free space on that disk (or shorten retention)",
    errno.EDQUOT: "raise the disk quota of this user",
    errno.EIO: "the disk reports a hardware error: look at the kernel's log and replace it",
    errno.EROFS: "the file system is read-only: look at the kernel's log, mount it writable",
    errno.EACCES: "give the user of this process read and write permission",
    errno.EPERM: "give the user of this process read and write permission",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and restart",
    errno.ENFILE: "raise the system's limit of open files (fs.file-max)",
    errno.EFBIG: "raise the file size limit (ulimit -f) and restart",
    errno.ENOENT: "restore the file, or check the configured directory",
}


# The system would not even open what was to be synced: nothing was attempted.
_NOT_OPENED = frozenset({errno.EMFILE, errno.ENFILE})


def sync_error(error: OSError, action: str, path: str) -> StorageError:
    """`storage_error` for a sync that failed, which is final for what it covered."""
    if error.errno in _NOT_OPENED:
        return storage_error(error, action, path)
    return SyncFailed(str(storage_error(error, action, path)))


def storage_error(error: OSError, action: str, path: str) -> StorageError:
    """The sentence for an `OSError`: `action` is what failed ("write"), `path` where."""
    name = errno.errorcode.get(error.errno or 0, "unknown error")
    advice = _ADVICE.get(error.errno or 0, "see the system's log")
    return StorageError(f"cannot {action} {path}: {error.strerror or error} ({name}); {advice}")

"""What a disk may do to us. `broker` translates these into error codes in one place."""

from __future__ import annotations


class StorageError(Exception):
    """A file could not be read, written or synced; the message names the file and what to do."""


class CorruptionError(StorageError):
    """Bytes on disk are not what was written there."""


class JournalPoisoned(StorageError):
    """An earlier write or sync failed; nothing after it may be acknowledged (fsync is never retried)."""

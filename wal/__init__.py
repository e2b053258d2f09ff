"""A group-commit journal of opaque entries, and the few other things that must survive a crash.

What is in it: `Journal` (entries made durable together), `write_atomically` (small files replaced as a whole), the
`Filesystem` seam both stand on, and `dump` (a journal for people to read). It knows nothing of Kafka, and nothing
here keeps time, makes threads or waits for anything but the disk.

Files. A journal is a directory of segments, `<sequence of the first entry, 20 digits>.wal`:

    0        512                                                            integers are big-endian
    +--------+----------------------+------------------+---- ... ---+-------------------------+
    | header | frame: one commit    | frame            |            | rest of a reused file   |
    +--------+----------------------+------------------+---- ... ---+-------------------------+
             every frame begins on a 512-byte sector

    header   8 magic "MSJOURNL" | 4 CRC-32C of what follows | 4 format version 1 | 8 sequence of the first entry | zeros
    frame    4 magic "MSWF" | 4 CRC-32C of what follows | 4 body bytes | 4 entry count | 8 sequence of the first entry
             | body | zeros to the next sector
    body     entries back to back:  4 payload bytes | 1 kind | payload

`wal.segment_file` and `wal.entry_format` draw these; sequences are 64-bit, begin at 1 and are never given twice to
entries that both became durable.

When an entry is in the journal. A frame counts if and only if its magic, its length and its CRC agree, its sequence
follows the frame before it, and all frames before it in the segment count. `wal.recovery` says what is done with
the rest and how a torn commit is told from damage.

Goals for a crash at any moment: what `commit` covered is there, in order, once, without holes; what it did not
cover may be there as a whole commit directly behind, or not at all; opening twice gives the same.

What we assume of the disk. (1) After datasync returns, the contents and size of that file stay; after
`sync_directory`, its names. (2) Until then each 512-byte sector of a write may be new or old, in any order, and
each name may be new or old; a rename is never half done. (3) A write does not harm sectors it does not touch. (On
drives whose real sector is 4 KiB this asks for what SQLite calls power-safe overwrite.) (4) The CRC-32C of
damaged bytes does not agree by chance; it protects from accidents, not from someone who can write the files.

Limitations we accept. Damage to the last acknowledged frame cannot be told from a commit torn by a crash and is
cut. An entry is at most 4 GiB. One process per directory: the caller holds the lock. A failed write or sync ends
the journal's life until it is opened again; fsync is never retried. Damage in sealed segments is found when they
are replayed, not when the journal opens.
"""

from wal.atomic_file import read_atomic, read_checked, write_atomically, write_checked
from wal.directory import make_directory_durably
from wal.dump import DumpedEntry, DumpProblem, dump
from wal.entry_format import Entry
from wal.errors import CorruptionError, JournalPoisoned, StorageError, SyncFailed, storage_error, sync_error
from wal.filesystem import Buffer, File, Filesystem, OsFile, OsFilesystem
from wal.journal import Journal
from wal.limits import DEFAULT_LIMITS, PROFILES, JournalLimits

__all__ = [
    "DEFAULT_LIMITS",
    "PROFILES",
    "Buffer",
    "CorruptionError",
    "DumpProblem",
    "DumpedEntry",
    "Entry",
    "File",
    "Filesystem",
    "Journal",
    "JournalLimits",
    "JournalPoisoned",
    "OsFile",
    "OsFilesystem",
    "StorageError",
    "SyncFailed",
    "dump",
    "make_directory_durably",
    "read_atomic",
    "read_checked",
    "storage_error",
    "sync_error",
    "write_atomically",
    "write_checked",
]

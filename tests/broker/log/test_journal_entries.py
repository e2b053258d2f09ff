"""What lies in journals of earlier versions is read by these bytes: a change here is another kind of entry."""

from __future__ import annotations

import pytest

from broker.log import journal_entries
from broker.log.journal_entries import APPEND, KINDS, LOG_START, REMOVED, RESTARTED, TRUNCATE
from wal import CorruptionError

TOPIC_ID = b"0123456789abcdef"
WHERE = TOPIC_ID + b"\0\0\0\7"
OFFSET = b"\0\0\0\0\0\0\1\2"


def test_the_bytes_of_each_kind_are_what_they_were() -> None:
    stored = {
        APPEND: journal_entries.encode_append_header(TOPIC_ID, 7, 3, 258),
        TRUNCATE: journal_entries.encode_truncate(TOPIC_ID, 7, 258),
        LOG_START: journal_entries.encode_log_start(TOPIC_ID, 7, 258),
        REMOVED: journal_entries.encode_removed(TOPIC_ID, 7),
        RESTARTED: journal_entries.encode_restarted(TOPIC_ID, 7, 258),
    }
    assert stored.keys() == KINDS.keys() == {1, 2, 3, 4, 5}
    assert stored == {
        1: WHERE + b"\0\0\0\3" + OFFSET,
        2: WHERE + OFFSET,
        3: WHERE + OFFSET,
        4: WHERE,
        5: WHERE + OFFSET,
    }


def test_an_entry_is_read_back() -> None:
    entry = journal_entries.decode(APPEND, WHERE + b"\0\0\0\3" + OFFSET + b"batches")
    assert (entry.topic_id, entry.partition, entry.leader_epoch, entry.offset) == (TOPIC_ID, 7, 3, 258)
    assert bytes(entry.records) == b"batches"


@pytest.mark.parametrize(("kind", "payload"), [(6, WHERE + OFFSET), (0, WHERE), (TRUNCATE, WHERE), (APPEND, WHERE)])
def test_a_kind_that_is_not_known_or_an_entry_that_is_cut_is_refused_with_what_to_do(kind: int, payload: bytes) -> None:
    with pytest.raises(CorruptionError, match=rf"kind {kind} .*start the version that wrote it, or a newer one"):
        journal_entries.decode(kind, payload)

"""A checkpoint that was begun and never ran: the node stopped, or its journal failed, in between."""

from __future__ import annotations

from log_harness import batch, records_of
from log_harness.logs import LogOnDisk


def test_a_stop_after_a_checkpoint_that_never_ran_is_no_clean_one() -> None:
    """The log ended, for the next start, where the checkpoint before had left it: the records behind that place were
    there twice, or gone."""
    node = LogOnDisk()
    node.append(batch(b"a"))
    node.logs.checkpoint(0)
    node.append(batch(b"b"))
    node.logs.begin_checkpoint(0)
    node.restart()
    node.append(batch(b"c"))
    found = records_of(node.log.read(0, max_bytes=1 << 20, max_offset=3).records)
    assert [(record.offset, record.value) for record in found] == [(0, b"a"), (1, b"b"), (2, b"c")]

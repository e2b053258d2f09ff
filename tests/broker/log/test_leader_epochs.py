"""Leader epochs: where each began and ended (KIP-101), and the file they are kept in."""

from __future__ import annotations

import pytest

from broker.log.leader_epochs import LeaderEpochs
from wal import CorruptionError


def lineage() -> LeaderEpochs:
    epochs = LeaderEpochs()
    for epoch, start in ((2, 0), (5, 10), (6, 30)):
        epochs.assign(epoch, start)
    return epochs


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (6, (6, 40)),
        (5, (5, 30)),
        (4, (2, 10)),
        (2, (2, 10)),
        (1, (1, 0)),
        (7, (-1, -1)),
        (-1, (-1, -1)),
    ],
)
def test_an_epoch_ends_where_the_next_begins(asked: int, answer: tuple[int, int]) -> None:
    assert lineage().end_offset_for(asked, 40) == answer


def test_an_empty_lineage_knows_nothing() -> None:
    assert LeaderEpochs().end_offset_for(0, 0) == (-1, -1)


def test_an_epoch_in_which_nothing_was_written_leaves_no_trace() -> None:
    epochs = lineage()
    epochs.assign(7, 40)
    epochs.assign(9, 40)
    assert epochs.entries == [(2, 0), (5, 10), (6, 30), (9, 40)]


def test_an_older_epoch_changes_nothing() -> None:
    epochs = lineage()
    epochs.dirty = False
    epochs.assign(5, 35)
    epochs.assign(6, 38)
    assert epochs.entries == [(2, 0), (5, 10), (6, 30)]
    assert not epochs.dirty


def test_truncations_at_both_ends() -> None:
    epochs = lineage()
    epochs.truncate_from_end(30)
    assert epochs.entries == [(2, 0), (5, 10)]
    assert epochs.latest == 5
    epochs.truncate_from_start(12)
    assert epochs.entries == [(5, 12)]
    epochs.truncate_from_end(0)
    assert (epochs.entries, epochs.latest) == ([], -1)


def test_the_epoch_of_an_offset() -> None:
    assert [lineage().epoch_of(offset) for offset in (0, 9, 10, 29, 30, 99)] == [2, 2, 5, 5, 6, 6]
    epochs = lineage()
    epochs.truncate_from_start(12)
    assert epochs.epoch_of(11) == -1


def test_the_file_is_kafkas() -> None:
    data = lineage().encode()
    assert data == b"0\n3\n2 0\n5 10\n6 30\n"
    assert LeaderEpochs.decode(data, "x").entries == lineage().entries


@pytest.mark.parametrize("data", [b"", b"0\n", b"1\n0\n", b"0\n2\n1 0\n", b"0\n1\n1 x\n", b"\xff"])
def test_anything_else_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptionError):
        LeaderEpochs.decode(data, "x")

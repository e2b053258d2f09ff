"""The offset index searched by position: one read for most logs, and right for any."""

from __future__ import annotations

import random
from bisect import bisect_right

import pytest
from simulation import SimulatedFilesystem

from broker.log import Disk
from broker.log.offset_index import OffsetIndex

BASE_OFFSET = 1000


def index_of(positions: list[int], *, sealed: bool) -> OffsetIndex:
    filesystem = SimulatedFilesystem()
    filesystem.make_directory("data")
    index = OffsetIndex(Disk(filesystem), "data/0.index", BASE_OFFSET)
    for number, position in enumerate(positions):
        index.append(BASE_OFFSET + number, position)
    if sealed:
        index.seal()
    return index


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("steps", [[5000], [4200, 9000], [4097, 4097, 4097, 1 << 20], [1]])
@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 6000])
def test_the_last_entry_at_a_position_is_found_however_they_are_spread(
    count: int, steps: list[int], sealed: bool
) -> None:
    """Stretches of one size and stretches of another are the worst: no place tells where the next one lies."""
    chance = random.Random(count)
    positions: list[int] = []
    position = 0
    while len(positions) < count:
        step = chance.choice(steps)
        for _ in range(min(chance.randrange(1, 800), count - len(positions))):
            position += step
            positions.append(position)
    index = index_of(positions, sealed=sealed)
    for _ in range(80):
        asked = chance.choice([0, position, position + 5000, chance.randrange(position + 1)])
        if positions and chance.random() < 0.5:
            asked = chance.choice(positions) - chance.randrange(2)
        slot = bisect_right(positions, asked) - 1
        wanted = (BASE_OFFSET + slot, positions[slot]) if slot >= 0 else (BASE_OFFSET, 0)
        assert index.last_at(asked, position + 5000) == wanted

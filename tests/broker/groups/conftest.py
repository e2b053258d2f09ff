"""A coordinator for each test, and one with other settings where a test asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from groups_harness import GroupWorld

MakeWorld = Callable[..., GroupWorld]


@pytest.fixture
def make_world() -> Iterator[MakeWorld]:
    worlds: list[GroupWorld] = []

    def make(**settings: object) -> GroupWorld:
        """Settings by Kafka's names with `_` for `.`."""
        worlds.append(GroupWorld({name.replace("_", "."): str(value) for name, value in settings.items()}))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> GroupWorld:
    return make_world()

"""A coordinator for each test, one with other settings where a test asks, and one behind the handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from groups_harness import GroupWorld
from groups_harness.handler_node import HandlerNode

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


@pytest.fixture
def node() -> Iterator[HandlerNode]:
    node = HandlerNode()
    yield node
    node.world.close()

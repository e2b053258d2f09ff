"""The table of etcd's cases is complete, and points at tests that exist."""

from __future__ import annotations

import pytest
from raft_harness.etcd_cases import OTHER_TESTS, RAFT_TEST, TRACES
from raft_harness.named_tests import HERE, module_named


def test_all_118_are_there() -> None:
    assert len(RAFT_TEST) == 118


def test_all_28_traces_are_there() -> None:
    assert len(TRACES) == 28


@pytest.mark.parametrize("name", [*RAFT_TEST, *OTHER_TESTS, *TRACES])
def test_it_is_where_the_table_says(name: str) -> None:
    place = {**RAFT_TEST, **OTHER_TESTS, **TRACES}[name]
    if place.startswith("n/a: "):
        return
    if place.startswith("transcripts/"):
        assert (HERE / f"{place}.txt").exists()
        return
    module, _, path = place.partition("::")
    found: object = module_named(module)
    for part in path.split("."):
        found = getattr(found, part)
    assert callable(found)

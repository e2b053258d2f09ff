"""Open files are shared out so that storage always has what it needs."""

from __future__ import annotations

import resource

import pytest

from broker.descriptors import OPEN_FILES_MAX, OTHER_DESCRIPTORS, shares_of


@pytest.mark.parametrize("limit", [8, 64, 120, 256, 1024, 4096, 20_000, 1_048_576])
def test_files_and_connections_fit_the_limit_together(limit: int) -> None:
    shares = shares_of(limit)
    assert shares.files_max >= 1
    assert shares.connections_max >= 1
    assert shares.files_max + shares.connections_max < limit
    assert shares.files_max <= OPEN_FILES_MAX


def test_a_usual_limit_keeps_enough_for_the_journals() -> None:
    shares = shares_of(1024)
    assert 1024 - shares.files_max - shares.connections_max >= OTHER_DESCRIPTORS


def test_without_a_limit_connections_have_none() -> None:
    shares = shares_of(resource.RLIM_INFINITY)
    assert (shares.files_max, shares.connections_max) == (OPEN_FILES_MAX, 2**31 - 1)

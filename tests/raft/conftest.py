"""Adds `--rewrite` for the transcripts."""

from __future__ import annotations

import contextlib

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    # Another room's transcripts may have added it already.
    with contextlib.suppress(ValueError):
        parser.addoption("--rewrite", action="store_true", help="record transcripts anew; then read the diff")


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite", default=False))

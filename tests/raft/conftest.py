"""Makes the helpers beside the tests importable, and adds `--rewrite` for the transcripts."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    # Another room's transcripts may have added it already.
    with contextlib.suppress(ValueError):
        parser.addoption("--rewrite", action="store_true", help="record transcripts anew; then read the diff")


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite", default=False))

"""Interactions written down whole: see raft_transcripts for the commands and `--rewrite`."""

from __future__ import annotations

from pathlib import Path

import pytest
from raft_harness.transcripts import run_transcript

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, rewrite: bool) -> None:
    run_transcript(path, rewrite=rewrite)


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 15

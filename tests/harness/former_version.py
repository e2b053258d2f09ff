"""An earlier state of the project's code in a directory of its own, to be run beside the present one.

MILLSTREAM_UPGRADE_FROM names it (a tag, a branch, a commit); without it, it is the commit before this one, and the
newest tag, where there is one. Where there is no history to take it from, the test is skipped with the reason.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("broker", "protocol", "wal", "raft")
PREVIOUS_COMMIT = "HEAD~1"


def former_refs() -> list[str]:
    """Those to test against, at least one."""
    chosen = os.environ.get("MILLSTREAM_UPGRADE_FROM")
    if chosen:
        return [chosen]
    newest_tag = _git("describe", "--tags", "--abbrev=0", "HEAD~1")
    return [PREVIOUS_COMMIT, *([newest_tag.decode().strip()] if newest_tag else [])]


def former_version(ref: str, directory: Path) -> Path:
    """The code of `ref`, laid out below `directory`: what `python -m broker` runs with that as its directory."""
    if not (PROJECT / ".git").exists() or shutil.which("git") is None:
        pytest.skip(f"no git history here (an archive of the sources?) to take {ref} from")
    archive = _git("archive", "--format=tar", ref, "--", *PACKAGES)
    if archive is None:
        pytest.skip(
            f"the history here has no {ref} (a shallow clone?): fetch more of it, or set MILLSTREAM_UPGRADE_FROM"
        )
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(directory, filter="data")
    return directory


def _git(*arguments: str) -> bytes | None:
    try:
        return subprocess.run(["git", *arguments], cwd=PROJECT, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None

"""kafka-python 2.0.2, the last release before the rewrite and still in many requirements.txt, beside today's.

It lives in a directory of its own under .venv, and is used by a process of its own with that directory first on the
path. `legacy_scenarios.py` is what that process runs; it answers with a line of JSON.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REQUIREMENT = "kafka-python==2.0.2"
# Its own copy of six does not load on Python 3.12; legacy_scenarios.py puts this one in its place.
REQUIREMENTS = (REQUIREMENT, "six")
DIRECTORY = Path(sys.prefix) / "legacy-clients" / "kafka-python-2.0.2"
SCENARIOS = Path(__file__).with_name("legacy_scenarios.py")
INSTALL_TIMEOUT_S = 90
RUN_TIMEOUT_S = 60


def legacy_directory() -> Path:
    """Installed on first use; the test is skipped with pip's words where that cannot be."""
    installed = DIRECTORY / "installed"
    with _locked():
        if not installed.exists():
            reason = _install()
            if reason:
                pytest.skip(f"{REQUIREMENT} cannot be installed: {reason}")
            installed.touch()
    return DIRECTORY


@contextmanager
def _locked() -> Iterator[None]:
    """One of the test workers installs, the others wait for it."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with (DIRECTORY.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install() -> str:
    """Why it failed, or nothing."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--upgrade", "--target", str(DIRECTORY), *REQUIREMENTS]
    try:
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"pip took more than {INSTALL_TIMEOUT_S} s"
    return outcome.stderr.strip()[-500:] or "pip failed" if outcome.returncode else ""


def run_legacy(scenario: str, bootstrap: str, **arguments: Any) -> Any:
    """Run one function of legacy_scenarios.py in a process of its own; returns what it returned."""
    environment = {**os.environ, "PYTHONPATH": str(legacy_directory())}
    outcome = subprocess.run(
        [sys.executable, str(SCENARIOS), scenario, bootstrap, json.dumps(arguments)],
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        env=environment,
    )
    assert outcome.returncode == 0, f"{scenario} failed:\n{outcome.stderr[-4000:]}"
    return json.loads(outcome.stdout.splitlines()[-1])

"""A broker that is not meant to start: its exit status and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

START_TIMEOUT_S = 30.0


def refused_start(data_directory: Path, **settings: str) -> tuple[int, str]:
    """Run `millstream serve` to its end; settings in Kafka's words, with underscores for dots."""
    given = {
        "listeners": "PLAINTEXT://127.0.0.1:0",
        "log.dirs": str(data_directory),
        **{name.replace("_", "."): value for name, value in settings.items()},
    }
    arguments = [argument for key, value in given.items() for argument in ("--set", f"{key}={value}")]
    done = subprocess.run(
        [sys.executable, "-m", "broker", "serve", "--json", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    assert not done.stdout, "it said that it is ready"
    said = done.stderr.decode()
    assert "Traceback" not in said, said
    return done.returncode, said

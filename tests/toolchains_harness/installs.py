"""What the clients of other languages are built from: fetched once into .tools/, rebuilt when their source changes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / ".tools"
SOURCES = ROOT / "tests" / "toolchains"
INSTALL_TIMEOUT_S = 500


def need(*programs: str) -> None:
    """Skip the test, saying why, where a toolchain is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}, which this machine does not have")


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Test processes run side by side: one of them installs, the others wait for it."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def installed(name: str, sources: list[Path], install: Callable[[Path], None]) -> Path:
    """The directory .tools/`name`, in which `install` has run since `sources` changed last.

    An installation that fails skips the test aloud: it needs a registry, which is not reached everywhere.
    """
    directory = TOOLS / name
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = directory / "installed-from"
    with only_one(name):
        if not stamp.exists() or stamp.read_text() != digest:
            directory.mkdir(exist_ok=True)
            try:
                install(directory)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                pytest.skip(f"{name} could not be installed: {_reason(error)}")
            stamp.write_text(digest)
    return directory


def run(*command: str, directory: Path, environment: dict[str, str] | None = None) -> None:
    subprocess.run(
        command,
        cwd=directory,
        env=environment,
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
    )


def _reason(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    said = error.stderr or error.stdout or ""
    text = said if isinstance(said, str) else said.decode(errors="replace")
    return f"{error}\n{text[-2000:]}"

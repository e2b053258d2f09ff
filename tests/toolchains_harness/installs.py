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

# What could not be installed, and why: without a registry each try takes minutes, and there are many tests.
_failures: dict[str, str] = {}


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


Step = Callable[[Path], None]


def installed(name: str, sources: list[Path], *, fetch: Step | None = None, build: Step | None = None) -> Path:
    """The directory .tools/`name`, in which both steps have run since `sources` changed last.

    `fetch` needs a registry, and skips the test where there is none; `build` works with what is there, and fails it.
    """
    directory = TOOLS / name
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = directory / "installed-from"
    with only_one(name):
        if not stamp.exists() or stamp.read_text() != digest:
            directory.mkdir(exist_ok=True)
            if fetch is not None:
                with skipping_what_fails(name):
                    fetch(directory)
            if build is not None:
                build(directory)
            stamp.write_text(digest)
    return directory


@contextlib.contextmanager
def skipping_what_fails(name: str) -> Iterator[None]:
    """An installation that fails skips the test aloud, as it needs a registry, and is not tried again."""
    try:
        if name not in _failures:
            yield
            return
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        _failures[name] = _reason(error)
    pytest.skip(f"{name} could not be installed: {_failures[name]}")


def run(*command: str, directory: Path, environment: dict[str, str] | None = None) -> None:
    """What the command prints is in its error, and on the test's output, if it fails."""
    finished = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if finished.returncode != 0:
        print(finished.stdout, finished.stderr)
    finished.check_returncode()


def _reason(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    said = error.stderr or error.stdout or ""
    text = said if isinstance(said, str) else said.decode(errors="replace")
    return f"{error}\n{text[-2000:]}"

"""Everything a commit must pass: format, lint, types, import rules and the tests. Run it in the project's .venv.

.venv/bin/python scripts/check.py              all of it
.venv/bin/python scripts/check.py --no-tests   the static part
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def steps() -> list[tuple[str, list[str]]]:
    """The static checks: a name, and the command with its arguments."""
    python = sys.executable
    # Beside the interpreter as it was called: resolving the link would leave the virtual environment.
    lint_imports = str(Path(python).with_name("lint-imports"))
    mypy = [python, "-m", "mypy", "--no-error-summary"]
    return [
        ("format", [python, "-m", "ruff", "format", "--check", "--quiet", "."]),
        ("lint", [python, "-m", "ruff", "check", "--quiet", "--no-cache", "."]),
        ("types", [*mypy, "--strict"]),
        ("of tests", [*mypy, "--config-file", "tests/mypy.ini", "tests"]),
        ("imports", [lint_imports, "--no-logo", "--cache-dir", ".import_linter_cache"]),
    ]


def run(name: str, command: list[str], *, quiet: bool) -> bool:
    """Run one step and say how long it took; its output is shown as it comes, or with `quiet` when it failed."""
    print(f"{name:<8} ... ", end="", flush=True)
    began = time.monotonic()
    try:
        outcome = subprocess.run(command, cwd=ROOT, capture_output=quiet, text=True)
    except FileNotFoundError:
        print(f"FAILED: {command[0]} is missing; run scripts/test once to install the tools")
        return False
    took = time.monotonic() - began
    print(f"{'ok' if outcome.returncode == 0 else 'FAILED'} ({took:.1f} s)", flush=True)
    if quiet and outcome.returncode != 0:
        print(outcome.stdout + outcome.stderr, end="", flush=True)
    return outcome.returncode == 0


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--no-tests", action="store_true", help="only the static checks")
    arguments = parser.parse_args()
    # All steps run, so that one look shows everything there is to mend.
    passed = [run(name, command, quiet=True) for name, command in steps()]
    if not arguments.no_tests:
        passed.append(run("tests", [str(ROOT / "scripts" / "test")], quiet=False))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())

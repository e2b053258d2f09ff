"""The command `millstream`, also `python -m broker`.

What is imported before the checks must be readable to any Python 3, and be here without an installation.
"""

from __future__ import annotations

import sys

PYTHON_MIN = (3, 11)


def main() -> int:
    found = sys.version_info[:2]
    if found < PYTHON_MIN:
        return _refuse("Python %d.%d or newer is needed, and this is %d.%d" % (*PYTHON_MIN, *found))  # noqa: UP031
    try:
        from broker.cli.app import run

        return run(sys.argv[1:])  # imports the rest of what the command needs
    except ModuleNotFoundError as error:
        return _refuse(f"{error.name} is not installed: use ./scripts/serve, or run pip install . first")


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"millstream: {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""The command `millstream`, also `python -m broker`."""

from __future__ import annotations

import sys

from broker.cli.app import run


def main() -> int:
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""How far long work is, on the terminal of whoever waits for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str, *, total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows a bar while the block runs; call what it gives with each step's size.

    Nothing is shown where nobody looks (stderr is no terminal), or where somebody types (stdin is one and there
    is no total).
    """
    if not sys.stderr.isatty() or (total is None and sys.stdin.isatty()):
        yield lambda size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %" if total else "{task.completed:,.0f}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda size: bar.advance(task, size)

"""What a command says: a table for people, JSON for programs; messages and errors go to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def show_json(value: Any) -> None:
    """One JSON document, indented where a person reads it."""
    json.dump(value, sys.stdout, indent=2 if sys.stdout.isatty() else None, ensure_ascii=False)
    sys.stdout.write("\n")


def show_rows(rows: Sequence[Row], *, columns: Mapping[str, str], as_json: bool, empty: str = "Nothing.") -> None:
    """A table with a row each and the columns `{key: heading}`; as JSON a list of objects, every key included."""
    if as_json:
        show_json(rows)
    elif not rows:
        say(empty)
    elif sys.stdout.isatty():
        _show_rich_table(rows, columns)
    else:
        _show_plain_table(rows, columns)


def say(message: str) -> None:
    """A remark that is not the result."""
    print(message, file=sys.stderr)


def text_of(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ",".join(map(text_of, value))
        case _:
            return str(value)


def _show_rich_table(rows: Sequence[Row], columns: Mapping[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for key, heading in columns.items():
        numbers = all(isinstance(row[key], int | None) and not isinstance(row[key], bool) for row in rows)
        table.add_column(heading, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(text_of(row[key]) for key in columns))
    Console(highlight=False, markup=False).print(table)


def _show_plain_table(rows: Sequence[Row], columns: Mapping[str, str]) -> None:
    """Aligned columns without colours or cut cells, for pipes and files."""
    lines = [list(columns.values()), *([text_of(row[key]) for key in columns] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

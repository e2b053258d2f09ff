"""`millstream log dump`: what is in a file of the data directory, readable."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from broker.cli.connection import ClientError
from broker.cli.file_dump import dump_path
from broker.cli.options import Json
from broker.cli.output import show_json, text_of

app = typer.Typer(no_args_is_help=True, help="Look into the files of a data directory.")


@app.command("dump")
def dump(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A segment, index, snapshot, checkpoint or journal.")],
    records: Annotated[bool, typer.Option("--records", "-r", help="The records in batches too.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a file holds, a line for each batch, entry or journal entry. Nothing is changed.

    Journals are directories of .wal files and can be shown as a whole. What is damaged is shown as far as it can
    be read; the exit code is then 1.

    \b
    Examples:
      millstream log dump data/orders-0/00000000000000000000.log --records
      millstream log dump data/orders-0/00000000000000000000.timeindex --json
      millstream log dump data/journal
    """
    if not os.path.exists(path):
        raise ClientError(f"{path} does not exist")
    damaged = False
    for item in dump_path(path, records=records):
        damaged = damaged or "problem" in item
        if as_json:
            show_json(item)
        else:
            print("  ".join(f"{name}={text_of(value)}" for name, value in item.items()))
    if damaged:
        raise typer.Exit(1)

"""`millstream log dump`: what is in a file of the data directory, readable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from broker.cli.connection import ClientError
from broker.cli.options import Json
from broker.cli.output import show_json, text_of

app = typer.Typer(no_args_is_help=True, help="Look into the files of a data directory.")

Item = dict[str, Any]


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
    for item in dump_items(path, records=records):
        damaged = damaged or "problem" in item
        if as_json:
            show_json(item)
        else:
            print("  ".join(f"{name}={text_of(value)}" for name, value in item.items()))
    if damaged:
        raise typer.Exit(1)


def dump_items(path: str, *, records: bool) -> Iterator[Item]:
    """What is in a file, in order; an item with a `problem` stands for what cannot be read."""
    if path.endswith(".wal") or os.path.isdir(path):
        return _dump_journal(path)
    # Only this command reads logs in the tools' process.
    from broker.log.dump import dump_file

    return dump_file(path, records=records)


def _dump_journal(path: str) -> Iterator[Item]:
    from broker.log.journal_entries import KINDS, decode
    from wal import DumpProblem, OsFilesystem
    from wal import dump as dump_journal

    for found in dump_journal(OsFilesystem(), path):
        item: Item = {"file": os.path.basename(found.path)}
        if isinstance(found, DumpProblem):
            yield item | {"position": found.position, "problem": found.message}
            continue
        item |= {"position": found.frame_position, "sequence": found.sequence}
        if found.kind not in KINDS:
            yield item | {"kind": found.kind, "bytes": len(found.payload)}
            continue
        entry = decode(found.kind, found.payload)
        item |= {"kind": KINDS[found.kind], "topic_id": entry.topic_id.hex(), "partition": entry.partition}
        yield item | {"leader_epoch": entry.leader_epoch, "offset": entry.offset, "bytes": len(entry.records)}

"""`millstream consume`: records become lines."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from broker.cli.client import Client, TopicPartition
from broker.cli.connection import ClientError
from broker.cli.consumer import Progress, consume
from broker.cli.offset_requests import EARLIEST, LATEST, commit_offsets, committed_offsets, list_offsets
from broker.cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT_S,
    BootstrapServer,
    Json,
    Timeout,
    connected,
    parse_time_ms,
)
from broker.cli.progress import progress as show_progress
from broker.cli.record_formats import Format, formatter

BEGINNING = "beginning"
END = "end"


def consume_topic(
    topic: Annotated[str, typer.Argument(help="What to read.")],
    start: Annotated[
        str,
        typer.Option(
            "--from",
            "-o",
            metavar="WHERE",
            help="beginning, end, an offset, -N for the last N of each partition, an ISO time, or @milliseconds.",
        ),
    ] = BEGINNING,
    partition: Annotated[list[int] | None, typer.Option("--partition", "-p", help="Only this one; repeatable.")] = None,
    max_messages: Annotated[
        int | None, typer.Option("--max-messages", "-n", min=1, help="Stop after so many records.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new records instead of ending.")] = False,
    format: Annotated[Format, typer.Option("--format", "-F", help="What a line shows.")] = Format.VALUE,
    key_separator: Annotated[str, typer.Option("--key-separator", "-K", help="For --format key-value.")] = "\t",
    group: Annotated[
        str | None,
        typer.Option("--group", "-g", help="Begin where this group is, and commit for it what was read."),
    ] = None,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Read a topic and write a line for each record; ends at what was the end when it began, unless --follow.

    \b
    Examples:
      millstream consume orders
      millstream consume orders --from end --follow --format full
      millstream consume orders --from 2026-01-31T12:00:00 --max-messages 10 --json
      millstream consume orders --group billing

    Words of kafka-console-consumer are understood: --topic, --from-beginning, --offset, --property print.key=true.
    """
    with connected(bootstrap_server, timeout) as client:
        numbers = client.partitions(topic) if partition is None else partition
        partitions = [(topic, number) for number in numbers]
        progress = Progress(start_positions(client, partitions, start))
        if group is not None:
            progress.positions.update(_committed(client, group, partitions))
        if not follow:
            progress.ends = {one: found.offset for one, found in list_offsets(client, partitions, LATEST).items()}
        before = dict(progress.positions)
        try:
            _copy(client, progress, max_messages, Format.JSON if as_json else format, key_separator)
        except BrokenPipeError:
            # Whoever read our output has seen enough; Python would complain once more when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            # An answer may be on its way to the request that was interrupted: nobody must take it for another's.
            client.forget()
            # How following ends; anything else was interrupted.
            if not follow:
                raise
        finally:
            moved = {one: offset for one, offset in progress.positions.items() if offset != before[one]}
            if group is not None and moved:
                commit_offsets(client, group, moved)


def start_positions(client: Client, partitions: list[TopicPartition], start: str) -> dict[TopicPartition, int]:
    """The offset to begin at in each partition, within what it holds."""
    first = {one: found.offset for one, found in list_offsets(client, partitions, EARLIEST).items()}
    if start in (BEGINNING, "earliest"):
        return first
    end = {one: found.offset for one, found in list_offsets(client, partitions, LATEST).items()}
    if start in (END, "latest"):
        return end
    if start.removeprefix("-").isdigit():
        number = int(start)
        if start.startswith("-"):
            return {one: max(first[one], end[one] + number) for one in partitions}
        return {one: min(max(first[one], number), end[one]) for one in partitions}
    found = list_offsets(client, partitions, _time_ms(start))
    return {one: end[one] if found[one].offset < 0 else found[one].offset for one in partitions}


def _time_ms(start: str) -> int:
    try:
        return parse_time_ms(start)
    except ClientError:
        raise ClientError(
            f"{start} is no place to begin: give {BEGINNING}, {END}, an offset, -N for the last N of each partition, "
            "a time like 2026-01-31T12:00:00, or @ and milliseconds since 1970"
        ) from None


def _committed(client: Client, group: str, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
    committed = committed_offsets(client, group)
    return {one: committed[one] for one in partitions if one in committed}


def _copy(client: Client, progress: Progress, limit: int | None, kind: Format, separator: str) -> None:
    """Write lines to stdout until there is nothing left to read or `limit` is reached."""
    line_of = formatter(kind, separator)
    out = sys.stdout.buffer
    count = 0
    # A bar between the lines of a terminal would garble both.
    total = None if sys.stdout.isatty() else sum(progress.ends.values()) - sum(progress.positions.values())
    with show_progress("Consuming", total=total) if total else nullcontext(_nothing) as advance:
        for (topic, partition), records in consume(client, progress):
            taken = records if limit is None else records[: limit - count]
            out.write(b"".join(line_of(topic, partition, record) + b"\n" for record in taken))
            out.flush()
            count += len(taken)
            advance(len(taken))
            if count == limit:
                progress.positions[topic, partition] = taken[-1].offset + 1
                break


def _nothing(size: int) -> None:
    """Progress that nobody sees."""

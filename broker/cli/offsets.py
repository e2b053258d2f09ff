"""`millstream offsets`: where the partitions of a topic begin and end, and where a time lies in them."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.offset_requests import EARLIEST, LATEST, MAX_TIMESTAMP, list_offsets
from broker.cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT_S,
    BootstrapServer,
    Json,
    Timeout,
    connected,
    parse_partitions,
    parse_time_ms,
)
from broker.cli.output import show_rows

_NAMED_TIMES = {"earliest": EARLIEST, "latest": LATEST, "max-timestamp": MAX_TIMESTAMP}


def offsets(
    topics: Annotated[list[str], typer.Argument(metavar="TOPIC[:PARTITION,...]...", help="Topics to look into.")],
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="earliest, latest, max-timestamp, an ISO time, or @milliseconds."),
    ] = None,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show the first and the end offset of partitions, or with --at the offset at a point in time.

    The end offset is that of the next record to come. With --at, offset -1 means no record is that late.

    \b
    Examples:
      millstream offsets orders
      millstream offsets orders:0,1 --at 2026-01-31T12:00:00
      millstream offsets orders --at max-timestamp --json
    """
    with connected(bootstrap_server, timeout) as client:
        wanted = [
            (topic, partition)
            for topic, partitions in parse_partitions(topics).items()
            for partition in (client.partitions(topic) if partitions is None else partitions)
        ]
        if at is None:
            earliest = list_offsets(client, wanted, EARLIEST)
            latest = list_offsets(client, wanted, LATEST)
            rows = [
                {
                    "topic": topic,
                    "partition": partition,
                    "earliest": earliest[topic, partition].offset,
                    "latest": latest[topic, partition].offset,
                }
                for topic, partition in wanted
            ]
            columns = {"topic": "TOPIC", "partition": "PARTITION", "earliest": "EARLIEST", "latest": "END"}
        else:
            timestamp = _NAMED_TIMES[at] if at in _NAMED_TIMES else parse_time_ms(at)
            found = list_offsets(client, wanted, timestamp)
            rows = [
                {
                    "topic": topic,
                    "partition": partition,
                    "offset": found[topic, partition].offset,
                    "timestamp": found[topic, partition].timestamp,
                }
                for topic, partition in wanted
            ]
            columns = {"topic": "TOPIC", "partition": "PARTITION", "offset": "OFFSET", "timestamp": "TIMESTAMP"}
    show_rows(rows, columns=columns, as_json=as_json)

"""Options that commands share, and what their texts mean."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from broker.cli.client import Bootstrap, Client, parse_addresses
from broker.cli.connection import ClientError

BootstrapServer = Annotated[
    str,
    typer.Option(
        "--bootstrap-server",
        "-b",
        envvar=["MILLSTREAM_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS"],
        metavar="HOST:PORT,...",
        help="Brokers to begin with; any one of the cluster will do.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="How long to wait for the cluster.")
]

DEFAULT_BOOTSTRAP = "127.0.0.1:9092"
DEFAULT_TIMEOUT_S = 15.0


@contextmanager
def connected(bootstrap_server: str, timeout_s: float) -> Iterator[Client]:
    """A client for the time of a command."""
    client = Client(Bootstrap(parse_addresses(bootstrap_server), timeout_s))
    try:
        yield client
    finally:
        client.close()


def parse_settings(items: Sequence[str], *, option: str) -> dict[str, str]:
    """`key=value` arguments as a mapping."""
    result: dict[str, str] = {}
    for item in items:
        key, separator, value = item.partition("=")
        if not separator or not key:
            raise typer.BadParameter(f"{item} must be key=value", param_hint=option)
        result[key] = value
    return result


def parse_partitions(items: Sequence[str]) -> dict[str, list[int] | None]:
    """`topic` or `topic:0,1` arguments: partitions by topic, None for all of them."""
    result: dict[str, list[int] | None] = {}
    for item in items:
        topic, separator, numbers = item.partition(":")
        if not separator:
            result[topic] = None
            continue
        if not all(number.isdigit() for number in numbers.split(",")):
            raise typer.BadParameter(f"{item} must be TOPIC or TOPIC:0,1,2")
        result[topic] = [int(number) for number in numbers.split(",")]
    return result


def parse_time_ms(text: str) -> int:
    """Milliseconds since the epoch, from `@1700000000000` or a time in ISO 8601, which is UTC without a zone."""
    if text.startswith("@") and text[1:].isdigit():
        return int(text[1:])
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ClientError(
            f"{text} is no time: write 2026-01-31T12:00:00, with a zone as in +01:00 if it is not UTC, "
            "or @ and milliseconds since 1970"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return round(moment.timestamp() * 1000)

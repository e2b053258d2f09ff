"""`millstream produce`: lines become records."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from broker.cli.connection import ClientError
from broker.cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT_S,
    BootstrapServer,
    Json,
    Timeout,
    connected,
    parse_settings,
)
from broker.cli.output import say, show_json
from broker.cli.producer import Producer
from broker.cli.progress import progress
from protocol.records import Compression

CHUNK_BYTES = 256 * 1024


class Acks(StrEnum):
    NONE = "0"
    LEADER = "1"
    ALL = "all"


class Codec(StrEnum):
    NONE = "none"
    GZIP = "gzip"
    SNAPPY = "snappy"
    LZ4 = "lz4"
    ZSTD = "zstd"


def produce(
    topic: Annotated[str, typer.Argument(help="Where the records go; created if the broker allows that.")],
    file: Annotated[str | None, typer.Option("--file", "-f", help="Read this file instead of stdin.")] = None,
    key_separator: Annotated[
        str | None, typer.Option("--key-separator", "-K", help="What is before it in a line is the record's key.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="NAME=VALUE", help="A header for every record.")
    ] = None,
    partition: Annotated[int | None, typer.Option("--partition", "-p", min=0, help="All into this one.")] = None,
    acks: Annotated[Acks, typer.Option("--acks", help="Who must have a record: nobody, the leader, all in sync.")] = (
        Acks.ALL
    ),
    compression: Annotated[Codec, typer.Option("--compression", "-z", help="How batches are compressed.")] = Codec.NONE,
    tombstones: Annotated[
        bool, typer.Option("--tombstones", help="An empty value is null: it deletes its key in a compacted topic.")
    ] = False,
    bootstrap_server: BootstrapServer = DEFAULT_BOOTSTRAP,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Write a record for each line of stdin or of a file.

    Keys find their partition as they do with Java's clients. Records are sent as lines arrive.

    \b
    Examples:
      echo hello | millstream produce greetings
      millstream produce users --key-separator : --file users.txt --compression zstd
      millstream produce orders -H source=import --acks 1 --json < orders.ndjson

    Words of kafka-console-producer are understood: --topic, --property parse.key=true, --property key.separator=:
    """
    headers = [(name, value.encode()) for name, value in parse_settings(header or [], option="--header").items()]
    separator = None if key_separator is None else key_separator.encode()
    began = time.monotonic()
    with connected(bootstrap_server, timeout) as client:
        producer = Producer(
            client,
            topic,
            acks=-1 if acks is Acks.ALL else int(acks.value),
            compression=Compression[compression.name],
            partition=partition,
            timeout_s=timeout,
        )
        with progress("Producing", total=os.path.getsize(file) if file and os.path.exists(file) else None) as advance:
            for lines, size in read_lines(file):
                for line in lines:
                    key, value = _split(line, separator)
                    producer.add(key, None if tombstones and not value else value, headers)
                producer.flush()
                advance(size)
    seconds = time.monotonic() - began
    if as_json:
        show_json({"topic": topic, "records": producer.record_count, "bytes": producer.value_bytes, "seconds": seconds})
    else:
        count = producer.record_count
        say(f"{count} {'record' if count == 1 else 'records'} to {topic}.")


def read_lines(file: str | None) -> Iterator[tuple[list[bytes], int]]:
    """Whole lines as they become available, and how many bytes they took; the last may lack its end."""
    try:
        descriptor = sys.stdin.fileno() if file is None else os.open(file, os.O_RDONLY)
    except OSError as error:
        raise ClientError(f"{file} cannot be read: {error.strerror}") from None
    try:
        rest = b""
        while data := os.read(descriptor, CHUNK_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            if lines:
                yield [line.removesuffix(b"\r") for line in lines], len(data)
        if rest:
            yield [rest], 0
    finally:
        if file is not None:
            os.close(descriptor)


def _split(line: bytes, separator: bytes | None) -> tuple[bytes | None, bytes]:
    if separator is None:
        return None, line
    key, found, value = line.partition(separator)
    if not found:
        raise ClientError(f"the line {line.decode(errors='replace')!r} has no {separator.decode()!r} after a key")
    return key, value

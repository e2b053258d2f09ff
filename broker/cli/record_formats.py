"""A record as a line: its value, its key and value, everything for people, or JSON."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from protocol.records import Record

Formatter = Callable[[str, int, Record], bytes]


class Format(StrEnum):
    VALUE = "value"
    KEY_VALUE = "key-value"
    FULL = "full"
    JSON = "json"


def formatter(kind: Format, separator: str) -> Formatter:
    """A function from (topic, partition, record) to the line, without its end. `separator` is for key-value."""
    between = separator.encode()
    match kind:
        case Format.VALUE:
            return lambda topic, partition, record: record.value or b""
        case Format.KEY_VALUE:
            return lambda topic, partition, record: (record.key or b"") + between + (record.value or b"")
        case Format.FULL:
            return _full
        case Format.JSON:
            return _json


def _full(topic: str, partition: int, record: Record) -> bytes:
    parts = [f"{topic}-{partition} @{record.offset}", _time(record.timestamp)]
    if record.key is not None:
        parts.append(f"key={_text(record.key)}")
    parts += [f"{name}:{'-' if value is None else _text(value)}" for name, value in record.headers]
    parts.append("null" if record.value is None else _text(record.value))
    return "  ".join(parts).encode("utf-8", "surrogateescape")


def record_object(record: Record) -> dict[str, Any]:
    """A record for JSON; bytes that are not UTF-8 come in base64, under `…_base64`."""
    fields: dict[str, Any] = {"offset": record.offset, "timestamp": record.timestamp}
    _put(fields, "key", record.key)
    _put(fields, "value", record.value)
    fields["headers"] = [_header(name, value) for name, value in record.headers]
    return fields


def _json(topic: str, partition: int, record: Record) -> bytes:
    fields = {"topic": topic, "partition": partition, **record_object(record)}
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _header(name: str, value: bytes | None) -> dict[str, Any]:
    header: dict[str, Any] = {"key": name}
    _put(header, "value", value)
    return header


def _put(fields: dict[str, Any], name: str, data: bytes | None) -> None:
    if data is None:
        fields[name] = None
        return
    try:
        fields[name] = data.decode()
    except UnicodeDecodeError:
        fields[f"{name}_base64"] = base64.b64encode(data).decode()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"


def _time(timestamp_ms: int) -> str:
    if timestamp_ms < 0:
        return "no time"
    moment = datetime.datetime.fromtimestamp(timestamp_ms / 1000, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

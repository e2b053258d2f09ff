"""kio's codec: a frozen dataclass for each message and version, generated from Kafka's schemas."""

from __future__ import annotations

import dataclasses
import datetime
import io
import uuid
from typing import Any

from kio.index import KioIndexError, load_entity_schema, load_request_schema, load_response_schema
from kio.serial import entity_reader, entity_writer
from kio.static.constants import EntityType

from protocol.fields import ArrayOf, StructOf, Wire
from protocol.schema import Message, Request, Struct

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def entity(cls: type[Message], version: int) -> Any:
    """Its class for a message; None where it has none."""
    key = cls.__schema__.api
    try:
        if key is not None:
            return load_request_schema(key, version) if issubclass(cls, Request) else load_response_schema(key, version)
        return load_entity_schema(_snake_case(cls.__name__), version, EntityType.data)
    except KioIndexError:
        return None


def read(theirs: Any, data: bytes) -> tuple[Any, int]:
    """The object, and how many bytes it took."""
    message, size = entity_reader(theirs)(data, 0)
    return message, size


def write(message: Any) -> bytes:
    out = io.BytesIO()
    entity_writer(type(message))(out, message)
    return out.getvalue()


def difference(ours: Struct, theirs: Any, version: int) -> str | None:
    """Where the two differ, as a path with both values; None if they are the same.

    kio names some fields anew (`timeout_ms` is `timeout`, a timedelta): fields are paired by their order."""
    mine = [field for field in ours.__schema__.fields if field.in_version(version)]
    for field, their_field in zip(mine, dataclasses.fields(theirs), strict=True):
        found = _value_difference(field.wire, getattr(ours, field.name), getattr(theirs, their_field.name), version)
        if found is not None:
            return f"{field.name}{found}"
    return None


def _value_difference(wire: Wire, value: Any, other: Any, version: int) -> str | None:
    other = _plain(other)
    if other is None and value in (bytes(16), -1):  # no id, no time
        return None
    if value is None or other is None:
        return None if value is other else f": {value!r}, {other!r}"
    if isinstance(wire, ArrayOf):
        if len(value) != len(other):
            return f": {len(value)} items, {len(other)} items"
        found = (_value_difference(wire.item, *pair, version) for pair in zip(value, other, strict=True))
        return next((f"[{index}].{text}" for index, text in enumerate(found) if text is not None), None)
    if isinstance(wire, StructOf):
        return difference(value, other, version)
    return None if value == other else f": {value!r}, {other!r}"


def _plain(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, datetime.datetime):
        value -= EPOCH
    if isinstance(value, datetime.timedelta):
        return value // datetime.timedelta(milliseconds=1)
    return value


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")

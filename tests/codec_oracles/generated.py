"""Messages full of seeded random values, for every class and version of the protocol."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, TypeVar

from protocol.fields import ArrayOf, Field, StructOf, Wire
from protocol.messages import (
    REQUESTS,
    RESPONSES,
    consumer_protocol,
    control_records,
    group_records,
    principal,
    transaction_records,
)
from protocol.schema import Blob, Fixed, Message, Schema, Struct, Text

M = TypeVar("M", bound=Message)
LETTERS = "abcXYZ019._-äß漢\U0001f40d"
INTEGER_BITS = {"b": 8, "h": 16, "i": 32, "q": 64}


def internal_messages() -> list[type[Message]]:
    """The classes that are no request or response."""
    return [
        declared
        for module in (consumer_protocol, group_records, transaction_records, control_records, principal)
        for declared in vars(module).values()
        if isinstance(declared, type) and issubclass(declared, Message) and declared is not Message
    ]


def all_messages() -> list[type[Message]]:
    return [*REQUESTS.values(), *RESPONSES.values(), *internal_messages()]


def versions_of(cls: type[Message]) -> range:
    """Its versions, the unstable one too if it has one."""
    first, last = cls.__schema__.versions
    return range(first, (cls.__schema__.latest_unstable or last) + 1)


class Generator:
    """`tame` values have a meaning (known error codes, times of this era), for codecs that insist on one."""

    def __init__(self, seed: object, *, tame: bool = False) -> None:
        self.random = random.Random(repr(seed))
        self.tame = tame

    def message(self, cls: type[M], version: int) -> M:
        message = self._struct(cls.__schema__, version)
        assert isinstance(message, cls)
        return message

    def _struct(self, schema: Schema, version: int) -> Struct:
        struct = schema.cls()
        for field in schema.fields:
            if not field.in_version(version) or (field.tag is not None and self.random.random() < 0.5):
                continue
            if field.nullable_in(version) and self.random.random() < 0.2:
                setattr(struct, field.name, None)
            else:
                setattr(struct, field.name, self._value(field.name, field.wire, version))
        return struct

    def _value(self, name: str, wire: Wire, version: int) -> Any:
        if isinstance(wire, Fixed):
            return self._fixed(name, wire.format)
        if isinstance(wire, Text):
            return self._text()
        if isinstance(wire, Blob):
            return self.random.randbytes(self._length(300))
        if isinstance(wire, ArrayOf):
            return [self._value(name, wire.item, version) for _ in range(self._length(3))]
        return self._struct(wire.schema, version)

    def _fixed(self, name: str, code: str) -> int | float | bool | bytes:
        if code == "?":
            return self.random.random() < 0.5
        if code == "d":
            return self.random.randrange(-1000, 1000) / 8
        if code == "16s":
            return self.random.randbytes(16)
        if code in "HI":
            return self.random.getrandbits(16 if code == "H" else 32)
        if self.tame and name.endswith("error_code"):
            return self.random.randrange(-1, 120)
        if self.tame and ("time" in name or name.endswith("_ms")):
            return self.random.randrange(1 << (30 if code == "i" else 41))
        bits = self.random.choice([1, 4, 7, INTEGER_BITS[code] - 1])
        return self.random.randrange(-(1 << bits), 1 << bits)

    def _text(self) -> str:
        return "".join(self.random.choices(LETTERS, k=self._length(40)))

    def _length(self, usual: int) -> int:
        """Mostly small; now and then one whose compact length takes two bytes."""
        return self.random.randrange(126, 131) if self.random.random() < 0.01 else self.random.randrange(usual + 1)


def fields_sent(struct: Struct, version: int) -> Iterator[tuple[Field, Any]]:
    """The fields of this version with their values, without tagged ones at their defaults."""
    for field in struct.__schema__.fields:
        value = getattr(struct, field.name)
        if field.in_version(version) and (field.tag is None or value != default_of(field)):
            yield field, value


def default_of(field: Field) -> Any:
    if isinstance(field.wire, ArrayOf) and field.default is not None:
        return []
    if isinstance(field.wire, StructOf) and field.default is not None:
        return field.wire.schema.cls()
    return field.default

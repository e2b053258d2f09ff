"""Compile one encoder per (message, version): straight-line code that appends to a bytearray.

Fields that the version does not have are not sent. What a message of ours holds wrongly (a null where none
may be, a number out of range) is a mistake of the caller: it raises TypeError, AttributeError or struct.error.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar, cast

from protocol import primitives
from protocol.fields import ArrayOf, Field, StructOf, Wire
from protocol.schema import UNSET, Blob, Fixed, Message, Schema, Text
from protocol.source import FunctionSource

M = TypeVar("M", bound=Message)
Encoder = Callable[[M, bytearray], None]

_ENCODERS: dict[tuple[type, int], object] = {}


def encoder(cls: type[M], version: int) -> Encoder[M]:
    """The compiled encoder: appends the message to the given `bytearray`."""
    compiled = _ENCODERS.get((cls, version))
    if compiled is None:
        compiled = _ENCODERS[cls, version] = _compile_encoder(cls, version)
    return cast(Encoder[M], compiled)


def encode(message: Message, version: int) -> bytes:
    out = bytearray()
    encoder(type(message), version)(message, out)
    return bytes(out)


def _check_uuid(value: bytes) -> None:
    # struct would silently cut or pad it, and a cut topic id is another topic's.
    assert len(value) == 16, f"a UUID has 16 bytes: {value!r}"


def _pack_uuids(values: list[bytes]) -> bytes:
    for value in values:
        _check_uuid(value)
    return b"".join(values)


_NAMESPACE = {
    "pack_array": struct.pack,
    "put_uvarint": primitives.put_uvarint,
    "put_tagged_fields": primitives.put_tagged_fields,
    "check_uuid": _check_uuid,
    "pack_uuids": _pack_uuids,
}


def _compile_encoder(cls: type[Message], version: int) -> object:
    schema = cls.__schema__
    schema.require_version(version)
    src = FunctionSource(_NAMESPACE)
    with src.block("def encode(message, out):"):
        writer = _EncoderWriter(src, version, version >= schema.flexible_since)
        src.line("pass")  # a message without fields in a version without tags is no bytes at all
        writer.struct(schema, "message")
    return src.compile("encode", f"<encoder of {cls.__name__} v{version}>")


class _EncoderWriter:
    def __init__(self, src: FunctionSource, version: int, flexible: bool) -> None:
        self.src = src
        self.version = version
        self.flexible = flexible
        self._out = "out"
        self._run: list[tuple[str, str]] = []  # (struct code, expression) not yet written

    def struct(self, schema: Schema, owner: str) -> None:
        tagged = []
        for field in schema.fields:
            if not field.in_version(self.version):
                continue
            if field.tag is None:
                self._value(field.wire, field.nullable_in(self.version), f"{owner}.{field.name}")
            else:
                tagged.append(field)
        if not self.flexible:
            self._flush()
        elif tagged:
            self._flush()
            self._tagged_fields(tagged, owner)
        else:
            self._run.append(("x", ""))  # a zero byte: no tagged fields
            self._flush()
            with self.src.block(f"if {owner}.unknown_tagged_fields is not None:"):
                self.src.line(f"del {self._out}[-1:]")
                self.src.line(f"put_tagged_fields({self._out}, (), {owner}.unknown_tagged_fields)")

    def _flush(self) -> None:
        """Write the fixed-size values that have gathered with one `pack`."""
        run = self._run
        if not run:
            return
        codes = "".join(code for code, _ in run)
        if codes == "x":
            self.src.line(f"{self._out}.append(0)")
        else:
            pack = self.src.bind("pack", _pack(">" + codes))
            values = ", ".join(value for code, value in run if code != "x")
            self.src.line(f"{self._out} += {pack}({values})")
        run.clear()

    def _length(self, length: str, code: str) -> None:
        """Write a length (or count) after the values that wait; `code` is its form in old versions."""
        if not self.flexible:
            self._run.append((code, length))
            self._flush()
            return
        self._flush()
        with self.src.block(f"if {length} < 127:"):
            self.src.line(f"{self._out}.append({length} + 1)")
        with self.src.block("else:"):
            self.src.line(f"put_uvarint({self._out}, {length} + 1)")

    def _null(self, code: str) -> None:
        if self.flexible:
            self.src.line(f"{self._out}.append(0)")
        else:
            self.src.line(f"{self._out} += {struct.pack('>' + code, -1)!r}")

    def _value(self, wire: Wire, nullable: bool, value: str) -> None:
        src = self.src
        if isinstance(wire, Fixed):
            if wire.format == "16s":
                src.line(f"check_uuid({value})")
            self._run.append((wire.format, value))
            return
        if isinstance(wire, StructOf) and not nullable:
            self._present(wire, value)
            return
        if not isinstance(wire, Text) or nullable:
            name = src.name("value")
            src.line(f"{name} = {value}")
            value = name
        if not nullable:
            self._present(wire, value)
            return
        self._flush()
        with src.block(f"if {value} is None:"):
            if isinstance(wire, StructOf):
                src.line(f"{self._out}.append(255)")  # int8 -1
            else:
                self._null("h" if isinstance(wire, Text) else "i")
        with src.block("else:"):
            if isinstance(wire, StructOf):
                self._run.append(("b", "1"))
            self._present(wire, value)
            self._flush()

    def _present(self, wire: Wire, value: str) -> None:
        """Write a value that is not null."""
        src = self.src
        if isinstance(wire, Text):
            encoded, length = src.name("encoded"), src.name("length")
            src.line(f"{encoded} = {value}.encode(); {length} = len({encoded})")
            self._length(length, "h")
            src.line(f"{self._out} += {encoded}")
        elif isinstance(wire, Blob):
            length = src.name("length")
            src.line(f"{length} = len({value})")
            self._length(length, "i")
            src.line(f"{self._out} += {value}")
        elif isinstance(wire, ArrayOf):
            self._items(wire.item, value)
        elif isinstance(wire, StructOf):
            self.struct(wire.schema, value)
        else:
            self._run.append((wire.format, value))

    def _items(self, item: Wire, values: str) -> None:
        src, count = self.src, self.src.name("count")
        src.line(f"{count} = len({values})")
        self._length(count, "i")
        if isinstance(item, Fixed) and item.format == "16s":
            src.line(f"{self._out} += pack_uuids({values})")
        elif isinstance(item, Fixed):
            src.line(f"{self._out} += pack_array(f'>{{{count}}}{item.format}', *{values})")
        else:
            element = src.name("element")
            with src.block(f"for {element} in {values}:"):
                self._present(item, element)
                self._flush()

    def _tagged_fields(self, known: list[Field], owner: str) -> None:
        """Gather the tagged fields that differ from their defaults; nearly always there are none."""
        src, gathered, outer = self.src, self.src.name("tagged"), self._out
        src.line(f"{gathered} = ()")
        for field in known:
            value = src.name("value")
            src.line(f"{value} = {owner}.{field.name}")
            with src.block(f"if {self._differs(field, value)}:"):
                self._out = src.name("part")
                src.line(f"{self._out} = bytearray()")
                self._value(field.wire, field.nullable_in(self.version), value)
                self._flush()
                src.line(f"{gathered} += (({field.tag}, {self._out}),)")
                self._out = outer
        with src.block(f"if {gathered} or {owner}.unknown_tagged_fields is not None:"):
            src.line(f"put_tagged_fields({outer}, {gathered}, {owner}.unknown_tagged_fields)")
        with src.block("else:"):
            src.line(f"{outer}.append(0)")

    def _differs(self, field: Field, value: str) -> str:
        """The condition under which a tagged field is sent."""
        if field.default is None:
            return f"{value} is not None"
        if field.default is UNSET:  # an empty list
            return f"{value} is None or {value}" if field.nullable_in(self.version) else f"{value}"
        default = field.default_source(self.src)
        if isinstance(field.wire, StructOf):
            return f"{value} is not {default} and {value} != {default}"
        return f"{value} != {default}"


_PACKS: dict[str, Callable[..., bytes]] = {}


def _pack(format: str) -> Callable[..., bytes]:
    return _PACKS.setdefault(format, struct.Struct(format).pack)

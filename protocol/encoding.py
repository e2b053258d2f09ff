"""Compile one encoder per (message, version): straight-line code that appends to a bytearray.

Fields that the version does not have are not sent. What a message of ours holds wrongly (a null where none
may be, a number out of range) is a mistake of the caller: it raises TypeError, AttributeError or struct.error.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from protocol import primitives
from protocol.fields import Field, StructOf, Wire
from protocol.schema import UNSET, Blob, Fixed, Message, Schema, Text
from protocol.source import FunctionSource

M = TypeVar("M", bound=Message)
Contra = TypeVar("Contra", contravariant=True)
# Records that are left out of the bytes, and the position at which they belong.
Detached = tuple[int, bytes | memoryview]
# Shorter records are copied: a buffer more costs the system call as much.
DETACHED_BYTES_MIN = 16 * 1024


class Encoder(Protocol[Contra]):
    def __call__(self, message: Contra, out: bytearray, detached: list[Detached] | None = None, /) -> None:
        """Append `message` to `out`. With `detached`, long records are listed there and only their length is written:
        who sends them sends them from where they are."""


_ENCODERS: dict[tuple[type, int], object] = {}


def encoder(cls: type[M], version: int) -> Encoder[M]:
    """The compiled encoder: appends the message to the given `bytearray`."""
    compiled = _ENCODERS.get((cls, version))
    if compiled is None:
        compiled = _ENCODERS[cls, version] = _compile_encoder(cls, version)
    return cast("Encoder[M]", compiled)


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
    "DETACHED_BYTES_MIN": DETACHED_BYTES_MIN,
    "pack_array": struct.pack,
    "uvarint": primitives.uvarint,
    "put_tagged_fields": primitives.put_tagged_fields,
    "check_uuid": _check_uuid,
    "pack_uuids": _pack_uuids,
}


def _compile_encoder(cls: type[Message], version: int) -> object:
    schema = cls.__schema__
    schema.require_version(version)
    src = FunctionSource(_NAMESPACE)
    with src.block("def encode(message, out, detached=None):"):
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
        codes = "".join(code for code, _ in self._run)
        if codes == "x":
            self.src.line(f"{self._out}.append(0)")
        elif codes:
            self.src.line(f"{self._out} += {self._packed()}")
        self._run.clear()

    def _packed(self, *more: tuple[str, str]) -> str:
        """The call that packs what has gathered, and `more` after it."""
        run = [*self._run, *more]
        pack = self.src.bind("pack", _pack(">" + "".join(code for code, _ in run)))
        return f"{pack}({', '.join(value for code, value in run if code != 'x')})"

    def _length(self, length: str, code: str) -> None:
        """Write a length as it goes on the wire, packed together with the values that wait; `code` is its
        form in old versions. In new ones it is a varint of nearly always one byte."""
        if not self.flexible:
            self._run.append((code, length))
            self._flush()
        elif self._run:
            one_byte = f"{self._packed(('B', length))} if {length} < 128"
            more = f"{self._packed()} + uvarint({length})"
            if code == "i":  # bytes and arrays: records nearly always have a length of two or three bytes
                both = self._packed(("B", f"{length} & 127 | 128"), ("B", f"{length} >> 7"))
                more = f"{both} if {length} < 16384 else {more}"
            self.src.line(f"{self._out} += {one_byte} else {more}")
            self._run.clear()
        else:
            with self.src.block(f"if {length} < 128:"):
                self.src.line(f"{self._out}.append({length})")
            with self.src.block("else:"):
                self.src.line(f"{self._out} += uvarint({length})")

    def _value(self, wire: Wire, nullable: bool, value: str) -> None:
        src = self.src
        if isinstance(wire, Fixed):
            if wire.format == "16s":
                src.line(f"check_uuid({value})")
            self._run.append((wire.format, value))
        elif isinstance(wire, StructOf):
            self._struct_value(wire, nullable, value)
        elif isinstance(wire, Text):
            self._text(nullable, value)
        else:
            local, length = src.name("value"), src.name("length")
            src.line(f"{local} = {value}")
            measured = self._measure(f"len({local})")
            src.line(
                f"{length} = {self._null_length} if {local} is None else {measured}"
                if nullable
                else f"{length} = {measured}"
            )
            if isinstance(wire, Blob):
                self._length(length, "i")
                if wire.view and self._out == "out":
                    with src.block(f"if detached is not None and {local} and len({local}) >= DETACHED_BYTES_MIN:"):
                        src.line(f"detached.append((len(out), {local}))")
                    src.line(f"elif {local}: out += {local}")
                else:
                    src.line(f"if {local}: {self._out} += {local}")
            else:
                self._items(wire.item, local, length)

    @property
    def _null_length(self) -> str:
        return "0" if self.flexible else "-1"

    def _measure(self, length: str) -> str:
        """A length as it goes on the wire."""
        return f"{length} + 1" if self.flexible else length

    def _struct_value(self, wire: StructOf, nullable: bool, value: str) -> None:
        if not nullable:
            self.struct(wire.schema, value)
            return
        src, local = self.src, self.src.name("value")
        src.line(f"{local} = {value}")
        self._flush()
        with src.block(f"if {local} is None:"):
            src.line(f"{self._out}.append(255)")  # int8 -1
        with src.block("else:"):
            self._run.append(("b", "1"))
            self.struct(wire.schema, local)
            self._flush()

    def _text(self, nullable: bool, value: str) -> None:
        src, encoded, length = self.src, self.src.name("encoded"), self.src.name("length")
        if nullable:
            local = src.name("value")
            src.line(f"{local} = {value}")
            with src.block(f"if {local} is None:"):
                src.line(f"{encoded} = b''; {length} = {self._null_length}")
            with src.block("else:"):
                src.line(f"{encoded} = {local}.encode(); {length} = {self._measure(f'len({encoded})')}")
        else:
            src.line(f"{encoded} = {value}.encode(); {length} = {self._measure(f'len({encoded})')}")
        self._length(length, "h")
        src.line(f"{self._out} += {encoded}")

    def _items(self, item: Wire, values: str, length: str) -> None:
        """An array, `length` of which goes on the wire; `values` may be None if that says so."""
        src = self.src
        self._length(length, "i")
        with src.block(f"if {values}:"):
            if isinstance(item, Fixed) and item.format == "16s":
                src.line(f"{self._out} += pack_uuids({values})")
            elif isinstance(item, Fixed):
                packs, count = src.bind("packs", _array_packs(item.format)), self.src.name("count")
                src.line(f"{count} = len({values})")
                few, many = f"{packs}[{count}](*{values})", f"pack_array(f'>{{{count}}}{item.format}', *{values})"
                src.line(f"{self._out} += {few} if {count} < {FEW} else {many}")
            else:
                element = src.name("element")
                with src.block(f"for {element} in {values}:"):
                    self._value(item, False, element)
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


FEW = 16
"""Arrays of fewer items have a struct of their own; `struct.pack` would look it up by its format each time."""
_PACKS: dict[str, Callable[..., bytes]] = {}
_ARRAY_PACKS: dict[str, list[Callable[..., bytes]]] = {}


def _array_packs(code: str) -> list[Callable[..., bytes]]:
    if code not in _ARRAY_PACKS:
        _ARRAY_PACKS[code] = [struct.Struct(f">{count}{code}").pack for count in range(FEW)]
    return _ARRAY_PACKS[code]


def _pack(format: str) -> Callable[..., bytes]:
    return _PACKS.setdefault(format, struct.Struct(format).pack)

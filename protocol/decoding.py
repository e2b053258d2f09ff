"""Compile one decoder per (message, version): straight-line code over a memoryview.

Adjacent fixed-size fields, together with the length that follows them, share one `unpack_from`. A slice that
runs over the end of the buffer silently shortens, so the position is compared with the end once, when all is
read; only what could allocate or loop (array counts) is checked where it is read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeVar, cast

from protocol import primitives
from protocol.errors import ProtocolError
from protocol.fields import ArrayOf, Field, StructOf, Wire
from protocol.schema import Blob, Fixed, Message, Schema, Text
from protocol.source import FunctionSource

M = TypeVar("M", bound=Message)
Decoder = Callable[[memoryview, int], tuple[M, int]]

_MALFORMED = (IndexError, struct.error, UnicodeDecodeError)
_NAMESPACE = {
    "new": object.__new__,
    "MALFORMED": _MALFORMED,
    "ProtocolError": ProtocolError,
    "unpack_array": struct.unpack_from,
    "uvarint": primitives.read_uvarint,
    "unknown_tags": primitives.read_unknown_tagged_fields,
    "tagged_value": primitives.read_tagged_value,
    "refuse_length": primitives.refuse_length,
    "refuse_count": primitives.refuse_count,
    "refuse_presence": primitives.refuse_presence,
    "refuse_tagged_size": primitives.refuse_tagged_size,
    "long_string": primitives.read_long_string,
    "long_nullable_string": primitives.read_long_nullable_string,
    "long_bytes": primitives.read_long_bytes,
    "long_nullable_bytes": primitives.read_long_nullable_bytes,
    "long_view": primitives.read_long_view,
    "long_nullable_view": primitives.read_long_nullable_view,
}
# Not functools.cache: it erases the message type from the signature.
_DECODERS: dict[tuple[type, int], object] = {}


def decoder(cls: type[M], version: int) -> Decoder[M]:
    """The compiled decoder: `(buffer, position) -> (message, next position)`; raises ProtocolError."""
    compiled = _DECODERS.get((cls, version))
    if compiled is None:
        compiled = _DECODERS[cls, version] = _compile_decoder(cls, version)
    return cast("Decoder[M]", compiled)


def decode(cls: type[M], version: int, data: bytes | bytearray | memoryview) -> M:
    """The message that `data` is; raises ProtocolError, also where bytes are left over."""
    message, pos = decoder(cls, version)(memoryview(data), 0)
    if pos != len(data):
        raise ProtocolError(f"{len(data) - pos} bytes after the end of {cls.__name__} v{version}")
    return message


def _compile_decoder(cls: type[Message], version: int) -> object:
    schema = cls.__schema__
    schema.require_version(version)
    src = FunctionSource(_NAMESPACE)
    with src.block("def decode(buf, pos):"):
        with src.block("try:"):
            src.line("end = len(buf)")
            message = _DecoderWriter(src, version, version >= schema.flexible_since).struct(schema)
            with src.block("if pos <= end:"):
                src.line(f"return {message}, pos")
        with src.block("except MALFORMED as wrong:"):
            src.line(f"raise ProtocolError(f'malformed {cls.__name__} v{version}: {{wrong}}') from wrong")
        src.line(f"raise ProtocolError('{cls.__name__} v{version} is cut short')")
    return src.compile("decode", f"<decoder of {cls.__name__} v{version}>")


class _DecoderWriter:
    def __init__(self, src: FunctionSource, version: int, flexible: bool) -> None:
        self.src = src
        self.version = version
        self.flexible = flexible
        self._run: list[tuple[str, str]] = []  # (struct code, target) not yet read

    def struct(self, schema: Schema) -> str:
        """Read one struct into a new object, slot by slot, skipping __init__; return its name."""
        src = self.src
        obj = src.name(schema.cls.__name__.lower())
        src.line(f"{obj} = new({src.bind(schema.cls.__name__, schema.cls)})")
        src.line(f"{obj}.unknown_tagged_fields = None")
        tagged = []
        for field in schema.fields:
            target = f"{obj}.{field.name}"
            if not field.in_version(self.version):
                src.line(f"{target} = {field.default_source(src)}")
            elif field.tag is None:
                self._value(field.wire, field.nullable_in(self.version), target)
            else:
                assert self.flexible, f"{schema.cls.__name__}.{field.name} is tagged in a version without tags"
                src.line(f"{target} = {field.default_source(src)}")
                tagged.append(field)
        if self.flexible:
            self._tagged_fields(obj, tagged)
        else:
            self._flush()
        return obj

    def _flush(self) -> None:
        """Read the fixed-size values that have gathered with one `unpack_from`."""
        run = self._run
        if not run:
            return
        targets = ", ".join(target for _, target in run)
        if len(run) == 1 and run[0][0] == "B":
            self.src.line(f"{targets} = buf[pos]; pos += 1")
        else:
            packed = _struct(">" + "".join(code for code, _ in run))
            self.src.line(f"{targets}, = {self.src.bind('unpack', packed.unpack_from)}(buf, pos)")
            self.src.line(f"pos += {packed.size}")
        run.clear()

    def _read(self, code: str, stem: str) -> str:
        """Read one fixed-size value, together with those before it, into a local name."""
        name = self.src.name(stem)
        self._run.append((code, name))
        self._flush()
        return name

    def _value(self, wire: Wire, nullable: bool, target: str) -> None:
        if isinstance(wire, Fixed):
            self._run.append((wire.format, target))
        elif isinstance(wire, Text):
            self._sized(target, "h", "string", "str(buf[{slice}], 'utf-8')", nullable)
        elif isinstance(wire, Blob):
            kind, expression = ("view", "buf[{slice}]") if wire.view else ("bytes", "bytes(buf[{slice}])")
            self._sized(target, "i", kind, expression, nullable)
        elif isinstance(wire, ArrayOf):
            self._array(wire, nullable, target)
        elif nullable:
            self._nullable_struct(wire, target)
        else:
            self.src.line(f"{target} = {self.struct(wire.schema)}")

    def _sized(self, target: str, code: str, kind: str, expression: str, nullable: bool) -> None:
        """A string or bytes: one slice; long and null ones are read out of line."""
        src = self.src
        if self.flexible:
            length = self._read("B", "length")
            taken = expression.format(slice=f"pos:(pos := pos + {length} - 1)")
            with src.block(f"if 0 < {length} < 128:"):
                src.line(f"{target} = {taken}")
            with src.block("else:"):
                src.line(f"{target}, pos = long_{'nullable_' if nullable else ''}{kind}(buf, pos - 1)")
            return
        length = self._read(code, "length")
        with src.block(f"if {length} >= 0:"):
            src.line(f"{target} = {expression.format(slice=f'pos:(pos := pos + {length})')}")
        self._null(length, nullable, target)

    def _null(self, length: str, nullable: bool, target: str) -> None:
        src = self.src
        if nullable:
            with src.block(f"elif {length} == -1:"):
                src.line(f"{target} = None")
        with src.block("else:"):
            src.line(f"refuse_length({length})")

    def _array(self, wire: ArrayOf, nullable: bool, target: str) -> None:
        """Empty ones are common and quick. An item takes at least `size` bytes: a count that cannot be true
        is refused before anything loops."""
        src, item = self.src, wire.item
        count = self._read("B" if self.flexible else "i", "count")
        size = _size_min(item, self.version, self.flexible)
        with src.block(f"if {count} == {1 if self.flexible else 0}:"):
            src.line(f"{target} = []")
        with src.block(f"elif {count} > 0:"):
            if self.flexible:
                with src.block(f"if {count} > 127:"):
                    src.line(f"{count}, pos = uvarint(buf, pos - 1)")
                src.line(f"{count} -= 1")
            with src.block(f"if not 0 <= {count} * {size} <= end - pos:"):
                src.line(f"refuse_count({count}, end - pos)")
            self._items(item, count, target)
        if nullable:
            with src.block(f"elif {count} == {0 if self.flexible else -1}:"):
                src.line(f"{target} = None")
        with src.block("else:"):
            src.line(f"refuse_length({-1 if self.flexible else count})")

    def _items(self, item: Wire, count: str, target: str) -> None:
        src = self.src
        if isinstance(item, Fixed):
            if item.format == "16s":
                src.line(f"{target} = [bytes(buf[at:at + 16]) for at in range(pos, pos + 16 * {count}, 16)]")
            else:
                unpacks = src.bind("unpacks", _array_unpacks(item.format))
                few = f"[*{unpacks}[{count}](buf, pos)]"
                many = f"[*unpack_array(f'>{{{count}}}{item.format}', buf, pos)]"
                src.line(f"{target} = {few} if {count} < {FEW} else {many}")
            src.line(f"pos += {item.size_bytes} * {count}")
            return
        items = src.name("items")
        src.line(f"{target} = {items} = []")
        with src.block(f"for _ in range({count}):"):
            self._append_item(item, items)

    def _append_item(self, item: Wire, items: str) -> None:
        if isinstance(item, StructOf):
            self.src.line(f"{items}.append({self.struct(item.schema)})")
        else:
            element = self.src.name("element")
            self._value(item, False, element)
            self.src.line(f"{items}.append({element})")

    def _nullable_struct(self, wire: StructOf, target: str) -> None:
        src = self.src
        mark = self._read("b", "mark")
        with src.block(f"if {mark} == 1:"):
            src.line(f"{target} = {self.struct(wire.schema)}")
        with src.block(f"elif {mark} == -1:"):
            src.line(f"{target} = None")
        with src.block("else:"):
            src.line(f"refuse_presence({mark})")

    def _tagged_fields(self, obj: str, known: list[Field]) -> None:
        src = self.src
        count = self._read("B", "tags")
        with src.block(f"if {count}:"):
            with src.block(f"if {count} > 127:"):
                src.line(f"{count}, pos = uvarint(buf, pos - 1)")
            if not known:
                src.line(f"{obj}.unknown_tagged_fields, pos = unknown_tags(buf, pos, {count})")
                return
            tag, unknown = src.name("tag"), src.name("unknown")
            src.line(f"{unknown} = []")
            with src.block(f"for _ in range({count}):"):
                src.line(f"{tag}, pos = uvarint(buf, pos)")
                for index, field in enumerate(known):
                    with src.block(f"{'elif' if index else 'if'} {tag} == {field.tag}:"):
                        self._known_tagged_field(obj, field)
                with src.block("else:"):
                    value = src.name("value")
                    src.line(f"{value}, pos = tagged_value(buf, pos)")
                    src.line(f"{unknown}.append(({tag}, {value}))")
            src.line(f"{obj}.unknown_tagged_fields = {unknown} or None")

    def _known_tagged_field(self, obj: str, field: Field) -> None:
        src, stop = self.src, self.src.name("stop")
        src.line(f"{stop}, pos = uvarint(buf, pos); {stop} += pos")
        self._value(field.wire, field.nullable_in(self.version), f"{obj}.{field.name}")
        self._flush()
        with src.block(f"if pos != {stop}:"):
            src.line(f"refuse_tagged_size({field.tag})")


def _size_min(wire: Wire, version: int, flexible: bool) -> int:
    """The fewest bytes that a value of this type can take."""
    if isinstance(wire, Fixed):
        return wire.size_bytes
    if isinstance(wire, Text):
        return 1 if flexible else 2
    if isinstance(wire, Blob | ArrayOf):
        return 1 if flexible else 4
    size = 1 if flexible else 0
    for field in wire.schema.fields:
        if field.tag is None and field.in_version(version):
            optional_struct = isinstance(field.wire, StructOf) and field.nullable_in(version)
            size += 1 if optional_struct else _size_min(field.wire, version, flexible)
    assert size > 0, f"{wire.schema.cls.__name__} takes no bytes in version {version}"
    return size


FEW = 16
"""Arrays of fewer items have a struct of their own; `struct.unpack` would look it up by its format each time."""
_STRUCTS: dict[str, struct.Struct] = {}
_ARRAY_UNPACKS: dict[str, list[Callable[..., tuple[Any, ...]]]] = {}


def _array_unpacks(code: str) -> list[Callable[..., tuple[Any, ...]]]:
    if code not in _ARRAY_UNPACKS:
        _ARRAY_UNPACKS[code] = [struct.Struct(f">{count}{code}").unpack_from for count in range(FEW)]
    return _ARRAY_UNPACKS[code]


def _struct(format: str) -> struct.Struct:
    return _STRUCTS.setdefault(format, struct.Struct(format))

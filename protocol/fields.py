"""Read a message class's annotations into fields, and compile its constructor from them."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from protocol.schema import UNSET, ArrayMark, Blob, Declaration, Fixed, Schema, Struct, Text
from protocol.source import FunctionSource


@dataclass(frozen=True, slots=True)
class StructOf:
    schema: Schema


@dataclass(frozen=True, slots=True)
class ArrayOf:
    item: Wire


Wire = Fixed | Text | Blob | ArrayOf | StructOf


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message, as the compilers see it."""

    name: str
    wire: Wire
    since: int
    until: int
    nullable_since: int
    nullable_until: int
    tag: int | None
    default: Any  # UNSET where it has to be made anew for every message: a list, a struct

    def in_version(self, version: int) -> bool:
        return self.since <= version <= self.until

    def nullable_in(self, version: int) -> bool:
        return self.nullable_since <= version <= self.nullable_until

    def default_source(self, src: FunctionSource) -> str:
        """An expression that gives the default, a fresh one where it is mutable."""
        if self.default is not UNSET:
            if self.default is None or isinstance(self.default, int | float | str | bytes):
                return repr(self.default)
            return src.bind("default", self.default)
        if isinstance(self.wire, ArrayOf):
            return "[]"
        assert isinstance(self.wire, StructOf)
        return f"{src.bind(self.wire.schema.cls.__name__, self.wire.schema.cls)}()"


def read_fields(cls: type[Struct], declarations: dict[str, object]) -> tuple[Field, ...]:
    # Annotations are text (`from __future__ import annotations`), so that a struct may stand below its user.
    namespace = vars(sys.modules[cls.__module__])
    return tuple(
        _read_field(name, eval(cls.__annotations__[name], namespace), declared)
        for name, declared in declarations.items()
    )


def _read_field(name: str, hint: Any, declared: object) -> Field:
    wire, nullable = _read_wire(hint)
    if not isinstance(declared, Declaration):
        declared = Declaration(default=declared)
    return Field(
        name=name,
        wire=wire,
        since=declared.since,
        until=declared.until,
        nullable_since=declared.nullable_since if nullable else 1,
        nullable_until=declared.nullable_until if nullable else 0,
        tag=declared.tag,
        default=_default(wire, declared),
    )


def _read_wire(hint: Any) -> tuple[Wire, bool]:
    """The wire type of an annotation, and whether it may be null."""
    if get_origin(hint) is Annotated:
        python_type, mark = get_args(hint)[:2]
        nullable = get_origin(python_type) in (Union, types.UnionType) and type(None) in get_args(python_type)
        if not isinstance(mark, ArrayMark):
            return mark, nullable
        list_type = get_args(python_type)[0] if nullable else python_type
        return ArrayOf(_read_wire(get_args(list_type)[0])[0]), nullable
    if get_origin(hint) in (Union, types.UnionType):
        return StructOf(get_args(hint)[0].__schema__), True
    return StructOf(hint.__schema__), False


def _default(wire: Wire, declared: Declaration) -> Any:
    if declared.default is not UNSET:
        return declared.default
    if isinstance(wire, Fixed):
        return wire.zero
    if isinstance(wire, Text):
        return ""
    if isinstance(wire, Blob):
        return b""
    if isinstance(wire, StructOf) and declared.tag is not None:
        return wire.schema.shared_default
    return UNSET


def compile_init(cls: type[Struct]) -> Any:
    """The constructor: keywords only, each field with its default."""
    fields = cls.__schema__.fields
    src = FunctionSource({"UNSET": UNSET})
    parameters, assignments = [], []
    for field in fields:
        default = field.default_source(src)
        if field.default is UNSET:
            parameters.append(f"{field.name}=UNSET")
            assignments.append(f"self.{field.name} = {default} if {field.name} is UNSET else {field.name}")
        else:
            parameters.append(f"{field.name}={default}")
            assignments.append(f"self.{field.name} = {field.name}")
    parameters.append("unknown_tagged_fields=None")
    assignments.append("self.unknown_tagged_fields = unknown_tagged_fields")
    with src.block(f"def __init__(self, *, {', '.join(parameters)}):"):
        for assignment in assignments:
            src.line(assignment)
    return src.compile("__init__", f"<constructor of {cls.__module__}.{cls.__qualname__}>")

"""Declare Kafka's messages as plain typed classes: the class is the schema.

Annotations name the wire types; `field` says in which versions a field exists, in which it may be null, and
its tag. `protocol.decoding` and `protocol.encoding` compile one function per (message, version) from that.

    class HeartbeatRequest(Request, api=ApiKey.HEARTBEAT, versions=(0, 4), flexible_since=4):
        group_id: String = ""
        generation_id: Int32 = 0
        member_id: String = ""
        group_instance_id: NullableString = field(since=3, default=None)

Instances are mutable and slotted, their constructors take keywords only, every field has a default. Nothing
is compiled and no annotation is read before a class is first used: 700 classes must import in no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, cast, dataclass_transform

from protocol.errors import ProtocolError
from protocol.primitives import ZERO_UUID

if TYPE_CHECKING:
    from protocol.api_keys import ApiKey, PrivateApiKey
    from protocol.fields import Field

T = TypeVar("T")
NEVER = 1 << 15
"""A version that no message reaches."""


class Fixed:
    """A fixed-size primitive; `format` is its `struct` code (big-endian)."""

    __slots__ = ("format", "size_bytes", "zero")

    def __init__(self, format: str, size_bytes: int, zero: object) -> None:
        self.format = format
        self.size_bytes = size_bytes
        self.zero = zero


class Text:
    """UTF-8 with a length in front."""


class Blob:
    """Bytes with a length in front: copied out as `bytes`, or for records left where they are."""

    __slots__ = ("view",)

    def __init__(self, *, view: bool) -> None:
        self.view = view


class ArrayMark:
    """Marks a list; what its items are stands in the annotation."""


Int8 = Annotated[int, Fixed("b", 1, 0)]
Int16 = Annotated[int, Fixed("h", 2, 0)]
Int32 = Annotated[int, Fixed("i", 4, 0)]
Int64 = Annotated[int, Fixed("q", 8, 0)]
Uint16 = Annotated[int, Fixed("H", 2, 0)]
Uint32 = Annotated[int, Fixed("I", 4, 0)]
Float64 = Annotated[float, Fixed("d", 8, 0.0)]
Boolean = Annotated[bool, Fixed("?", 1, False)]
Uuid = Annotated[bytes, Fixed("16s", 16, ZERO_UUID)]
String = Annotated[str, Text()]
NullableString = Annotated[str | None, Text()]
Bytes = Annotated[bytes, Blob(view=False)]
NullableBytes = Annotated[bytes | None, Blob(view=False)]
Records = Annotated[bytes | memoryview, Blob(view=True)]
NullableRecords = Annotated[bytes | memoryview | None, Blob(view=True)]
Array = Annotated[list[T], ArrayMark()]
NullableArray = Annotated[list[T] | None, ArrayMark()]


class _Unset:
    """Stands for "no default given": the zero of the field's type."""

    def __repr__(self) -> str:
        return "<default>"


UNSET: Any = _Unset()


class Declaration:
    """What `field(...)` says about a field."""

    __slots__ = ("default", "nullable_since", "nullable_until", "since", "tag", "until")

    def __init__(
        self,
        *,
        since: int = 0,
        until: int = NEVER,
        default: object = UNSET,
        nullable_since: int = 0,
        nullable_until: int = NEVER,
        tag: int | None = None,
    ) -> None:
        self.since = since
        self.until = until
        self.default = default
        self.nullable_since = nullable_since
        self.nullable_until = nullable_until
        self.tag = tag


def field(
    *,
    since: int = 0,
    until: int = NEVER,
    default: object = UNSET,
    nullable_since: int = 0,
    nullable_until: int = NEVER,
    tag: int | None = None,
) -> Any:
    """A field of versions `since` to `until` (inclusive); elsewhere it has its default and is not sent.

    Without `default` it is the zero of the type: 0, "", b"", an empty list, a struct of defaults.
    A nullable type may be null from `nullable_since` to `nullable_until` only.
    """
    return Declaration(
        since=since,
        until=until,
        default=default,
        nullable_since=nullable_since,
        nullable_until=nullable_until,
        tag=tag,
    )


class Schema:
    """What a message class declares. `fields` is read from the annotations when first asked for."""

    __slots__ = (
        "_declarations",
        "_fields",
        "_shared_default",
        "api",
        "cls",
        "flexible_since",
        "latest_unstable",
        "versions",
    )

    def __init__(
        self,
        cls: type[Struct],
        declarations: dict[str, object],
        api: ApiKey | PrivateApiKey | None,
        versions: tuple[int, int],
        flexible_since: int,
        latest_unstable: int | None,
    ) -> None:
        self.cls = cls
        self.api = api
        self.versions = versions
        self.flexible_since = flexible_since
        self.latest_unstable = latest_unstable
        self._declarations = declarations
        self._fields: tuple[Field, ...] | None = None
        self._shared_default: Struct | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        if self._fields is None:
            from protocol.fields import read_fields  # fields.py stands on this module

            self._fields = read_fields(self.cls, self._declarations)
        return self._fields

    @property
    def shared_default(self) -> Struct:
        """One read-only instance with every field at its default: absent tagged structs are this one, so
        that a response of a thousand partitions does not carry three thousand empty structs."""
        if self._shared_default is None:
            default = self.cls()
            read_only = {"__slots__": (), "__setattr__": _refuse_change, "__deepcopy__": _itself, "__copy__": _itself}
            default.__class__ = cast("type[Struct]", StructType(self.cls.__name__, (self.cls,), read_only))
            self._shared_default = default
        return self._shared_default

    def require_version(self, version: int) -> None:
        first, last = self.versions
        if not first <= version <= (self.latest_unstable or last):
            raise ProtocolError(f"{self.cls.__name__} has no version {version}")

    def __repr__(self) -> str:
        return f"<schema of {self.cls.__name__}, versions {self.versions[0]} to {self.versions[1]}>"


def _refuse_change(self: Struct, name: str, value: object) -> None:
    raise AttributeError(
        f"this {type(self).__name__} is the default that all share: assign a new one instead of its {name}"
    )


def _itself(self: Struct, *_: object) -> Struct:
    return self


def _first_init(self: Struct, **values: Any) -> None:
    """Compile the class's constructor, put it in this one's place, and go through it."""
    from protocol.fields import compile_init  # fields.py stands on this module

    cls = self.__schema__.cls
    cls.__init__ = compile_init(cls)  # type: ignore[method-assign]
    cls.__init__(self, **values)


@dataclass_transform(kw_only_default=True)
class StructType(type):
    """Turns annotated class bodies into slotted classes with a `Schema`."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        api: ApiKey | PrivateApiKey | None = None,
        versions: tuple[int, int] = (0, NEVER),
        flexible_since: int = NEVER,
        latest_unstable: int | None = None,
    ) -> StructType:
        if "__slots__" in namespace:  # the bases below
            return super().__new__(mcs, name, bases, namespace)
        names = tuple(namespace.get("__annotations__", ()))
        declarations = {field_name: namespace.pop(field_name, UNSET) for field_name in names}
        namespace["__slots__"] = names
        namespace["__init__"] = _first_init
        cls = super().__new__(mcs, name, bases, namespace)
        struct = cast("type[Struct]", cls)
        struct.__schema__ = Schema(struct, declarations, api, versions, flexible_since, latest_unstable)
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any) -> None:
        super().__init__(name, bases, namespace)


class Struct(metaclass=StructType):
    """A part of a message. Equal to another of its kind with equal fields; not hashable."""

    __slots__ = ("unknown_tagged_fields",)
    __schema__: ClassVar[Schema]
    if TYPE_CHECKING:
        # What a newer peer added, as (tag, bytes): kept, and written back by flexible versions.
        unknown_tagged_fields: list[tuple[int, bytes]] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Struct) or other.__schema__ is not self.__schema__:
            return NotImplemented
        return self.unknown_tagged_fields == other.unknown_tagged_fields and all(
            getattr(self, name) == getattr(other, name) for name in self.__schema__.cls.__slots__
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        values = [f"{name}={getattr(self, name)!r}" for name in self.__schema__.cls.__slots__]
        if self.unknown_tagged_fields is not None:
            values.append(f"unknown_tagged_fields={self.unknown_tagged_fields!r}")
        return f"{type(self).__name__}({', '.join(values)})"


class Message(Struct):
    """What is encoded and decoded as a whole, in the versions it declares."""

    __slots__ = ()


class Request(Message):
    __slots__ = ()


class Response(Message):
    __slots__ = ()

"""kafka-python's codec over Kafka's schemas: reads our bytes into its objects, and writes them back."""

from __future__ import annotations

import importlib
import pkgutil
import uuid
import warnings
from functools import cache
from typing import Any

from codec_oracles.generated import default_of
from protocol.fields import ArrayOf, StructOf, Wire
from protocol.schema import Message, Struct


@cache
def classes() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of how it loads its schemas
        package = importlib.import_module("kafka.protocol")
        kind = importlib.import_module("kafka.protocol.api_message").ApiMessage
        names = [module.name for module in pkgutil.walk_packages(package.__path__, "kafka.protocol.")]
        modules = [importlib.import_module(name) for name in names if ".old" not in name and "stubs" not in name]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, kind) and value is not kind
    }


def knows(cls: type[Message], version: int) -> bool:
    """It also lets pass versions that its schemas no longer cover; those it would get wrong."""
    theirs = classes().get(cls.__name__)
    return theirs is not None and theirs.valid_versions[0] <= version <= theirs.valid_versions[1]


def read(cls: type[Message], version: int, data: bytes) -> Any:
    return classes()[cls.__name__].decode(data, version=version)


def write(message: Any, version: int) -> bytes:
    message._header = None  # its own decoder leaves it unset, its encoder asks for it
    encoded: bytes = message.encode(version=version)
    return encoded


def difference(ours: Struct, theirs: Any, version: int) -> str | None:
    """Where the two differ, as a path with both values; None if they are the same.

    Fields are paired by their order: some were renamed in Kafka's trunk."""
    mine = [field for field in ours.__schema__.fields if field.in_version(version)]
    their_fields = [field for field in theirs._struct._fields if field.for_version_q(version)]
    for field, their_field in zip(mine, their_fields, strict=True):
        value, other = getattr(ours, field.name), getattr(theirs, their_field.name)
        if other is None and field.tag is not None:  # its way to say that a tagged struct was not sent
            other = default_of(field)
        found = _value_difference(field.wire, value, other, version)
        if found is not None:
            return f"{field.name}{found}"
    return None


def _value_difference(wire: Wire, value: Any, other: Any, version: int) -> str | None:
    if value is None or other is None:
        return None if value is other else f": {value!r}, {other!r}"
    if isinstance(wire, ArrayOf):
        if len(value) != len(other):
            return f": {len(value)} items, {len(other)} items"
        found = (_value_difference(wire.item, *pair, version) for pair in zip(value, other, strict=True))
        return next((f"[{index}].{text}" for index, text in enumerate(found) if text is not None), None)
    if isinstance(wire, StructOf):
        if isinstance(other, Struct):
            return None if value == other else f": {value!r}, not sent"
        return difference(value, other, version)
    if isinstance(other, uuid.UUID):
        other = other.bytes
    if isinstance(other, set):  # authorized operations, as the numbers of the bits
        value, other = value & 0xFFFF_FFFF, sum(1 << bit for bit in other)
    return None if value == other else f": {value!r}, {other!r}"


@cache
def hand_written_classes() -> dict[tuple[str, int], Any]:
    """Its older codec, by message and version: written before Kafka's schemas were, so it has the oldest."""
    package = importlib.import_module("kafka.protocol.old")
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        for name, value in vars(importlib.import_module(f"kafka.protocol.old.{module.name}")).items():
            message, _, version = name.rpartition("_v")
            if message and version.isdigit():
                found[message, int(version)] = value
    return found


def flat(value: Any) -> list[Any]:
    """The leaves of nested lists and tuples, with their lengths, in order."""
    if isinstance(value, list | tuple):
        return [len(value), *(leaf for item in value for leaf in flat(item))]
    return [value]


def flat_fields(struct: Struct, version: int) -> list[Any]:
    """The same of a message of ours: a struct is the tuple of its fields, as in the hand-written codec."""

    def nested(wire: Wire, value: Any) -> Any:
        if isinstance(wire, ArrayOf) and value is not None:
            return [nested(wire.item, item) for item in value]
        if isinstance(wire, StructOf):
            fields = [field for field in value.__schema__.fields if field.in_version(version)]
            return tuple(nested(field.wire, getattr(value, field.name)) for field in fields)
        return value

    return [
        leaf
        for field in struct.__schema__.fields
        if field.in_version(version)
        for leaf in flat(nested(field.wire, getattr(struct, field.name)))
    ]

"""`meta.properties`, which says whose a data directory is: Kafka's file, version 1.

    version=1
    cluster.id=MkU3OEVBNTcwNTJENDM2Qg
    node.id=1
    directory.id=Hl5n0UcfT3iC6kYbNMTd3Q

Written when the directory is first used, and never changed; but a node of a cluster that is not there yet learns the
cluster's id later. Ids are UUIDs in Kafka's text: URL-safe base64, unpadded.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass

from wal import Filesystem, make_directory_durably, read_atomic, write_atomically

FILE_NAME = "meta.properties"
_VERSION = "1"
_UNGUESSABLE = random.SystemRandom()


class WrongDirectory(Exception):
    """The data directory belongs to another node or cluster; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class MetaProperties:
    """`cluster_id` is "" while it is not known."""

    cluster_id: str
    node_id: int
    directory_id: str


def new_uuid(chance: random.Random = _UNGUESSABLE) -> bytes:
    """16 random bytes, a UUID of version 4, whose text does not look like a command-line option."""
    while True:
        raw = bytearray(chance.randbytes(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        if not uuid_text(bytes(raw)).startswith("-"):
            return bytes(raw)


def uuid_text(uuid: bytes) -> str:
    """22 characters."""
    return base64.urlsafe_b64encode(uuid).rstrip(b"=").decode("ascii")


def load_or_create_meta_properties(
    filesystem: Filesystem,
    data_directory: str,
    *,
    node_id: int,
    cluster_id: str | None = None,
    begins_cluster: bool = True,
    make_uuid: Callable[[], bytes] = new_uuid,
) -> MetaProperties:
    """Whose `data_directory` is, making it this node's where it is new.

    `cluster_id` is the configured one, if any; where there is none, a new directory gets a new one only if this node
    `begins_cluster` on its own. Raises WrongDirectory where the directory is another's or the file
    does not make sense, and StorageError.
    """
    path = f"{data_directory}/{FILE_NAME}"
    data = read_atomic(filesystem, path)
    if data is None:
        new_id = uuid_text(make_uuid()) if begins_cluster else ""
        created = MetaProperties(cluster_id or new_id, node_id, uuid_text(make_uuid()))
        make_directory_durably(filesystem, data_directory)
        write_meta_properties(filesystem, data_directory, created)
        return created
    properties = _decode(path, data)
    if begins_cluster and not properties.cluster_id:
        raise WrongDirectory(f"{path}: cluster.id is missing; restore the file from a copy")
    if properties.node_id != node_id:
        raise WrongDirectory(
            f"{data_directory} is the data directory of node {properties.node_id}, but node.id is {node_id}: "
            f"start it with node.id={properties.node_id}, or give this node another directory"
        )
    if cluster_id is not None and properties.cluster_id not in ("", cluster_id):
        raise WrongDirectory(
            f"{data_directory} belongs to cluster {properties.cluster_id}, but cluster.id is {cluster_id}: "
            "start it without cluster.id, or give this node another directory"
        )
    return properties


def write_meta_properties(filesystem: Filesystem, data_directory: str, properties: MetaProperties) -> None:
    write_atomically(filesystem, f"{data_directory}/{FILE_NAME}", _encode(properties))


def _encode(properties: MetaProperties) -> bytes:
    lines = [
        f"version={_VERSION}",
        *([f"cluster.id={properties.cluster_id}"] if properties.cluster_id else []),
        f"node.id={properties.node_id}",
        f"directory.id={properties.directory_id}",
    ]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _decode(path: str, data: bytes) -> MetaProperties:
    values: dict[str, str] = {}
    for line in data.decode("utf-8", errors="replace").splitlines():
        key, separator, value = line.strip().partition("=")
        if separator and not key.startswith("#"):
            values[key.strip()] = value.strip()
    if values.get("version") != _VERSION:
        raise WrongDirectory(f"{path}: version {values.get('version')!r} is not known, only {_VERSION} is")
    missing = [key for key in ("node.id", "directory.id") if not values.get(key)]
    if missing:
        raise WrongDirectory(f"{path}: {', '.join(missing)} is missing; restore the file from a copy")
    if not values["node.id"].isdecimal():
        raise WrongDirectory(f"{path}: node.id={values['node.id']} is not a number; restore the file")
    return MetaProperties(values.get("cluster.id", ""), int(values["node.id"]), values["directory.id"])

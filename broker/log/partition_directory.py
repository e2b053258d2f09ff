"""The directory of one partition: its name, and `partition.metadata`, which says whose topic it belongs to (KIP-516).

    version: 0
    topic_id: 22 characters, the topic id in URL-safe base64 without padding

A directory of a deleted partition is renamed to `<topic>-<partition>.<topic id>-delete` and removed later; one that no
topic of the metadata explains becomes `…-stray`, and is left to whoever runs the node.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from wal import CorruptionError

METADATA_FILE = "partition.metadata"
DELETE_SUFFIX = "-delete"
STRAY_SUFFIX = "-stray"
NAME_BYTES_MAX = 255


def directory_name(topic: str, partition: int) -> str:
    return f"{topic}-{partition}"


def parse_directory_name(name: str) -> tuple[str, int] | None:
    """(topic, partition), or None where the name is not a partition's."""
    topic, dash, number = name.rpartition("-")
    if not topic or not dash or not number.isdigit() or str(int(number)) != number:
        return None
    return topic, int(number)


def renamed(topic: str, partition: int, topic_id: bytes, suffix: str) -> str:
    """Topic names may be long: they are cut so that the name stays one a filesystem takes."""
    ending = f"-{partition}.{topic_id.hex()}{suffix}"
    return topic[: NAME_BYTES_MAX - len(ending)] + ending


def encode_metadata(topic_id: bytes) -> bytes:
    return f"version: 0\ntopic_id: {urlsafe_b64encode(topic_id).decode().rstrip('=')}\n".encode()


def decode_metadata(data: bytes, path: str) -> bytes:
    """The topic id. Raises CorruptionError for anything else."""
    try:
        lines = dict(line.split(": ", 1) for line in data.decode().splitlines())
        topic_id = urlsafe_b64decode(lines["topic_id"] + "==")
    except (ValueError, KeyError) as error:
        raise CorruptionError(f"{path} does not say which topic its directory belongs to") from error
    if lines.get("version") != "0" or len(topic_id) != 16:
        raise CorruptionError(f"{path} has version {lines.get('version')}, {len(topic_id)} bytes of topic id")
    return topic_id

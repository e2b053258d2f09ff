"""What consumers put into the metadata and assignments of classic groups; opaque to the broker.

Each blob has its version as int16 in front. Versions only ever append fields, so one that is newer than ours
is read as our newest, and what follows is left alone (as Kafka's consumers do).

v1    owned_partitions, for cooperative rebalancing (KIP-429)
v2    generation_id, to see through stale owned_partitions (KIP-792)
v3    rack_id (KIP-881)
"""

from __future__ import annotations

from typing import TypeVar

from protocol.decoding import decoder
from protocol.errors import ProtocolError
from protocol.schema import Array, Int32, Message, NullableBytes, NullableString, String, Struct, field
from protocol.versioned import VERSION_BYTES, encode_versioned, read_prefix


class ConsumerProtocolSubscription(Message, versions=(0, 3)):
    topics: Array[String] = field()
    user_data: NullableBytes = None
    owned_partitions: Array[TopicPartition] = field(since=1)
    generation_id: Int32 = field(since=2, default=-1)
    rack_id: NullableString = field(since=3, default=None)


class TopicPartition(Struct):
    topic: String = ""
    partitions: Array[Int32] = field()


class ConsumerProtocolAssignment(Message, versions=(0, 3)):
    assigned_partitions: Array[TopicPartition] = field()
    user_data: NullableBytes = None


M = TypeVar("M", ConsumerProtocolSubscription, ConsumerProtocolAssignment)


def decode_embedded(cls: type[M], data: bytes | memoryview) -> M:
    """A subscription or assignment with its version in front; raises ProtocolError."""
    version = read_prefix(data)
    if version < 0:
        raise ProtocolError(f"{cls.__name__} of version {version}")
    newest = cls.__schema__.versions[1]
    return decoder(cls, min(version, newest))(memoryview(data), VERSION_BYTES)[0]


def encode_embedded(message: ConsumerProtocolSubscription | ConsumerProtocolAssignment, version: int) -> bytes:
    return encode_versioned(message, version)

"""The records of the metadata log: what can be said about the cluster, one struct per fact.

An entry of the log carries the records of one proposal and is applied whole or not at all. Its bytes are
MessagePack, an array of two:

    [format_version: int, records: [ {"kind": "topic", "name": ..., ...}, ... ]]

Fields that have their default are left out. A reader ignores nothing: a new kind of record or a new field comes with
a new format version, and an entry of an unknown version, kind or field is refused (`UnknownMetadata`), because a
broker that skipped it would have another image than its peers. Which format has what: `formats`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from protocol.config_numbers import ResourceType

# 2: where members of the quorum answer, and replicas that are added and removed. 3: what brokers support. 4: which
# directories their replicas are in.
FORMAT_VERSION = 4

# Whose configs are kept in metadata; plain numbers, as records have them.
RESOURCE_TOPIC = ResourceType.TOPIC.value
RESOURCE_BROKER = ResourceType.BROKER.value
RESOURCE_GROUP = ResourceType.GROUP.value


class UnknownMetadata(Exception):
    """The log holds records that this version of the program does not know; only a newer one may read it."""


class _Record(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind"):
    """What the records have in common: immutable, tagged by kind, defaults not written."""


class ClusterIdRecord(_Record, frozen=True, tag="cluster_id"):
    """The first record of every cluster."""

    cluster_id: str


class FeatureLevelRecord(_Record, frozen=True, tag="feature_level"):
    """The finalized level of a feature; 0 takes it back."""

    name: str
    level: int


class MemberRecord(_Record, frozen=True, tag="member"):
    """Where a node of the metadata quorum answers the others."""

    node_id: int
    host: str
    port: int


class BrokerEndpoint(msgspec.Struct, frozen=True, array_like=True):
    """Where clients of one listener reach a broker."""

    listener: str
    host: str
    port: int


class BrokerRegistrationRecord(_Record, frozen=True, tag="broker_registration"):
    """A broker that has started; `broker_epoch` tells its incarnations apart."""

    node_id: int
    broker_epoch: int
    incarnation_id: bytes
    endpoints: list[BrokerEndpoint]
    rack: str | None = None
    fenced: bool = False
    in_controlled_shutdown: bool = False
    # The levels that it could work at, by feature: lowest and highest.
    features: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    # KIP-858: of its data directory; with another disk it is another one.
    directory_id: bytes = b""


class BrokerChangeRecord(_Record, frozen=True, tag="broker_change"):
    """What changed about a registered broker; None: not this."""

    node_id: int
    broker_epoch: int
    fenced: bool | None = None
    in_controlled_shutdown: bool | None = None


class UnregisterBrokerRecord(_Record, frozen=True, tag="unregister_broker"):
    node_id: int
    broker_epoch: int


class TopicRecord(_Record, frozen=True, tag="topic"):
    """A topic begins, with no partitions yet: those follow in the same proposal."""

    name: str
    topic_id: bytes


class PartitionRecord(_Record, frozen=True, tag="partition"):
    """A partition begins. Those of a topic come in order, from the first that it lacks."""

    topic_id: bytes
    partition: int
    replicas: list[int]
    isr: list[int]
    leader: int
    leader_epoch: int = 0
    partition_epoch: int = 0
    adding_replicas: list[int] = msgspec.field(default_factory=list)
    removing_replicas: list[int] = msgspec.field(default_factory=list)
    last_directory: bytes = b""


class PartitionChangeRecord(_Record, frozen=True, tag="partition_change"):
    """What changed about a partition; None: not this.

    Replay adds one to the partition epoch, and, where `leader` is given, one to the leader epoch
    (KIP-101: an epoch has one leader, also if that is the one it had).
    """

    topic_id: bytes
    partition: int
    replicas: list[int] | None = None
    isr: list[int] | None = None
    leader: int | None = None
    # KIP-455: of the reassignment that runs; empty ends it.
    adding_replicas: list[int] | None = None
    removing_replicas: list[int] | None = None
    # The last replica in sync was in this directory, and its broker came back with another; gone with the next leader.
    last_directory: bytes | None = None


class RemoveTopicRecord(_Record, frozen=True, tag="remove_topic"):
    """A topic ends, with its partitions and its configs."""

    topic_id: bytes


class ConfigRecord(_Record, frozen=True, tag="config"):
    """A config key of a resource is set, or, with None, back at its default. Brokers' default resource is ""."""

    resource_type: int
    resource_name: str
    key: str
    value: str | None = None


class ProducerIdsRecord(_Record, frozen=True, tag="producer_ids"):
    """Producer ids below `next_producer_id` are given away; the last block of them to this broker."""

    broker_id: int
    broker_epoch: int
    next_producer_id: int


MetadataRecord = (
    ClusterIdRecord
    | FeatureLevelRecord
    | MemberRecord
    | BrokerRegistrationRecord
    | BrokerChangeRecord
    | UnregisterBrokerRecord
    | TopicRecord
    | PartitionRecord
    | PartitionChangeRecord
    | RemoveTopicRecord
    | ConfigRecord
    | ProducerIdsRecord
)


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    """The version is read before the records are: only it says whether they can be."""

    format_version: int
    records: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_envelope_decoder = msgspec.msgpack.Decoder(_Envelope)
_records_decoder = msgspec.msgpack.Decoder(list[MetadataRecord])


def encode_entry(records: Sequence[MetadataRecord], format_version: int) -> bytes:
    """The payload of one log entry; `formats.encode_records` knows the format that it needs."""
    return _encoder.encode((format_version, records))


def decode_records(payload: bytes | bytearray | memoryview) -> list[MetadataRecord]:
    """The records of one log entry. Raises UnknownMetadata on anything this version cannot vouch for."""
    try:
        envelope = _envelope_decoder.decode(payload)
        if envelope.format_version > FORMAT_VERSION:
            raise UnknownMetadata(
                f"the metadata log has entries of format {envelope.format_version}, this version knows up to "
                f"{FORMAT_VERSION}: start the version that wrote them, or a newer one"
            )
        return _records_decoder.decode(envelope.records)
    except msgspec.DecodeError as problem:
        raise UnknownMetadata(
            f"the metadata log has a record that this version does not know ({problem}): "
            "start the version that wrote it, or a newer one"
        ) from problem

"""Messages, in both directions, against kafka-python's codec: the APIs and versions that its client knows.

It knows 52 APIs; not those between brokers, of share, streams and KIP-848 groups, and of delegation tokens: kio
and Kafka's own code have those. Versions that Kafka 4.0 dropped are compared with its older, hand-written codec,
which lacks AlterReplicaLogDirs and WriteTxnMarkers and gets DescribeLogDirs requests wrong (one partition a topic).
"""

from __future__ import annotations

import pytest
from codec_oracles import kafka_python
from codec_oracles.generated import Generator, all_messages, versions_of

from protocol import decode, encode
from protocol.messages.api_versions import ApiVersionsResponse
from protocol.schema import Message

ROUNDS = 4
KNOWN = [cls for cls in all_messages() if cls.__name__ in kafka_python.classes()]


@pytest.mark.parametrize("cls", KNOWN, ids=lambda cls: cls.__name__)
def test_kafka_python_reads_what_we_write_and_writes_what_we_read(cls: type[Message]) -> None:
    for version in versions_of(cls):
        if not kafka_python.knows(cls, version):
            continue
        for round in range(ROUNDS):
            message = Generator((cls.__name__, version, round)).message(cls, version)
            if isinstance(message, ApiVersionsResponse):
                message.error_code = 0  # it takes every other code for UNSUPPORTED_VERSION, and reads on in v0
            encoded = encode(message, version)
            theirs = kafka_python.read(cls, version, encoded)
            assert kafka_python.difference(message, theirs, version) is None, (version, message)
            written = kafka_python.write(theirs, version)
            assert written == encoded, (version, message)
            assert decode(cls, version, written) == message, version


def test_the_comparison_covers_every_client_api_that_kafka_python_has() -> None:
    assert len(KNOWN) == len(kafka_python.classes())
    assert sum(kafka_python.knows(cls, version) for cls in KNOWN for version in versions_of(cls)) > 300


WRONG_IN_THE_OLDER_CODEC = {"DescribeLogDirsRequest"}


def dropped_by_kafka_4() -> list[tuple[type[Message], int]]:
    return [
        (cls, version)
        for cls in KNOWN
        if cls.__name__ not in WRONG_IN_THE_OLDER_CODEC
        for version in versions_of(cls)
        if not kafka_python.knows(cls, version) and (cls.__name__, version) in kafka_python.hand_written_classes()
    ]


@pytest.mark.parametrize(("cls", "version"), dropped_by_kafka_4(), ids=lambda value: getattr(value, "__name__", value))
def test_its_older_codec_agrees_on_versions_that_kafka_4_dropped(cls: type[Message], version: int) -> None:
    theirs = kafka_python.hand_written_classes()[cls.__name__, version]
    for round in range(ROUNDS):
        message = Generator((cls.__name__, version, round)).message(cls, version)
        encoded = encode(message, version)
        read = theirs.decode(encoded)
        values = [leaf for name in read.SCHEMA.names for leaf in kafka_python.flat(getattr(read, name))]
        assert values == kafka_python.flat_fields(message, version), message
        assert read.encode() == encoded, message


def test_the_older_codec_covers_what_clients_of_old_still_send() -> None:
    compared = {(cls.__name__, version) for cls, version in dropped_by_kafka_4()}
    produce = {(f"Produce{kind}", version) for kind in ("Request", "Response") for version in range(3)}
    fetch = {(f"Fetch{kind}", version) for kind in ("Request", "Response") for version in range(4)}
    others = {("ListOffsetsRequest", 0), ("OffsetCommitRequest", 1), ("CreateTopicsRequest", 0)}
    assert produce | fetch | others <= compared

"""Messages, in both directions, against kafka-python's codec: the APIs and versions that its client knows.

It knows 52 APIs; not those between brokers, of share, streams and KIP-848 groups, and of delegation tokens, and
no version that Kafka 4.0 dropped. kio and Kafka's own code have those.
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

"""Messages, in both directions, against kio's codec, which has a class for every message of Kafka 4.1 to 4.3.

It does not have versions that Kafka 4.0 dropped, nor the records of internal topics: Kafka's own code has those.
"""

from __future__ import annotations

import pytest
from codec_oracles import kio_codec
from codec_oracles.generated import Generator, all_messages, versions_of

from protocol import decode, encode
from protocol.schema import Message

ROUNDS = 3


@pytest.mark.parametrize("cls", all_messages(), ids=lambda cls: cls.__name__)
def test_kio_reads_what_we_write_and_writes_what_we_read(cls: type[Message]) -> None:
    for version in versions_of(cls):
        entity = kio_codec.entity(cls, version)
        if entity is None:
            continue
        for round in range(ROUNDS):
            message = Generator((cls.__name__, version, round), tame=True).message(cls, version)
            encoded = encode(message, version)
            theirs, size = kio_codec.read(entity, encoded)
            assert size == len(encoded), (version, message)
            assert kio_codec.difference(message, theirs, version) is None, (version, message)
            written = kio_codec.write(theirs)
            assert written == encoded, (version, message)
            assert decode(cls, version, written) == message, version


def test_the_comparison_covers_nearly_every_message() -> None:
    known = [(cls, version) for cls in all_messages() for version in versions_of(cls) if kio_codec.entity(cls, version)]
    assert len({cls for cls, _ in known}) > 180
    assert len(known) > 600

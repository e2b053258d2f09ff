"""Bytes that are not what they should be raise ProtocolError, and nothing else, soon and without much memory."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from codec_oracles.generated import Generator, all_messages, versions_of

from protocol import ProtocolError, decode, decoder
from protocol.encoding import encode
from protocol.messages.fetch import FetchRequest
from protocol.messages.heartbeat import HeartbeatRequest
from protocol.messages.metadata import MetadataRequest, MetadataResponse
from protocol.messages.produce import ProduceRequest
from protocol.messages.sasl import SaslAuthenticateRequest
from protocol.schema import Message

CUTS_MAX = 2000
INT_MAX = b"\x7f\xff\xff\xff"
VARINT_MAX = b"\xff\xff\xff\xff\x07"
FLIPS = 40


def versions_to_try(cls: type[Message]) -> set[int]:
    """The oldest and newest, and those on both sides of the change to flexible."""
    versions, flexible = versions_of(cls), cls.__schema__.flexible_since
    return {versions[0], versions[-1]} | {version for version in (flexible - 1, flexible) if version in versions}


@pytest.mark.parametrize("cls", all_messages(), ids=lambda cls: cls.__name__)
def test_a_message_cut_anywhere_is_refused(cls: type[Message]) -> None:
    for version in versions_to_try(cls):
        encoded = encode(Generator((cls.__name__, version)).message(cls, version), version)
        cuts = range(len(encoded))
        for cut in cuts if len(cuts) <= CUTS_MAX else random.Random(cut_seed(cls, version)).sample(cuts, CUTS_MAX):
            with pytest.raises(ProtocolError):
                decode(cls, version, encoded[:cut])


@pytest.mark.parametrize("cls", all_messages(), ids=lambda cls: cls.__name__)
def test_flipped_bytes_are_refused_or_give_a_message_that_can_be_written(cls: type[Message]) -> None:
    for version in versions_to_try(cls):
        rng = random.Random(cut_seed(cls, version))
        encoded = encode(Generator((cls.__name__, version, "flip")).message(cls, version), version)
        for _ in range(FLIPS if encoded else 0):
            mutated = bytearray(encoded)
            for _ in range(rng.choice([1, 1, 2, 5])):
                mutated[rng.randrange(len(mutated))] = rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)])
            try:
                message = decode(cls, version, mutated)
            except ProtocolError:
                continue
            # Bytes may differ (a longer varint, a duplicate tag): what they say may not. Compared as written,
            # for a NaN does not equal itself.
            again = encode(message, version)
            assert encode(decode(cls, version, again), version) == again


@pytest.mark.parametrize("cls", all_messages(), ids=lambda cls: cls.__name__)
def test_noise_is_refused_or_understood(cls: type[Message]) -> None:
    for version in versions_to_try(cls):
        rng = random.Random(cut_seed(cls, version))
        decode_message = decoder(cls, version)
        for length in (1, 4, 16, 64, 256):
            try:
                _, end = decode_message(memoryview(rng.randbytes(length)), 0)
            except ProtocolError:
                continue
            assert end <= length


def cut_seed(cls: type[Message], version: int) -> str:
    return f"{cls.__name__} {version}"


@pytest.mark.parametrize(
    ("cls", "version", "data"),
    [
        pytest.param(MetadataRequest, 1, INT_MAX + bytes(100), id="array"),
        pytest.param(MetadataRequest, 9, VARINT_MAX + bytes(100), id="compact array"),
        pytest.param(MetadataResponse, 0, bytes(4) + b"\0\0\0\1\0\0\0\1t\0\0\0\1" + bytes(10) + INT_MAX, id="int32s"),
        pytest.param(SaslAuthenticateRequest, 0, INT_MAX + bytes(100), id="bytes"),
        pytest.param(SaslAuthenticateRequest, 2, VARINT_MAX + bytes(100), id="compact bytes"),
        pytest.param(HeartbeatRequest, 4, VARINT_MAX + bytes(100), id="compact string"),
        pytest.param(HeartbeatRequest, 4, b"\1\0\0\0\0\1\0" + VARINT_MAX + bytes(100), id="tagged fields"),
        pytest.param(HeartbeatRequest, 4, b"\1\0\0\0\0\1\0\1\0" + VARINT_MAX + bytes(100), id="tagged field"),
        pytest.param(ProduceRequest, 3, b"\xff\xff\0\0\0\0\0\0\0\0\0\1\0\1t\0\0\0\1\0\0\0\0" + INT_MAX, id="records"),
    ],
)
def test_an_announced_length_of_two_gigabytes_allocates_nothing(cls: type[Message], version: int, data: bytes) -> None:
    decode_message = decoder(cls, version)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            decode_message(memoryview(data), 0)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [b"\xff\xff\xff\xfe", b"\x80\x00\x00\x00"])
def test_a_negative_count_other_than_null_is_refused(count: bytes) -> None:
    with pytest.raises(ProtocolError, match="negative length"):
        decode(MetadataRequest, 1, count)


def test_a_count_is_held_against_the_bytes_that_its_items_need() -> None:
    # 24 bytes a partition in Fetch v0's request: 16 are left.
    topic = b"\0\1t" + b"\0\0\0\1" + bytes(8)
    with pytest.raises(ProtocolError, match="array of 1 announced, 8 bytes left"):
        decode(FetchRequest, 0, b"\xff\xff\xff\xff" + bytes(8) + b"\0\0\0\1" + topic)


def test_text_that_is_not_utf_8_is_refused() -> None:
    for version, data in ((0, b"\0\2\xc3\x28\0\0\0\1\0\0"), (4, b"\3\xc3\x28\0\0\0\1\1\0\0")):
        with pytest.raises(ProtocolError, match="malformed HeartbeatRequest"):
            decode(HeartbeatRequest, version, data)


def test_a_varint_of_six_bytes_is_refused() -> None:
    with pytest.raises(ProtocolError, match="more than five bytes"):
        decode(HeartbeatRequest, 4, b"\x81\x80\x80\x80\x80\x00" + bytes(20))


def test_a_varint_above_31_bits_is_refused() -> None:
    with pytest.raises(ProtocolError, match="out of range"):
        decode(HeartbeatRequest, 4, b"\xff\xff\xff\xff\x0f" + bytes(20))


def test_a_padded_varint_of_five_bytes_is_understood() -> None:
    # Kafka's readers accept it, too.
    assert decode(HeartbeatRequest, 4, b"\x82\x80\x80\x80\x00g\0\0\0\1\1\0\0").group_id == "g"


def test_a_string_above_32767_bytes_is_refused() -> None:
    data = b"\x81\x80\x02" + bytes(32768) + b"\0\0\0\1\1\0\0"
    with pytest.raises(ProtocolError, match="string of 32768 bytes"):
        decode(HeartbeatRequest, 4, data)

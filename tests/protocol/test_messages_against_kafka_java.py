"""Every message and version, in both directions, against the code that Kafka generates from its own schemas.

Kafka 4.3.1 and 3.9.1 together know all versions but those that trunk added after 4.3:

    ApiVersions 5, DeleteGroups 3, TxnOffsetCommit 6, StreamsGroupHeartbeat 1, StreamsGroupDescribe 1,
    StreamsGroupTopologyDescriptionUpdate 0, UnregisterController 0

For those there is nobody to ask: test_codec.py has bytes written down by hand.
"""

from __future__ import annotations

import json

import pytest
from codec_oracles import kafka_java
from codec_oracles.generated import Generator, all_messages, versions_of

from protocol import decode, encode
from protocol.schema import Message

ROUNDS = 4
NOBODY_KNOWS = {
    ("ApiVersions", 5),
    ("DeleteGroups", 3),
    ("TxnOffsetCommit", 6),
    ("StreamsGroupHeartbeat", 1),
    ("StreamsGroupDescribe", 1),
    ("StreamsGroupTopologyDescriptionUpdate", 0),
    ("UnregisterController", 0),
}
Answers = dict[tuple[str, int], list[tuple[Message, str]]]

pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(900)]  # the first run fetches Kafka's jars


@pytest.fixture(scope="module")
def answers() -> Answers:
    """What Kafka says to generated messages: 4.3 if it knows the version, else 3.9."""
    tool = kafka_java.missing_tool()
    if tool is not None:
        pytest.skip(f"Kafka's own codec needs {tool}, which is not installed")
    questions = [
        (Generator((cls.__name__, version, round)).message(cls, version), version)
        for cls in all_messages()
        for version in versions_of(cls)
        for round in range(ROUNDS)
    ]
    replies = kafka_java.ask(kafka_java.KAFKA_4_3, questions)
    unknown = [index for index, reply in enumerate(replies) if reply == "unknown"]
    older = kafka_java.ask(kafka_java.KAFKA_3_9, [questions[index] for index in unknown])
    for index, reply in zip(unknown, older, strict=True):
        replies[index] = reply
    found: Answers = {}
    for (message, version), reply in zip(questions, replies, strict=True):
        found.setdefault((type(message).__name__, version), []).append((message, reply))
    return found


@pytest.mark.parametrize("cls", all_messages(), ids=lambda cls: cls.__name__)
def test_kafka_reads_what_we_write_and_writes_what_we_read(cls: type[Message], answers: Answers) -> None:
    for version in versions_of(cls):
        for message, reply in answers[cls.__name__, version]:
            if _api_name(cls) in {name for name, last in NOBODY_KNOWS if last == version}:
                assert reply == "unknown", f"{cls.__name__} v{version} is known now: take it off the list"
                continue
            context = f"{cls.__name__} v{version} of {message}: {reply}"
            assert not reply.startswith(("error", "unknown")), context
            encoded, read = reply.split(" ", 1)
            theirs = bytes.fromhex(encoded)
            assert theirs == encode(message, version), context
            assert decode(cls, version, theirs) == message, context
            expected = kafka_java.without_records(kafka_java.as_json(message, version))
            assert json.loads(read) == expected, context


def _api_name(cls: type[Message]) -> str:
    return cls.__name__.removesuffix("Request").removesuffix("Response")

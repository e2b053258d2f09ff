"""kafka-python 2.0.2, unpinned and pinned to Kafka 0.10: guessed versions, message sets, old group protocol."""

from __future__ import annotations

from typing import Any

import pytest
from harness.broker_process import BrokerProcess
from harness.legacy_client import run_legacy

VERSIONS: list[Any] = [
    pytest.param(None, id="unpinned"),
    pytest.param([0, 10, 0], id="0.10.0"),
    pytest.param([0, 10, 2], id="0.10.2"),
]
pinned = pytest.mark.parametrize("version", VERSIONS)


@pinned
@pytest.mark.parametrize(("codec", "acks"), [(None, "all"), ("gzip", 1), ("snappy", "all"), ("lz4", 1), (None, 0)])
def test_records_come_back_as_they_were(
    broker: BrokerProcess, topic: str, version: list[int] | None, codec: str | None, acks: int | str
) -> None:
    """Pinned, it sends and reads message sets of magic 1; unpinned, batches of magic 2."""
    answer = run_legacy(
        "round_trip", broker.bootstrap, topic=topic, api_version=version, codec=codec, acks=acks, count=40
    )

    if acks != 0:
        assert answer["sent"] == list(range(40))


@pytest.mark.parametrize("version", [[0, 8, 2], [0, 9]], ids=["0.8.2", "0.9"])
@pytest.mark.parametrize("codec", [None, "gzip", "snappy"])
def test_message_sets_of_magic_0(
    broker: BrokerProcess, topic: str, version: list[int] | None, codec: str | None
) -> None:
    """As far back as the client can be pinned: no timestamps, and offsets that the broker gives to wrapped messages."""
    answer = run_legacy("round_trip", broker.bootstrap, topic=topic, api_version=version, codec=codec, acks=1, count=40)

    assert answer["sent"] == list(range(40))


def test_unpinned_it_takes_the_broker_for_the_newest_kafka_it_knows(broker: BrokerProcess, topic: str) -> None:
    """It infers the version from which single versions lie in the advertised ranges: minima above 0 would break it."""
    answer = run_legacy("round_trip", broker.bootstrap, topic=topic, codec=None, acks=1, count=1)

    # Produce 8 makes it 2.4; DescribeAcls 2, where it is served, 2.5.
    assert answer["api_version"] in ([2, 4, 0], [2, 5, 0])


def test_headers_from_a_client_that_knows_them(broker: BrokerProcess, topic: str) -> None:
    assert run_legacy("headers", broker.bootstrap, topic=topic) == [["a", "1"], ["a", "2"], ["e", ""]]


@pinned
def test_a_group_commits_and_resumes(broker: BrokerProcess, topic: str, version: list[int] | None) -> None:
    answer = run_legacy("commit_and_resume", broker.bootstrap, topic=topic, api_version=version)

    assert answer == {"resumed": list(range(8, 20)), "committed": 8}


@pinned
def test_seeking(broker: BrokerProcess, topic: str, version: list[int] | None) -> None:
    answer = run_legacy("seek", broker.bootstrap, topic=topic, api_version=version)

    assert answer.pop("by_time", 5) == 5
    assert answer == {"from_seven": [7, 8, 9], "beginning": 0, "end": 10}


@pytest.mark.parametrize("version", [VERSIONS[0], pytest.param([1, 0, 0], id="1.0.0")])
def test_administration(broker: BrokerProcess, topic: str, version: list[int] | None) -> None:
    answer = run_legacy("admin", broker.bootstrap, topic=topic, api_version=version)

    assert answer == {
        "listed": True,
        "again": "TopicAlreadyExistsError",
        "partitions": 4,
        "retention": "7200000",
        "group_listed": True,
        "state": "Stable",
        "members": 1,
        "committed": 1,
        "deleted": True,
    }


@pinned
def test_a_group_shares_the_partitions_out(broker: BrokerProcess, topic: str, version: list[int] | None) -> None:
    run_legacy("round_trip", broker.bootstrap, topic=topic, codec=None, acks=1, count=40)

    answer = run_legacy(
        "round_robin_group",
        broker.bootstrap,
        topic=topic,
        group=topic,
        api_version=version,
        members=3,
        records=40,
        consumer={},
    )

    assert answer["failures"] == []
    assert answer["distinct"] == 40

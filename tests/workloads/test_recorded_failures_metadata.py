"""Failures that Chronik recorded about itself, each as a test: metadata, protocol, and what the process costs.

The letters and numbers are those of its own list of lessons: C metadata and leadership, D protocol, E performance.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, create_topic, deliver
from harness.group_members import Members
from harness.raw_client import RawClient

from protocol import ApiKey, encode
from protocol.errors import ErrorCode
from protocol.messages.api_versions import ApiVersionsRequest
from protocol.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)

StartBroker = Callable[..., BrokerProcess]


def test_c17_128_clients_that_make_topics_at_once_all_get_theirs(broker: BrokerProcess, topic: str) -> None:
    """Polling in create_topic cost a factor of seven there. Each client makes one topic of its own and one of all."""

    def one_client(n: int) -> int:
        with RawClient(broker.bootstrap) as raw:
            wanted = [MetadataRequestTopic(name=f"{topic}.{n}"), MetadataRequestTopic(name=f"{topic}.shared")]
            answered = raw.call(MetadataRequest(topics=wanted, allow_auto_topic_creation=True), version=9)
            assert [found.error_code for found in answered.topics] == [0, 0]
            return sum(len(found.partitions) for found in answered.topics)

    async def all_clients() -> list[int]:
        return await asyncio.gather(*(asyncio.to_thread(one_client, n) for n in range(128)))

    assert asyncio.run(all_clients()) == [2] * 128


def test_c19_what_metadata_said_it_says_again_after_kill_9(start_broker: StartBroker, topic: str) -> None:
    """Two stores of metadata, and a lossy bus between them: topics came back, went missing, differed."""
    running = start_broker()

    def topics_and_ids() -> dict[str, tuple[bytes, int]]:
        with RawClient(running.bootstrap) as raw:
            answered = raw.call(MetadataRequest(topics=None), version=12)
            # C22: no broker was listed unless it was the leader within ten seconds.
            assert [(node.host, node.port) for node in answered.brokers] == [("127.0.0.1", running.port)]
            return {found.name: (found.topic_id, len(found.partitions)) for found in answered.topics}

    for n in range(20):
        create_topic(running.bootstrap, f"{topic}.{n}", n % 4 + 1)
    admin = AdminClient({"bootstrap.servers": running.bootstrap})
    for future in admin.delete_topics([f"{topic}.{n}" for n in range(0, 20, 3)]).values():
        future.result(DEADLINE_S)
    before = topics_and_ids()
    assert len(before) == 13

    running.kill()
    running.start()

    assert topics_and_ids() == before


def test_c20_every_topic_of_one_request_is_made_and_every_partition_has_a_leader(
    broker: BrokerProcess, topic: str
) -> None:
    """Only the first topic of a request was initialised; partitions without a leader let acks>0 hang for ever."""
    names = [f"{topic}.{n}" for n in range(6)]
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.create_topics([NewTopic(name, 4, 1) for name in names]).values():
        future.result(DEADLINE_S)

    client = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all", "linger.ms": 0})
    for name in names:
        reports = deliver(client, name, ({"value": b"x", "partition": n} for n in range(4)))
        assert sorted(report.partition() for report in reports) == [0, 1, 2, 3]


def test_c23_a_leader_epoch_that_is_not_the_current_one_is_fenced(broker: BrokerProcess, topic: str) -> None:
    """Stale leaders took writes, ListOffsets answered epoch 0 and OffsetForLeaderEpoch nothing at all."""
    create_topic(broker.bootstrap, topic)
    deliver(Producer({"bootstrap.servers": broker.bootstrap}), topic, [{"value": b"x"}] * 3)
    with RawClient(broker.bootstrap) as raw:
        wanted = [MetadataRequestTopic(name=topic)]
        [described] = raw.call(MetadataRequest(topics=wanted), version=9).topics
        epoch = described.partitions[0].leader_epoch
        assert epoch >= 0
        assert raw.list_offset(topic, -1).leader_epoch == epoch
        newer = raw.list_offset(topic, -1, current_leader_epoch=epoch + 1)
        assert newer.error_code == ErrorCode.UNKNOWN_LEADER_EPOCH

        asked = OffsetForLeaderPartition(partition=0, current_leader_epoch=-1, leader_epoch=epoch)
        topics = [OffsetForLeaderTopic(topic=topic, partitions=[asked])]
        answered = raw.call(OffsetForLeaderEpochRequest(replica_id=-1, topics=topics), version=4)
        [end] = answered.topics[0].partitions
        assert (end.error_code, end.leader_epoch, end.end_offset) == (ErrorCode.NONE, epoch, 3)


def test_d26_an_unsupported_version_is_answered_with_its_correlation_id(broker: BrokerProcess) -> None:
    with RawClient(broker.bootstrap) as raw:
        body = encode(ApiVersionsRequest(client_software_name="x", client_software_version="1"), 3)
        asked = raw.send_bytes(ApiKey.API_VERSIONS, 99, body)
        frame = raw.receive_frame()

        # In the shape of version 0, which every client can read: correlation id, error code, the ranges.
        correlation_id, error_code = struct.unpack_from(">ih", frame)
        assert (correlation_id, error_code) == (asked, ErrorCode.UNSUPPORTED_VERSION)
        # And the connection is good for the next request.
        assert raw.call(ApiVersionsRequest(), version=0).error_code == ErrorCode.NONE


def test_d26_only_what_is_served_is_advertised(broker: BrokerProcess) -> None:
    """Advertising what was not implemented made clients call it."""
    with RawClient(broker.bootstrap) as raw:
        advertised = {api.api_key: api for api in raw.call(ApiVersionsRequest(), version=0).api_keys}
    for key, api in sorted(advertised.items()):
        for version in {api.min_version, api.max_version}:
            with RawClient(broker.bootstrap) as raw:
                if key == ApiKey.PRODUCE:
                    continue  # an empty produce request with acks=0 rightly gets no answer
                raw.send_bytes(ApiKey(key), version, _default_body(ApiKey(key), version))
                raw.receive()


def _default_body(key: ApiKey, version: int) -> bytes:
    from protocol.messages import REQUESTS

    return bytes(encode(REQUESTS[key](), version))


@pytest.mark.parametrize("version", range(2, 8))
def test_d26_create_topics_refuses_each_bad_topic_by_itself(broker: BrokerProcess, topic: str, version: int) -> None:
    """Null arrays crashed it, duplicates passed, "." and ".." were made, and config values were not looked at."""

    def new(name: str, **configs: str | None) -> CreatableTopic:
        entries = [CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()]
        return CreatableTopic(name=name, num_partitions=1, replication_factor=1, configs=entries)

    wanted = [new("."), new(".."), new(f"{topic}.a", retention_ms="x"), new(f"{topic}.b"), new(""), new(f"{topic}.c")]
    with RawClient(broker.bootstrap) as raw:
        first = raw.call(CreateTopicsRequest(topics=wanted), version=version)
        again = raw.call(CreateTopicsRequest(topics=[new(f"{topic}.b")]), version=version)
        twice = raw.call(CreateTopicsRequest(topics=[new(f"{topic}.d"), new(f"{topic}.d")]), version=version)

    assert {result.name: result.error_code for result in first.topics} == {
        ".": ErrorCode.INVALID_TOPIC_EXCEPTION,
        "..": ErrorCode.INVALID_TOPIC_EXCEPTION,
        "": ErrorCode.INVALID_TOPIC_EXCEPTION,
        f"{topic}.a": ErrorCode.INVALID_CONFIG,
        f"{topic}.b": ErrorCode.NONE,
        f"{topic}.c": ErrorCode.NONE,
    }
    assert [result.error_code for result in again.topics] == [ErrorCode.TOPIC_ALREADY_EXISTS]
    assert {result.error_code for result in twice.topics} == {ErrorCode.INVALID_REQUEST}


def test_d28_the_first_consumer_does_not_keep_everything(broker: BrokerProcess, topic: str) -> None:
    """JoinGroup must wait for the members it knows: there, until v2.5.0, the first one took all partitions for good."""
    create_topic(broker.bootstrap, topic, 4)
    with Members(broker.bootstrap, topic, topic) as members:
        members.join("first")
        members.until(lambda: members.cover(4))
        members.join("second")

        members.until(lambda: members.cover(4) and members.shares() == [2, 2])


def test_d29_an_address_that_leads_nowhere_is_not_advertised(start_broker: StartBroker) -> None:
    """Listening on 0.0.0.0 advertised 0.0.0.0, which is every client's own machine."""
    try:
        running = start_broker({"listeners": "PLAINTEXT://0.0.0.0:0"})
    except AssertionError as refused:  # Kafka's way: it wants advertised.listeners
        assert "advertised.listeners" in str(refused)
        return
    with RawClient(f"127.0.0.1:{running.port}") as raw:
        [node] = raw.call(MetadataRequest(topics=[]), version=9).brokers
        assert node.host not in ("0.0.0.0", "::", "")


def test_d30_a_client_that_stops_sending_is_hung_up_on(broker: BrokerProcess) -> None:
    """The end of a socket was read again and again, at 100 % CPU, for ever."""
    clients = [RawClient(broker.bootstrap) for _ in range(20)]
    for n, client in enumerate(clients):
        if n % 2:
            client.socket.sendall(b"\0\0\0\x20half")
        client.socket.shutdown(socket.SHUT_WR)

    for client in clients:
        assert client.socket.recv(1) == b""
        client.close()


def test_e31_the_log_does_not_grow_with_the_requests(broker: BrokerProcess, topic: str) -> None:
    """Lines at level INFO in the hot path cost it more than half of its throughput."""
    create_topic(broker.bootstrap, topic)
    client = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0, "batch.num.messages": 1})
    deliver(client, topic, [{"value": b"x"}])
    before = len(broker.log_text())

    deliver(client, topic, [{"value": b"x"}] * 500)
    with RawClient(broker.bootstrap) as raw:
        for n in range(500):
            raw.fetch(topic, n)

    assert len(broker.log_text()) - before < 1000


def test_e36_a_thousand_topics_fit_into_256_mebibytes(start_broker: StartBroker, topic: str) -> None:
    """It was out of memory at 1,200 topics; SharpMUSH gives its broker 256 MiB."""
    running = start_broker()
    with RawClient(running.bootstrap) as raw:
        for hundred in range(10):
            names = [f"{topic}.{hundred * 100 + n}" for n in range(100)]
            wanted = [CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in names]
            created = raw.call(CreateTopicsRequest(topics=wanted), version=7)
            assert {result.error_code for result in created.topics} == {ErrorCode.NONE}
        assert len(raw.call(MetadataRequest(topics=None), version=9).topics) == 1000

    assert running.process is not None
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    [peak_kib] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")]
    assert peak_kib < 256 * 1024

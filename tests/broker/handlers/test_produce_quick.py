"""The short road of produce requests answers what the general road answers, byte for byte, and stores the same."""

from __future__ import annotations

import asyncio
import errno
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from harness.data_node import DataNode
from harness.metadata_node import LISTENER, MetadataNode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_harness import batch
from log_harness.batches import NOW_MS, keyed_batch

from broker.handlers import APIS
from broker.log import LogConfig
from broker.network import Dispatcher, Listener, ListenerLimits
from broker.network.connection import Connection
from broker.partition import Partition
from protocol import ApiKey, decode, encode
from protocol.errors import ErrorCode
from protocol.framing import frame
from protocol.headers import RequestHeader, encode_request_header
from protocol.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from protocol.records import Compression

LIMITS = ListenerLimits(
    frame_bytes_max=1 << 24, connections_max=4, connections_per_ip_max=4, connection_idle_ms_max=600_000
)
TOPICS = ("orders", "payments", "stamped", "compacted")
CONFIGS = {
    "stamped": LogConfig(message_timestamp_type="LogAppendTime"),
    "compacted": LogConfig(cleanup_policy=("compact",)),
}


class StillClock:
    def now_ms(self) -> int:
        return NOW_MS

    def monotonic_ms(self) -> int:
        return 5


class Client(asyncio.Transport):
    """The other end: what it was sent, and a future for the next of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self.received: asyncio.Future[bytes] = loop.create_future()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 9) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def write(self, data: Any) -> None:
        self.received.set_result(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self.received.set_result(b"closed")


class Road:
    """A node with some topics, whose produce requests take one road."""

    def __init__(self, metadata: MetadataNode, *, quick: bool) -> None:
        self.node = DataNode(metadata)
        self.loop = metadata.loop
        self.node.services.clock = StillClock()
        self.node.partitions.clock = StillClock()
        self.partitions = {name: self.node.create(name) for name in TOPICS}
        for name, config in CONFIGS.items():
            self.partitions[name].log.update_config(config)
        self.node.committer.start()
        apis = APIS if quick else {key: replace(api, begin_quickly=None) for key, api in APIS.items()}
        dispatcher = Dispatcher(
            apis, self.node.services, clock=StillClock(), loop=self.loop, end_of_turn=self.node.end_of_turn
        )
        listener = Listener(LISTENER, "127.0.0.1", 0, dispatcher=dispatcher, limits=LIMITS, loop=self.loop)
        self.client = Client(self.loop)
        self.connection = Connection(listener, dispatcher)
        self.connection.connection_made(self.client)

    def send(self, request: ProduceRequest, version: int) -> None:
        for topic in request.topic_data:
            partition = self.partitions.get(topic.name)
            if version >= 13:
                topic.topic_id = partition.topic_id if partition is not None else b"\xff" * 16
        header = encode_request_header(RequestHeader(ApiKey.PRODUCE, version, 7, "test"))

        async def send() -> None:
            self.connection.data_received(frame(header, encode(request, version)))

        self.node.metadata.run(send())

    def receive(self) -> bytes:
        async def receive() -> bytes:
            answer = await self.client.received
            self.client.received = self.loop.create_future()
            return answer

        return self.node.metadata.run(receive())

    def ask(self, request: ProduceRequest, version: int) -> bytes:
        self.send(request, version)
        return self.receive()

    def stored(self) -> dict[str, bytes | memoryview]:
        return {
            name: partition.log.read(0, max_bytes=1 << 30, max_offset=1 << 62).records
            for name, partition in self.partitions.items()
        }


@contextmanager
def road(*, quick: bool = True) -> Iterator[Road]:
    with MetadataNode() as metadata:
        taken = Road(metadata, quick=quick)
        yield taken
        taken.node.committer.stop()


@pytest.fixture(scope="module")
def roads() -> Iterator[tuple[Road, Road]]:
    with road() as quick, road(quick=False) as general:
        yield quick, general


def request(*topics: tuple[str, Sequence[tuple[int, bytes | None]]], acks: int = 1) -> ProduceRequest:
    return ProduceRequest(
        acks=acks,
        timeout_ms=30_000,
        topic_data=[
            TopicProduceData(
                name=name,
                partition_data=[PartitionProduceData(index=index, records=records) for index, records in partitions],
            )
            for name, partitions in topics
        ],
    )


def cut(records: bytes, at: int, byte: int) -> bytes:
    changed = bytearray(records)
    changed[at % len(changed)] ^= byte
    return bytes(changed)


VALUES = st.binary(max_size=300)
BATCHES = st.one_of(
    st.builds(batch, VALUES),
    st.builds(lambda key, value: keyed_batch([(key, value)]), st.binary(max_size=70), st.none() | VALUES),
    st.builds(lambda values: batch(*values), st.lists(VALUES, min_size=2, max_size=5)),
    st.builds(
        lambda values, codec: batch(*values, compression=codec),
        st.lists(VALUES, min_size=1, max_size=4),
        st.sampled_from(Compression),
    ),
    st.builds(
        lambda value, producer_id, epoch, sequence: batch(
            value, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence
        ),
        VALUES,
        st.integers(1, 2),
        st.integers(0, 1),
        st.integers(0, 4),
    ),
    st.builds(lambda value, later: batch(value, timestamp=NOW_MS + later), VALUES, st.integers(0, 10**8)),
    st.builds(lambda value: batch(value, producer_id=9, producer_epoch=0, base_sequence=0, transactional=True), VALUES),
    st.builds(cut, st.builds(batch, VALUES), st.integers(0, 400), st.integers(0, 255)),
    st.sampled_from([batch(bytes(9000)), batch(*[bytes(250)] * 40), batch(bytes(20_000))]),
    st.just(batch(b"x") + batch(b"y")),
    st.binary(min_size=1, max_size=90),
    st.just(b""),
    st.none(),
)
PARTITIONS = st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, -1]), BATCHES), min_size=1, max_size=6)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    topics=st.lists(st.tuples(st.sampled_from([*TOPICS, "orders"]), PARTITIONS), max_size=3),
    version=st.integers(3, 13),
    acks=st.sampled_from([1, -1, 1, -1, 2]),
)
def test_both_roads_answer_and_store_the_same(
    roads: tuple[Road, Road], topics: list[tuple[str, list[tuple[int, bytes | None]]]], version: int, acks: int
) -> None:
    quick, general = (taken.ask(request(*topics, acks=acks), version) for taken in roads)
    assert quick == general
    assert roads[0].stored() == roads[1].stored()


@pytest.mark.parametrize("version", [7, 9, 13])
def test_a_topic_that_is_not_there_is_created_or_unknown_on_both_roads(roads: tuple[Road, Road], version: int) -> None:
    """Nothing of the request may be appended before that: the general road appends all of it."""
    topics = ("orders", [(0, batch(b"x"))]), (f"new-{version}", [(0, batch(b"x"))])
    quick, general = (taken.ask(request(*topics), version) for taken in roads)
    assert quick == general
    assert roads[0].stored() == roads[1].stored()


def answer_of(received: bytes, version: int) -> list[tuple[ErrorCode, int]]:
    """(error, base offset) of each partition."""
    start = 9 if version >= 9 else 8
    response = decode(ProduceResponse, version, received[start:])
    return [
        (ErrorCode(partition.error_code), partition.base_offset)
        for topic in response.responses
        for partition in topic.partition_responses
    ]


def three_topics() -> ProduceRequest:
    return request(*[(name, [(0, batch(b"x"))]) for name in ("orders", "payments", "stamped")])


Disturbance = Callable[[Road, Partition], None]


def loses_its_leader(taken: Road, partition: Partition) -> None:
    partition.resign(ErrorCode.NOT_LEADER_OR_FOLLOWER)


def becomes_another_term(taken: Road, partition: Partition) -> None:
    assigned = taken.node.metadata.image.topics_by_name[partition.topic].partitions[0]
    partition.lead(replace(assigned, leader_epoch=assigned.leader_epoch + 1, partition_epoch=99))
    partition.resign(ErrorCode.NOT_LEADER_OR_FOLLOWER)


@pytest.mark.parametrize("disturb", [loses_its_leader, becomes_another_term])
def test_a_partition_that_ceases_to_lead_before_the_disk_is_done_is_refused_alone(disturb: Disturbance) -> None:
    with road() as taken:
        taken.send(three_topics(), 9)
        disturb(taken, taken.partitions["payments"])
        assert answer_of(taken.receive(), 9) == [
            (ErrorCode.NONE, 0),
            (ErrorCode.NOT_LEADER_OR_FOLLOWER, -1),
            (ErrorCode.NONE, 0),
        ]


def test_another_in_sync_set_takes_no_acknowledgement_away() -> None:
    """Still led alone; the wait for the disk is over, and the high watermark is asked."""
    with road() as taken:
        wanted = three_topics()
        wanted.acks = -1
        taken.send(wanted, 9)
        taken.partitions["payments"].config_changed()
        assert answer_of(taken.receive(), 9) == [(ErrorCode.NONE, 0)] * 3


def test_with_acks_all_a_follower_that_joins_meanwhile_is_waited_for() -> None:
    """The request began its wait when there was nobody to wait for but this node's own disk."""
    with road() as taken:
        wanted = three_topics()
        wanted.acks = -1
        taken.send(wanted, 9)
        partition = taken.partitions["payments"]
        assigned = taken.node.metadata.image.topics_by_name["payments"].partitions[0]
        partition.lead(replace(assigned, replicas=(1, 2), isr=(1, 2), partition_epoch=99))
        taken.node.turn()
        taken.node.committer.stop()
        taken.node.turn()
        assert not taken.client.received.done()
        partition.replica_fetched(2, 1, log_start_offset=0, broker_epoch=-1)
        assert answer_of(taken.receive(), 9) == [(ErrorCode.NONE, 0)] * 3


def test_with_acks_all_the_last_record_of_a_batch_is_waited_for() -> None:
    with road() as taken:
        partition = taken.partitions["orders"]
        partition.append(batch(b"before"), now_ms=NOW_MS)
        assigned = taken.node.metadata.image.topics_by_name["orders"].partitions[0]
        partition.lead(replace(assigned, replicas=(1, 2), isr=(1, 2), partition_epoch=99))
        taken.send(request(("orders", [(0, batch(b"a", b"b", b"c"))]), acks=-1), 9)
        taken.node.turn()
        taken.node.committer.stop()
        taken.node.turn()
        partition.replica_fetched(2, 3, log_start_offset=0, broker_epoch=-1)
        taken.node.turn()
        assert not taken.client.received.done()
        partition.replica_fetched(2, 4, log_start_offset=0, broker_epoch=-1)
        assert answer_of(taken.receive(), 9) == [(ErrorCode.NONE, 1)]


def test_with_acks_all_what_only_a_follower_has_made_durable_is_not_answered() -> None:
    with road() as taken:
        taken.node.committer.stop()
        partition = taken.partitions["orders"]
        assigned = taken.node.metadata.image.topics_by_name["orders"].partitions[0]
        partition.lead(replace(assigned, replicas=(1, 2), isr=(1, 2), partition_epoch=99))
        taken.send(request(("orders", [(0, batch(b"a"))]), acks=-1), 9)
        partition.replica_fetched(2, 1, log_start_offset=0, broker_epoch=-1)
        taken.node.turn()
        assert not taken.client.received.done()


def test_with_acks_all_too_few_replicas_in_sync_are_told_of() -> None:
    """The in-sync set was given more replicas to be, and has fewer than it must, while the request waited."""
    with road() as taken:
        wanted = three_topics()
        wanted.acks = -1
        partition = taken.partitions["payments"]
        partition.log.update_config(LogConfig(min_insync_replicas=2))
        taken.send(wanted, 9)
        assigned = taken.node.metadata.image.topics_by_name["payments"].partitions[0]
        partition.lead(replace(assigned, replicas=(1, 2), partition_epoch=99))
        assert answer_of(taken.receive(), 9) == [
            (ErrorCode.NONE, 0),
            (ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND, -1),
            (ErrorCode.NONE, 0),
        ]


def test_a_segment_that_the_disk_refuses_is_refused_alone() -> None:
    with road() as taken:
        taken.node.disk.fail("write", errno.ENOSPC, path_part="payments-0")
        assert answer_of(taken.ask(three_topics(), 9), 9) == [
            (ErrorCode.NONE, 0),
            (ErrorCode.KAFKA_STORAGE_ERROR, -1),
            (ErrorCode.NONE, 0),
        ]


def test_a_journal_that_fails_acknowledges_nothing() -> None:
    with road() as taken:
        taken.node.disk.fail("datasync", errno.EIO, path_part="journal")
        assert answer_of(taken.ask(three_topics(), 9), 9) == [(ErrorCode.KAFKA_STORAGE_ERROR, -1)] * 3


def test_a_retried_batch_is_acknowledged_with_its_first_offset_when_that_is_durable() -> None:
    with road() as taken:
        sent = batch(b"x", producer_id=5, producer_epoch=0, base_sequence=0)
        for _ in range(3):
            assert answer_of(taken.ask(request(("orders", [(0, sent)])), 9), 9) == [(ErrorCode.NONE, 0)]
        both = request(("orders", [(0, sent), (0, sent)]))
        assert answer_of(taken.ask(both, 9), 9) == [(ErrorCode.NONE, 0)] * 2


def test_the_size_in_front_is_the_answers() -> None:
    with road() as taken:
        received = taken.ask(three_topics(), 12)
        assert struct.unpack_from(">ii", received) == (len(received) - 4, 7)

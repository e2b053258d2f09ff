"""Failures that Chronik recorded about itself, each as a test: acknowledgements, offsets, order and checksums.

The letters and numbers are those of its own list of lessons: A acknowledgements and durability, B offsets, order, CRC.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from harness.broker_process import BrokerProcess
from harness.confluent import create_topic, deliver, read_partition
from harness.raw_client import RawClient, produce_request

from protocol.errors import ErrorCode
from protocol.messages.init_producer_id import InitProducerIdRequest
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from protocol.records import Record, build_batch, iterate_batches, read_batch_header, read_records

StartBroker = Callable[..., BrokerProcess]


def batch(*values: bytes, base_offset: int = 0, producer_id: int = -1, sequence: int = -1) -> bytes:
    records = [Record(offset=base_offset + n, timestamp=1_000, key=None, value=value) for n, value in enumerate(values)]
    epoch = 0 if producer_id >= 0 else -1
    return build_batch(
        records, base_offset=base_offset, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence
    )


@pytest.mark.parametrize("acks", ["1", "all"])
def test_a1_an_acknowledgement_is_not_given_early(start_broker: StartBroker, topic: str, acks: str) -> None:
    """Its acks=1 and acks=all returned before anything was safe. Here: kill -9 once all is acknowledged, thrice."""
    running = start_broker()
    create_topic(running.bootstrap, topic, 4)
    for round_number in range(3):
        client = Producer({"bootstrap.servers": running.bootstrap, "acks": acks, "linger.ms": 0})
        deliver(client, topic, ({"value": b"%d" % round_number, "partition": n % 4} for n in range(400)))
        running.kill()
        running.start()

    for partition in range(4):
        values = [record.value() for record in read_partition(running.bootstrap, topic, partition)]
        assert values == [b"0"] * 100 + [b"1"] * 100 + [b"2"] * 100


def test_a2_what_was_taken_for_requests_is_given_back(start_broker: StartBroker, topic: str) -> None:
    """Its memory counter was never given back: after a bufferful of produce it dropped records and said success."""
    running = start_broker({"flush": "os", "log.segment.bytes": "67108864", "message.max.bytes": "4194304"})
    value = bytes(1_000_000)
    client = Producer({"bootstrap.servers": running.bootstrap, "linger.ms": 0, "message.max.bytes": 2_000_000})

    for _ in range(11):  # 660 MB in all: more than the 512 MiB that requests may hold together
        deliver(client, topic, ({"value": value} for _ in range(60)))

    with RawClient(running.bootstrap) as raw:
        assert raw.list_offset(topic, -1).offset == 660


def test_a3_every_refusal_reaches_the_client_as_one(broker: BrokerProcess, topic: str) -> None:
    """It mapped errors it did not know to success with base offset -1."""
    create_topic(broker.bootstrap, topic)
    good = batch(b"good")
    damaged = good[:-1] + bytes([good[-1] ^ 1])
    cut = good[:-3]
    of_magic_9 = good[:16] + b"\x09" + good[17:]
    two = batch(b"one", b"two")
    miscounted = two[:57] + (1).to_bytes(4, "big") + two[61:]
    with RawClient(broker.bootstrap) as raw:
        for name, records in {"damaged": damaged, "cut": cut, "magic": of_magic_9, "count": miscounted}.items():
            answer = raw.produce(topic, records)
            assert answer.error_code != ErrorCode.NONE, name
            assert answer.base_offset == -1, name
        assert raw.produce(topic, good, partition=7).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        assert raw.produce(topic, good, acks=7).error_code == ErrorCode.INVALID_REQUIRED_ACKS

        assert raw.list_offset(topic, -1).offset == 0, "and nothing of them was kept"


def test_a5_a_batch_sent_twice_moves_nothing_back(broker: BrokerProcess, topic: str) -> None:
    """Its high watermark was stored anew for a duplicate, lower than it was: consumers lost a fifth of the records."""
    create_topic(broker.bootstrap, topic)
    with RawClient(broker.bootstrap) as raw:
        producer_id = raw.call(InitProducerIdRequest(transactional_id=None), version=4).producer_id
        batches = [batch(b"%d" % n, producer_id=producer_id, sequence=n) for n in range(4)]
        for n, records in enumerate(batches):
            assert raw.produce(topic, records).base_offset == n

        again = raw.produce(topic, batches[1])

        # B16: the duplicate is answered with the offset it got the first time.
        assert (again.error_code, again.base_offset) == (ErrorCode.NONE, 1)
        assert raw.list_offset(topic, -1).offset == 4
        assert raw.fetch(topic, 0).high_watermark == 4
        gap = raw.produce(topic, batch(b"9", producer_id=producer_id, sequence=9))
        assert gap.error_code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert [record.value() for record in read_partition(broker.bootstrap, topic)] == [b"0", b"1", b"2", b"3"]


def test_a5_produced_records_are_visible_at_once_to_every_api(broker: BrokerProcess, topic: str) -> None:
    """1.2 million produced and none visible: ListOffsets, Fetch and DeleteRecords each had their own high watermark."""
    create_topic(broker.bootstrap, topic)
    with RawClient(broker.bootstrap) as raw:
        for n in range(1, 50):
            assert raw.produce(topic, batch(b"x")).error_code == ErrorCode.NONE
            assert raw.list_offset(topic, -1).offset == n
            fetched = raw.fetch(topic, n - 1)
            assert (fetched.high_watermark, fetched.last_stable_offset) == (n, n)
            assert fetched.records


def test_b11_offsets_are_given_out_once_with_many_producers(broker: BrokerProcess, topic: str) -> None:
    """It loaded the next offset and stored it again later: two batches got the same one."""
    create_topic(broker.bootstrap, topic)
    taken: list[int] = []

    def produce(count: int) -> None:
        with RawClient(broker.bootstrap) as raw:
            taken.extend(raw.produce(topic, batch(b"a", b"b", b"c"), acks=1).base_offset for _ in range(count))

    threads = [threading.Thread(target=produce, args=(40,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == list(range(0, 16 * 40 * 3, 3))
    offsets = [record.offset() for record in read_partition(broker.bootstrap, topic)]
    assert offsets == list(range(16 * 40 * 3))


def test_b12_pipelined_requests_are_answered_and_appended_in_order(broker: BrokerProcess, topic: str) -> None:
    """A task per request mixed answers up (CorrelationIdMismatch) and sequences too (OutOfOrderSequence)."""
    create_topic(broker.bootstrap, topic, 2)
    with RawClient(broker.bootstrap) as raw:
        producer_id = raw.call(InitProducerIdRequest(transactional_id=None), version=4).producer_id
        asked: list[int] = []
        for n in range(200):
            records = batch(b"%d" % n, producer_id=producer_id, sequence=n)
            asked.append(raw.send(produce_request(topic, records, acks=1 if n % 2 else -1), version=8))
            if n % 10 == 0:  # other requests between them keep their places too
                topics = [MetadataRequestTopic(name=topic)]
                asked.append(raw.send(MetadataRequest(topics=topics), version=9))

        answered = [raw.receive() for _ in asked]

        assert [correlation_id for correlation_id, _ in answered] == asked
        produced = [response for _, response in answered if hasattr(response, "responses")]
        offsets = [response.responses[0].partition_responses[0].base_offset for response in produced]
        assert offsets == list(range(200))


def test_b13_a_batch_is_served_as_it_came(broker: BrokerProcess, topic: str) -> None:
    """CRC-32 for CRC-32C, wrong ranges, padding, re-encoding: only base offset and leader epoch may change, and do not
    count."""
    create_topic(broker.bootstrap, topic)
    sent = batch(b"first", b"second" * 100)
    with RawClient(broker.bootstrap) as raw:
        raw.produce(topic, batch(b"before"))
        raw.produce(topic, sent)

        fetched = bytes(raw.fetch(topic, 1).records or b"")

    header = read_batch_header(fetched)
    assert header.base_offset == 1
    assert header.partition_leader_epoch >= 0
    assert fetched[8:12] == sent[8:12]
    assert fetched[16:] == sent[16:]


def test_b14_the_base_offset_of_a_client_decides_nothing(broker: BrokerProcess, topic: str) -> None:
    """It took the client's word and lost offset 0. A client's batch begins at 0, and as in Kafka no other is taken."""
    create_topic(broker.bootstrap, topic)
    with RawClient(broker.bootstrap) as raw:
        assert raw.produce(topic, batch(b"a", b"b")).base_offset == 0
        assert raw.produce(topic, batch(b"x", base_offset=12_345)).error_code == ErrorCode.INVALID_RECORD
        assert raw.produce(topic, batch(b"c")).base_offset == 2

    assert [record.offset() for record in read_partition(broker.bootstrap, topic)] == [0, 1, 2]


def test_b14_a_fetch_gives_all_batches_and_not_the_first_alone(broker: BrokerProcess, topic: str) -> None:
    """85 % of records could not be read: its readers stopped after the first batch of a response."""
    create_topic(broker.bootstrap, topic)
    with RawClient(broker.bootstrap) as raw:
        for n in range(100):
            raw.produce(topic, batch(b"%d" % n), acks=1)

        records = bytes(raw.fetch(topic, 10).records or b"")

        headers = list(iterate_batches(records))
        assert [header.base_offset for _, header in headers] == list(range(10, 100))
        values = [
            record.value
            for position, header in headers
            for record in read_records(records, position, header, decompressed_bytes_max=1 << 20)
        ]
        assert values == [b"%d" % n for n in range(10, 100)]
        # A limit below one batch gives that batch; a limit within a batch gives whole ones before it.
        assert len(list(iterate_batches(bytes(raw.fetch(topic, 0, max_bytes=1).records or b"")))) == 1

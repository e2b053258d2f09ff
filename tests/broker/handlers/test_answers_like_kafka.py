"""Small questions whose answers were compared with Apache Kafka 4's, code by code (PEER_BOOTSTRAP does it again)."""

from __future__ import annotations

from harness.broker_process import BrokerProcess
from harness.raw_client import RawClient
from log_harness import batch

from protocol.errors import ErrorCode
from protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from protocol.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from protocol.messages.find_coordinator import FindCoordinatorRequest
from protocol.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic


def create(client: RawClient, topic: str) -> None:
    creatable = CreatableTopic(name=topic, num_partitions=1, replication_factor=1)
    response = client.call(CreateTopicsRequest(timeout_ms=30_000, topics=[creatable]), version=5)
    assert response.topics[0].error_code == ErrorCode.NONE


def make_internal_topic(client: RawClient) -> None:
    while client.call(FindCoordinatorRequest(key="group"), version=2).error_code != ErrorCode.NONE:
        pass


def test_nobody_writes_to_an_internal_topic(broker: BrokerProcess) -> None:
    with RawClient(broker.bootstrap) as client:
        make_internal_topic(client)
        answer = client.produce("__consumer_offsets", batch(b"x"))
        assert (answer.error_code, answer.base_offset) == (ErrorCode.INVALID_TOPIC_EXCEPTION, -1)


def test_nobody_deletes_the_records_of_an_internal_topic(broker: BrokerProcess) -> None:
    with RawClient(broker.bootstrap) as client:
        make_internal_topic(client)
        asked = DeleteRecordsPartition(partition_index=0, offset=0)
        topics = [DeleteRecordsTopic(name="__consumer_offsets", partitions=[asked])]
        response = client.call(DeleteRecordsRequest(timeout_ms=30_000, topics=topics), version=1)
        answer = response.topics[0].partitions[0]
        assert (answer.error_code, answer.low_watermark) == (ErrorCode.INVALID_TOPIC_EXCEPTION, -1)


def test_a_partition_whose_offset_is_asked_for_twice_is_an_invalid_request(broker: BrokerProcess, topic: str) -> None:
    with RawClient(broker.bootstrap) as client:
        create(client, topic)
        asked = [ListOffsetsPartition(partition_index=0, timestamp=-1) for _ in range(2)]
        request = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=topic, partitions=asked)])
        answers = client.call(request, version=7).topics[0].partitions
        assert {answer.error_code for answer in answers} == {ErrorCode.INVALID_REQUEST}


def test_only_a_read_committed_fetch_has_a_list_of_aborted_transactions(broker: BrokerProcess, topic: str) -> None:
    with RawClient(broker.bootstrap) as client:
        create(client, topic)
        assert client.fetch(topic, 0).aborted_transactions is None

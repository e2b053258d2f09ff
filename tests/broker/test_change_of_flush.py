"""A data directory that is used with one `flush` after another: the journal of the one is no word against the other."""

from __future__ import annotations

import shutil

from harness.broker_process import BrokerProcess, StartBroker
from harness.raw_client import RawClient
from log_harness import batch, records_of

from protocol.errors import ErrorCode
from protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest


def produce(broker: BrokerProcess, value: bytes) -> None:
    with RawClient(broker.bootstrap) as client:
        assert client.produce("orders", batch(value)).error_code == ErrorCode.NONE


def values(broker: BrokerProcess) -> list[bytes | None]:
    with RawClient(broker.bootstrap) as client:
        return [record.value for record in records_of(client.fetch("orders", 0).records or b"")]


def test_what_was_written_without_the_journal_stays_when_the_journal_is_replayed(start_broker: StartBroker) -> None:
    """The journal still told how the partition had once begun again, empty; repeating that took away what had been
    acknowledged since, which the journal never saw."""
    broker = start_broker()
    with RawClient(broker.bootstrap) as client:
        creatable = CreatableTopic(name="orders", num_partitions=1, replication_factor=1)
        client.call(CreateTopicsRequest(timeout_ms=30_000, topics=[creatable]), version=5)
    produce(broker, b"lost with its directory")
    broker.stop()
    shutil.rmtree(broker.data_directory / "orders-0")
    broker.start()
    produce(broker, b"journalled")
    broker.stop()

    broker.settings["flush"] = "os"
    broker.start()
    produce(broker, b"not journalled")
    broker.stop()
    broker.start()
    assert values(broker) == [b"journalled", b"not journalled"]
    broker.stop()
    del broker.settings["flush"]
    broker.start()
    assert values(broker) == [b"journalled", b"not journalled"]

"""What is found by reading back records that each say who they are, as librdkafka's do: every fault by its name."""

from __future__ import annotations

import pytest
from bench_harness.wire_server import WireServer

from broker.bench.payload import IDENTITY
from broker.bench.verify import Account, Verification, verify
from broker.bench.wire import Cluster, parse_addresses
from protocol.records import Compression, Record, build_batch

CLIENT = 7


@pytest.fixture(autouse=True)
def waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing from this broker will not come later."""
    monkeypatch.setattr("broker.bench.verify.MISSING_WAIT_S", 0.0)


def batch(*sequences: int, client: int = CLIENT, compression: Compression = Compression.LZ4) -> bytes:
    values = [IDENTITY.pack(client, sequence, 0) + b"payload" for sequence in sequences]
    records = [Record(offset=index, timestamp=1, key=None, value=value) for index, value in enumerate(values)]
    return build_batch(records, compression=compression)


def read_back(*partitions: list[bytes], sent: int, unknown: tuple[int, ...] = ()) -> Verification:
    """What one client's account comes to, whose records lie in these partitions."""
    account = Account(connection_id=CLIENT, partitions=[], sent=sent, failed={}, unknown=set(unknown))
    with WireServer() as server:
        server.topics["bench"] = list(partitions)
        cluster = Cluster(parse_addresses(server.bootstrap))
        try:
            return verify(cluster, "bench", [account], dict.fromkeys(range(len(partitions)), 0), 1)
        finally:
            cluster.close()


def test_records_of_a_client_are_found_in_whatever_batch_and_partition_they_are() -> None:
    found = read_back([batch(0, 2), batch(3)], [batch(1)], sent=4)

    assert (found.acknowledged, found.read_back, found.faults) == (4, 4, 0)


def test_a_record_that_is_missing_from_the_middle_of_a_batch_is_lost() -> None:
    found = read_back([batch(0, 2)], sent=3)

    assert (found.lost, found.faults) == (1, 1)
    assert "request 1 of connection 7 was acknowledged and is lost" in found.examples[0]


def test_the_last_record_is_missed_like_any_other() -> None:
    assert read_back([batch(0)], [], sent=2).lost == 1


def test_a_record_that_is_in_two_partitions_is_duplicated() -> None:
    found = read_back([batch(0, 1)], [batch(1)], sent=2)

    assert (found.duplicated, found.faults) == (1, 1)


def test_a_record_behind_a_later_one_of_its_partition_is_out_of_order() -> None:
    found = read_back([batch(1), batch(0)], sent=2)

    assert (found.out_of_order, found.faults) == (1, 1)


def test_what_was_never_answered_is_no_fault_there_or_not() -> None:
    there, not_there = (read_back([batch(*sequences)], sent=2, unknown=(1,)) for sequences in ((0, 1), (0,)))

    assert (there.unacknowledged, there.unacknowledged_found, there.faults) == (1, 1, 0)
    assert (not_there.unacknowledged, not_there.unacknowledged_found, not_there.faults) == (1, 0, 0)


def test_a_record_that_this_client_never_sent_is_somebody_elses() -> None:
    found = read_back([batch(0), batch(1), batch(0, client=8)], sent=1)

    assert (found.foreign, found.faults) == (2, 0)


def test_a_flipped_bit_is_damage_and_its_records_are_lost() -> None:
    damaged = bytearray(batch(0, compression=Compression.NONE))
    damaged[-2] ^= 1

    found = read_back([bytes(damaged)], sent=1)

    assert (found.corrupted, found.lost) == (1, 1)

"""Produce with acks=0: nothing is answered, and yet the broker takes no more than its disk does."""

from __future__ import annotations

import errno

import pytest
from harness.data_node import data_node
from harness.raw_client import produce_request
from log_harness import batch

from broker.handlers import produce
from broker.request import CloseConnection


def test_a_request_without_an_answer_is_under_way_until_it_is_durable() -> None:
    """Its bytes were given back at once, and nothing slowed down a producer that is faster than the disk."""
    with data_node() as node:
        node.create("orders")
        node.begin(produce.handle, produce_request("orders", batch(b"x"), acks=0), version=8)
        node.turn()
        assert node.answers == []
        node.commit()
        assert node.answers == [None]


def test_one_that_is_refused_at_once_closes_the_connection() -> None:
    with data_node() as node:
        node.create("orders")
        node.begin(produce.handle, produce_request("orders", b"garbage" * 20, acks=0), version=8)
        (answer,) = node.answers
        assert isinstance(answer, CloseConnection)


@pytest.mark.parametrize("path_part", ["orders-0", "journal"])
def test_one_that_the_disk_refuses_later_closes_the_connection(path_part: str) -> None:
    """It was dropped without a word, and the producer went on believing that its records were there."""
    with data_node() as node:
        node.create("orders")
        node.disk.fail("write", errno.EIO, path_part=path_part)
        node.begin(produce.handle, produce_request("orders", batch(b"x"), acks=0), version=8)
        node.turn()
        if path_part == "journal":
            node.commit()
            node.turn()
            node.partitions.fail_all("the journal failed")
        (answer,) = node.answers
        assert isinstance(answer, CloseConnection)
        assert "KAFKA_STORAGE_ERROR" in str(answer)

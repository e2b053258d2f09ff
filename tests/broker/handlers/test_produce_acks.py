"""Produce with acks=0: nothing is answered, and yet the broker takes no more than its disk does."""

from __future__ import annotations

from harness.data_node import data_node
from harness.raw_client import produce_request
from log_harness import batch

from broker.handlers import produce


def test_a_request_without_an_answer_is_under_way_until_it_is_durable() -> None:
    """Its bytes were given back at once, and nothing slowed down a producer that is faster than the disk."""
    with data_node() as node:
        node.create("orders")
        node.begin(produce.handle, produce_request("orders", batch(b"x"), acks=0), version=8)
        node.turn()
        assert node.answers == []
        node.commit()
        assert node.answers == [None]

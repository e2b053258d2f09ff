"""A broker that is sent produce requests: ours, or Apache Kafka to compare with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faults_harness.produced import PEER
from faults_harness.wire import Wire, new_topic_name
from harness.broker_process import BrokerProcess


@pytest.fixture(scope="module")
def bootstrap(request: pytest.FixtureRequest) -> str:
    if PEER:
        return PEER
    running: BrokerProcess = request.getfixturevalue("broker")
    return running.bootstrap


@pytest.fixture
def wire(bootstrap: str) -> Iterator[Wire]:
    with Wire(bootstrap) as client:
        yield client


@pytest.fixture
def topic(wire: Wire) -> str:
    name = new_topic_name()
    wire.create_topic(name)
    return name

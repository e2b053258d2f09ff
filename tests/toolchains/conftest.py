"""Fixtures of the tests that need Node, Java, Go or Rust; what a machine lacks is skipped with its name.

To see whether a client or the broker is wrong, run the same tests against another broker:
    MILLSTREAM_TEST_BOOTSTRAP=127.0.0.1:19092 scripts/test tests/toolchains
It must not create topics by itself; tests that look into the broker's directory are skipped then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from harness.broker_process import BrokerProcess
from toolchains_harness import clients
from toolchains_harness.client_process import Client, ClientProcess
from toolchains_harness.kafka_tools import KafkaTools, start_kafka_tools

OTHER_BROKER = os.environ.get("MILLSTREAM_TEST_BOOTSTRAP")


@pytest.fixture(scope="session")
def strict_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A broker that creates no topic unasked, for every test of this room; each uses topics and groups of its own."""
    if OTHER_BROKER:
        pytest.skip("looks into the broker's directory, which is not ours")
    with BrokerProcess(tmp_path_factory.mktemp("broker"), {"auto.create.topics.enable": "false"}) as running:
        yield running


@pytest.fixture(scope="session")
def bootstrap(request: pytest.FixtureRequest) -> str:
    if OTHER_BROKER:
        return OTHER_BROKER
    broker: BrokerProcess = request.getfixturevalue("strict_broker")
    return broker.bootstrap


@pytest.fixture(scope="session")
def kafka_tools() -> Iterator[KafkaTools]:
    """Kafka's command-line tools in one Java process."""
    tools = start_kafka_tools()
    yield tools
    tools.close()


@pytest.fixture(scope="session")
def client_processes() -> Iterator[dict[str, ClientProcess]]:
    """The clients that run already, by name."""
    running: dict[str, ClientProcess] = {}
    yield running
    for process in running.values():
        process.close()


@pytest.fixture
def client(request: pytest.FixtureRequest, client_processes: dict[str, ClientProcess], bootstrap: str) -> Client:
    """The client that the test is parametrized with."""
    name: str = request.param
    if name not in client_processes or not client_processes[name].is_running:
        client_processes[name] = clients.start(name)
    return Client(name, client_processes[name], bootstrap)

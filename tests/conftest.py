"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.broker_process import BrokerProcess, StartBroker
from hypothesis import HealthCheck, settings

# How fast an example runs says more about the machine than about the code: no test here asserts time.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

# A shell starts what runs behind it with Ctrl-C ignored, and whatever that starts inherits it: tests interrupt brokers.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """One running broker for all tests of a module; each test uses topics of its own.

    PEER_BOOTSTRAP=host:port names a running Apache Kafka to use instead, to see what it does where a test fails.
    """
    peer_bootstrap = os.environ.get("PEER_BOOTSTRAP")
    if peer_bootstrap:
        yield BrokerProcess(Path(), port=int(peer_bootstrap.rpartition(":")[2]))
        return
    with BrokerProcess(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[StartBroker]:
    """Start brokers that a test may configure and kill; all are gone after it."""
    if os.environ.get("PEER_BOOTSTRAP"):
        pytest.skip("needs a broker with settings of its own, and PEER_BOOTSTRAP names one that runs")
    started: list[BrokerProcess] = []

    def start(settings: dict[str, str] | None = None, *, name: str = "broker") -> BrokerProcess:
        process = BrokerProcess(tmp_path / name, settings)
        started.append(process)
        return process.start()

    yield start
    for process in started:
        if process.process is not None:
            process.kill()


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A name for a topic that no other test uses; nothing is created."""
    return f"{request.node.originalname[:80]}.{uuid.uuid4().hex[:8]}"

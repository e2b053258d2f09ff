"""kill -9 in a loop under load from three client libraries: the scenario of the test and of the soak."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from harness.broker_process import BrokerProcess
from harness.confluent import create_topic

from faults_harness.accounted_load import Account, AiokafkaLoad, ConfluentLoad, KafkaPythonLoad, Load
from faults_harness.accounting import check
from faults_harness.offset_commits import OffsetCommits

PARTITIONS = 4
# How long every producer may take to get something acknowledged after a restart; reached only by a failing run.
PROGRESS_TIMEOUT_S = 60.0
# A moment is chosen by how many acknowledgements come before it.
ACKNOWLEDGEMENTS_BEFORE_KILL_MAX = 400

# Everything that moves on disk moves often: segments roll, indexes fill, journal segments end and are trimmed.
BUSY_DISK = {
    "journal.profile": "low",
    "log.segment.bytes": "1048576",
    "log.index.interval.bytes": "0",
    "log.flush.offset.checkpoint.interval.ms": "300",
}

LOADS: list[tuple[str, type[Load], str, bool]] = [
    ("confluent-idempotent", ConfluentLoad, "all", True),
    ("confluent-one", ConfluentLoad, "1", False),
    ("kafka-python-idempotent", KafkaPythonLoad, "all", True),
    ("kafka-python-one", KafkaPythonLoad, "1", False),
    ("aiokafka-idempotent", AiokafkaLoad, "all", True),
    ("aiokafka-all", AiokafkaLoad, "all", False),
]


@dataclass(slots=True)
class Outcome:
    kills: int
    acknowledged: int
    commits: int


def kill_in_a_loop(
    broker: BrokerProcess,
    *,
    kills: int,
    chance: random.Random,
    padding_bytes: int = 60,
    end: Callable[[BrokerProcess], object] = BrokerProcess.kill,
) -> Outcome:
    """Start everything, kill and restart `kills` times, then read everything back. `broker` runs when this returns."""
    topic = f"killed.{uuid.uuid4().hex[:8]}"
    create_topic(broker.bootstrap, topic, PARTITIONS)
    loads = [_load(broker, spec, topic, padding_bytes) for spec in LOADS]
    commits = OffsetCommits(broker.bootstrap, f"group-{topic}", topic)
    everybody: list[Load | OffsetCommits] = [*loads, commits]
    for running in everybody:
        running.start()
    accounts = [load.account for load in loads]
    try:
        for _ in range(kills):
            _await_progress(accounts, chance)
            end(broker)
            broker.start()
        _await_progress(accounts, chance)
    finally:
        for running in everybody:
            running.finish()
    assert not [failure for account in accounts for failure in account.failures]
    assert not commits.faults
    assert commits.acknowledged > kills
    return Outcome(kills, check(broker.bootstrap, topic, PARTITIONS, accounts), commits.acknowledged)


def _load(broker: BrokerProcess, spec: tuple[str, type[Load], str, bool], topic: str, padding_bytes: int) -> Load:
    name, kind, acks, idempotent = spec
    account = Account(name, idempotent=idempotent)
    load: Load = kind(broker.bootstrap, account, topic, PARTITIONS, b"x" * padding_bytes, acks)  # type: ignore[call-arg, arg-type]
    return load


def _await_progress(accounts: list[Account], chance: random.Random) -> None:
    """Until every producer got one more acknowledgement, and one of them as many more as chance says."""
    before = [len(account.acknowledged) for account in accounts]
    deadline = time.monotonic() + PROGRESS_TIMEOUT_S
    for account, count in zip(accounts, before, strict=True):
        _await(account, count + 1, deadline)
    chosen = chance.choice(accounts)
    _await(chosen, len(chosen.acknowledged) + chance.randrange(ACKNOWLEDGEMENTS_BEFORE_KILL_MAX), deadline)


def _await(account: Account, count: int, deadline: float) -> None:
    came = account.wait_for(
        lambda: len(account.acknowledged) >= count or bool(account.failures), deadline - time.monotonic()
    )
    assert not account.failures, account.failures[:5]
    assert came, f"{account.name} got nothing acknowledged within {PROGRESS_TIMEOUT_S} s"

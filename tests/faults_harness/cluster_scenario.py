"""Three producers and a committing group over a cluster that a test disturbs: acks=all, idempotent, all read back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from confluent_kafka.admin import AdminClient, NewTopic
from harness.confluent import DEADLINE_S

from faults_harness.accounted_load import Account, AiokafkaLoad, ConfluentLoad, KafkaPythonLoad, Load
from faults_harness.accounting import check
from faults_harness.offset_commits import OffsetCommits

PARTITIONS = 6
REPLICAS = 3
# How long everybody may take to get something acknowledged; reached only by a failing run.
PROGRESS_TIMEOUT_S = 60.0
# How long a client waits for a node that answers nothing (a paused one, one behind a cut link) before it asks others.
SILENCE_MS = 3000


class ImpatientConfluentLoad(ConfluentLoad):
    settings: ClassVar[dict[str, Any]] = {"socket.timeout.ms": SILENCE_MS, "request.timeout.ms": SILENCE_MS - 500}


class ImpatientKafkaPythonLoad(KafkaPythonLoad):
    settings: ClassVar[dict[str, Any]] = {"request_timeout_ms": SILENCE_MS}


# aiokafka's requests time out only when its records do: it waits until a silent node speaks again.
WAITS_FOR_THE_SILENT = "aiokafka"
LOADS: list[tuple[str, type[Load]]] = [
    ("confluent", ImpatientConfluentLoad),
    ("kafka-python", ImpatientKafkaPythonLoad),
    (WAITS_FOR_THE_SILENT, AiokafkaLoad),
]


@dataclass(slots=True)
class ClusterLoad:
    """What runs against the cluster; `progress` returns when every client got on since it was called."""

    bootstrap: str
    topic: str
    loads: list[Load]
    commits: OffsetCommits

    @property
    def accounts(self) -> list[Account]:
        return [load.account for load in self.loads]

    def progress(self, records: int = 50, *, while_a_node_is_silent: bool = False) -> None:
        accounts = [
            account
            for account in self.accounts
            if not (while_a_node_is_silent and account.name == WAITS_FOR_THE_SILENT)
        ]
        before = [len(account.acknowledged) for account in accounts]
        commits_before = self.commits.acknowledged
        deadline = time.monotonic() + PROGRESS_TIMEOUT_S
        for account, count in zip(accounts, before, strict=True):
            self._await(account, count + records, deadline)
        while self.commits.acknowledged <= commits_before:
            assert time.monotonic() < deadline, f"no offset was committed within {PROGRESS_TIMEOUT_S} s"
            self._await(self.accounts[0], len(self.accounts[0].acknowledged) + 1, deadline)

    @staticmethod
    def _await(account: Account, count: int, deadline: float) -> None:
        came = account.wait_for(
            lambda: len(account.acknowledged) >= count or bool(account.failures), deadline - time.monotonic()
        )
        assert not account.failures, account.failures[:5]
        assert came, f"{account.name} got nothing acknowledged within {PROGRESS_TIMEOUT_S} s"


@contextmanager
def loaded(bootstrap: str, *, min_insync_replicas: int = 2) -> Iterator[ClusterLoad]:
    """Run the load; at the end everything that was acknowledged is read back, once, in order, where it was told."""
    topic = f"disturbed.{uuid.uuid4().hex[:8]}"
    create_topic(bootstrap, topic, min_insync_replicas)
    loads = [_load(bootstrap, name, kind, topic) for name, kind in LOADS]
    commits = OffsetCommits(bootstrap, f"group-{topic}", topic, socket_timeout_ms=SILENCE_MS)
    everybody: list[Load | OffsetCommits] = [*loads, commits]
    for running in everybody:
        running.start()
    load = ClusterLoad(bootstrap, topic, loads, commits)
    try:
        load.progress()
        yield load
        load.progress()
    finally:
        for running in everybody:
            running.finish()
    assert not [failure for account in load.accounts for failure in account.failures]
    assert not commits.faults
    assert check(bootstrap, topic, PARTITIONS, load.accounts) > 0


def create_topic(bootstrap: str, topic: str, min_insync_replicas: int, partitions: int = PARTITIONS) -> None:
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    configs = {"min.insync.replicas": str(min_insync_replicas)}
    new = NewTopic(topic, num_partitions=partitions, replication_factor=REPLICAS, config=configs)
    client.create_topics([new])[topic].result(DEADLINE_S)


def _load(bootstrap: str, name: str, kind: type[Load], topic: str) -> Load:
    account = Account(name, idempotent=True)
    load: Load = kind(bootstrap, account, topic, PARTITIONS, b"x" * 60, "all")  # type: ignore[call-arg, arg-type]
    return load

"""Members of a consumer group, each a confluent-kafka consumer with a thread that polls it, and a way to wait for them.

with Members(bootstrap, "group", "topic") as members:
    members.join("a")
    members.until(lambda: members.partitions("a") == {0, 1, 2})
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from harness.confluent import consumer

DEADLINE_S = 40.0
POLL_S = 0.1


@dataclass(slots=True)
class Member:
    """What the thread of a member has seen; read it under `Members.until`."""

    name: str
    client: Consumer
    commits: bool
    partitions: set[int] = field(default_factory=set)
    records: list[Message] = field(default_factory=list)
    assigned: list[set[int]] = field(default_factory=list)
    revoked: list[set[int]] = field(default_factory=list)
    errors: list[KafkaError] = field(default_factory=list)
    asked_to_leave: threading.Event = field(default_factory=threading.Event)
    may_poll: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Members:
    def __init__(self, bootstrap: str, group: str, topic: str, **settings: Any) -> None:
        """`settings` are for every member, in librdkafka's words with underscores for dots."""
        self.bootstrap = bootstrap
        self.topic = topic
        self.settings = {
            "group_id": group,
            "heartbeat_interval_ms": 200,
            "session_timeout_ms": 6000,
            "reconnect_backoff_max_ms": 500,
            **settings,
        }
        self._members: dict[str, Member] = {}
        self._changed = threading.Condition()

    def join(self, name: str, *, commits: bool = False, **settings: Any) -> Member:
        client = consumer(self.bootstrap, client_id=name, **{**self.settings, **settings})
        member = Member(name, client, commits)
        member.may_poll.set()
        member.thread = threading.Thread(target=self._run, args=(member,), name=name, daemon=True)
        self._members[name] = member
        member.thread.start()
        return member

    def leave(self, name: str) -> Member:
        """Closes the consumer, which tells the coordinator unless it is a static member."""
        member = self._members.pop(name)
        member.asked_to_leave.set()
        member.may_poll.set()
        assert member.thread is not None
        member.thread.join(DEADLINE_S)
        assert not member.thread.is_alive(), f"{name} did not leave"
        return member

    def _run(self, member: Member) -> None:
        def assigned(client: Consumer, partitions: list[Any]) -> None:
            with self._changed:
                member.assigned.append({partition.partition for partition in partitions})

        def revoked(client: Consumer, partitions: list[Any]) -> None:
            with self._changed:
                member.revoked.append({partition.partition for partition in partitions})

        member.client.subscribe([self.topic], on_assign=assigned, on_revoke=revoked, on_lost=revoked)
        while not member.asked_to_leave.is_set():
            member.may_poll.wait()
            message = member.client.poll(POLL_S)
            with self._changed:
                self._note(member, message)
                self._changed.notify_all()
        member.client.close()

    def _note(self, member: Member, message: Message | None) -> None:
        member.partitions = {partition.partition for partition in member.client.assignment()}
        if message is None:
            return
        error = message.error()
        if error is not None:
            member.errors.append(error)
            return
        member.records.append(message)
        if member.commits:
            self._commit(member, message)

    def _commit(self, member: Member, message: Message) -> None:
        try:
            member.client.commit(message=message, asynchronous=False)
        except KafkaException as error:  # a rebalance came between: the record is delivered again
            member.errors.append(error.args[0])

    def until(self, condition: Callable[[], bool], *, deadline_s: float = DEADLINE_S) -> None:
        deadline = time.monotonic() + deadline_s
        with self._changed:
            while not condition():
                left_s = deadline - time.monotonic()
                assert left_s > 0, f"not within {deadline_s} s: {self.describe()}"
                self._changed.wait(left_s)

    def partitions(self, name: str) -> set[int]:
        return self._members[name].partitions

    def shares(self) -> list[int]:
        """How many partitions each member has, smallest first."""
        return sorted(len(member.partitions) for member in self._members.values())

    def cover(self, count: int) -> bool:
        """Every one of `count` partitions has exactly one owner, and every member at least one where that can be."""
        owned = sorted(partition for member in self._members.values() for partition in member.partitions)
        return owned == list(range(count)) and (min(self.shares()) > 0 or len(self._members) > count)

    def records(self) -> list[Message]:
        return [record for member in self._members.values() for record in member.records]

    def describe(self) -> dict[str, Any]:
        return {name: (member.partitions, member.errors) for name, member in self._members.items()}

    def __enter__(self) -> Members:
        return self

    def __exit__(self, *exception: object) -> None:
        for member in self._members.values():
            member.asked_to_leave.set()
            member.may_poll.set()
        for name in list(self._members):
            self.leave(name)

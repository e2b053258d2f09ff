"""A group whose committed offset only grows: after any kill -9 it may not lie below what was acknowledged."""

from __future__ import annotations

import threading

from confluent_kafka import Consumer, KafkaException, TopicPartition


class OffsetCommits:
    """Commits 1, 2, 3, … for one partition in a thread of its own; looks after every failure what the broker has."""

    def __init__(self, bootstrap: str, group: str, topic: str, *, socket_timeout_ms: int = 60_000) -> None:
        self.acknowledged = 0
        self.attempted = 0
        self.looks = 0
        self.faults: list[str] = []
        self._topic = topic
        self._stopping = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 0,
                "group.id": group,
                "enable.auto.commit": False,
                "reconnect.backoff.max.ms": 200,
                "retry.backoff.ms": 20,
                "socket.timeout.ms": socket_timeout_ms,
            }
        )
        self._thread = threading.Thread(target=self._run, name="offset-commits")

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._look()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.attempted += 1
            try:
                self._consumer.commit(offsets=[TopicPartition(self._topic, 0, self.attempted)], asynchronous=False)
            except KafkaException:
                self._look()
            else:
                self.acknowledged = self.attempted

    def _look(self) -> None:
        """Ask until the broker answers: it may be down at the moment."""
        for _ in range(100):
            try:
                found = self._consumer.committed([TopicPartition(self._topic, 0)], timeout=30)[0].offset
            except KafkaException:
                continue
            self.looks += 1
            if not self.acknowledged <= found <= self.attempted:
                self.faults.append(f"{found} is committed, {self.acknowledged} was acknowledged")
            return
        self.faults.append("the broker did not say what is committed")

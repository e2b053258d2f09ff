#!/usr/bin/env python3
"""Take a node from a running cluster again and again, and tell how long acks=all writes wait: median, worst, phases.

    scripts/measure_failover.py --rounds 30                  kill -9, of the controller and of others in turn
    scripts/measure_failover.py --rounds 10 --how pause      SIGSTOP
    scripts/measure_failover.py --rounds 10 --how cut        its links to the others are cut
    scripts/measure_failover.py --rounds 5 --partitions 1000 --away-s 0    how soon a node is back in sync

One writer a partition, on a socket of its own, one record at a time. A writer that is refused, or gets no answer for a
moment, asks the others who leads. What is told of a round is its longest pause between two acknowledgements, of
partitions that the victim led and of all others; and how long the victim needs until it is in sync everywhere again.
What the nodes logged meanwhile is printed for rounds slower than `--tell-ms`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import select
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from faults_harness.wire import PRODUCE_VERSION, Wire, produce_request  # noqa: E402
from harness.cluster_process import ClusterProcess  # noqa: E402
from harness.proxied_cluster import ProxiedCluster  # noqa: E402
from log_harness.batches import batch  # noqa: E402

from protocol.errors import ErrorCode  # noqa: E402
from protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest  # noqa: E402
from protocol.messages.elect_leaders import ElectLeadersRequest  # noqa: E402
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic  # noqa: E402

TOPIC = "written"
WRITTEN_PARTITIONS = 6
BULK_TOPIC = "bulk"
PACE_S = 0.02
IMPATIENCE_S = 0.1
SETTLED_S = 60.0
LOG_TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (.*)")


@dataclass(slots=True)
class State:
    """What one node says: the controller, and (leader, isr) by partition."""

    controller: int
    partitions: dict[int, tuple[int, set[int]]]


class Asker:
    """Asks any node that answers at once; one connection a node, kept."""

    def __init__(self, cluster: ClusterProcess) -> None:
        self._cluster = cluster
        self._wires: dict[int, Wire] = {}

    def state(self, topic: str = TOPIC, *, not_of: tuple[int, ...] = ()) -> State | None:
        for node_id in self._cluster.nodes:
            if node_id in not_of:
                continue
            with contextlib.suppress(OSError):
                return self._ask(node_id, topic)
            self._wires.pop(node_id, None)
        return None

    def _ask(self, node_id: int, topic: str) -> State:
        wire = self._wires.get(node_id)
        if wire is None:
            wire = self._wires[node_id] = Wire(f"127.0.0.1:{self._cluster.client_ports[node_id]}", timeout_s=1.0)
        request = MetadataRequest(topics=[MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False)
        answer = wire.call(request, 9)
        partitions = {p.partition_index: (p.leader_id, set(p.isr_nodes)) for p in answer.topics[0].partitions}
        return State(answer.controller_id, partitions)


class Writer(threading.Thread):
    """Writes to one partition until it is ended; `acks` are the times of its acknowledgements."""

    def __init__(self, cluster: ClusterProcess, partition: int) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._partition = partition
        self._asker = Asker(cluster)
        self._wire: Wire | None = None
        self._leader = 0
        self.victim = 0
        self.acks: list[float] = []
        self.story: list[tuple[float, str]] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(PACE_S if self._wire else 0.005):
            try:
                self._write()
            except OSError as error:
                self._told(f"connection to {self._leader}: {error or type(error).__name__}")
                self._wire = None

    def _write(self) -> None:
        wire = self._wire or self._connect()
        if wire is None:
            return
        request = produce_request(TOPIC, {self._partition: batch(b"x" * 100, timestamp=int(time.time() * 1000))})
        sent = wire.send(request, PRODUCE_VERSION)
        while not _readable(wire):
            state = self._asker.state(not_of=(self._leader, self.victim))
            if state is not None and state.partitions[self._partition][0] not in (self._leader, -1):
                raise ConnectionAbortedError("another leads")
        answer = wire.receive(type(request), PRODUCE_VERSION, sent).responses[0].partition_responses[0]
        if answer.error_code:
            raise ConnectionAbortedError(ErrorCode(answer.error_code).name)
        self.acks.append(time.time())

    def _connect(self) -> Wire | None:
        state = self._asker.state(not_of=(self.victim or self._leader,))
        leader = -1 if state is None else state.partitions[self._partition][0]
        if leader < 0:
            self._told("no leader")
            return None
        if leader != self._leader:
            self._told(f"led by {leader}")
        self._leader = leader
        self._wire = Wire(f"127.0.0.1:{self._cluster.client_ports[leader]}", timeout_s=30.0)
        return self._wire

    def _told(self, what: str) -> None:
        if not self.story or self.story[-1][1] != what:
            self.story.append((time.time(), what))

    def longest_pause_ms(self, since: float, until: float) -> float:
        acks = [at for at in self.acks if at >= since]
        before = max((at for at in self.acks if at < since), default=since)
        pauses = [later - earlier for earlier, later in zip([before, *acks], [*acks, until], strict=False)]
        return 1000 * max(pauses, default=until - since)


def _readable(wire: Wire) -> bool:
    return bool(select.select([wire.socket], [], [], IMPATIENCE_S)[0])


class Measurement:
    def __init__(self, cluster: ClusterProcess, arguments: argparse.Namespace) -> None:
        self._cluster = cluster
        self._how = arguments.how
        self._tell_ms = arguments.tell_ms
        self._away_s = arguments.away_s
        self._topics = [TOPIC] if not arguments.partitions else [TOPIC, BULK_TOPIC]
        self._asker = Asker(cluster)
        self._writers = {p: Writer(cluster, p) for p in range(WRITTEN_PARTITIONS)}
        self.led: list[float] = []
        self.other: list[float] = []
        self.back: list[float] = []

    def run(self, rounds: int) -> None:
        for writer in self._writers.values():
            writer.start()
        time.sleep(1.0)
        try:
            for number in range(rounds):
                self._round(number)
        finally:
            for writer in self._writers.values():
                writer.ended.set()
        print(f"\n{self._how}: {rounds} rounds, milliseconds")
        for name, values in (("led by the victim", self.led), ("led by others", self.other), ("back", self.back)):
            if values:
                median, worst = statistics.median(values), max(values)
                print(f"  {name:<18} median {median:6.0f}  worst {worst:6.0f}  {sorted(round(v) for v in values)}")

    def _round(self, number: int) -> None:
        state = self._asker.state()
        assert state is not None
        others = [node_id for node_id in self._cluster.nodes if node_id != state.controller]
        victim = state.controller if number % 2 == 0 else others[number // 2 % len(others)]
        led = [p for p in self._writers if state.partitions[p][0] == victim]
        for writer in self._writers.values():
            writer.victim = victim
        if BULK_TOPIC in self._topics:
            self._fill()
        began = time.time()
        with self._taken(victim) as restarted:
            time.sleep(self._away_s)
            ended = time.time()
        back_s = self._wait_until_in_sync(restarted[0])
        pauses = {p: writer.longest_pause_ms(began, ended) for p, writer in self._writers.items()}
        worst_led = max((pauses[p] for p in led), default=0.0)
        worst_other = max((pause for p, pause in pauses.items() if p not in led), default=0.0)
        self.led.append(worst_led)
        self.other.append(worst_other)
        self.back.append(1000 * back_s)
        kind = "controller" if victim == state.controller else "broker"
        text = f"led by it {worst_led:5.0f}, others {worst_other:5.0f}, back in {1000 * back_s:5.0f} ms"
        print(f"{number:3} {self._how} {victim} ({kind}): {text}", flush=True)
        if max(worst_led, worst_other) > self._tell_ms:
            self._tell(began, victim, max(pauses, key=lambda p: pauses[p]))
        self._settle()

    def _fill(self) -> None:
        """A record into every partition of the bulk, so that each has something to recover."""
        state = self._asker.state(BULK_TOPIC)
        assert state is not None
        for node_id in self._cluster.nodes:
            values = [p for p, (leader, _) in state.partitions.items() if leader == node_id]
            records: dict[int, bytes | None] = {p: batch(b"y" * 100, timestamp=int(time.time() * 1000)) for p in values}
            with Wire(f"127.0.0.1:{self._cluster.client_ports[node_id]}") as wire:
                wire.call(produce_request(BULK_TOPIC, records), PRODUCE_VERSION)

    @contextlib.contextmanager
    def _taken(self, victim: int) -> Iterator[list[float]]:
        """Yields a list that holds, afterwards, when the victim was given back."""
        restarted: list[float] = []
        node = self._cluster.nodes[victim]
        if self._how == "kill":
            assert node.process is not None
            os.kill(node.process.pid, signal.SIGKILL)
            yield restarted
            node.kill()
            restarted.append(time.time())
            node.start()
        elif self._how == "pause":
            with self._cluster.paused(victim):
                yield restarted
            restarted.append(time.time())
        else:
            assert isinstance(self._cluster, ProxiedCluster)
            with self._cluster.links.cut(victim, *(n for n in self._cluster.nodes if n != victim)):
                yield restarted
            restarted.append(time.time())

    def _wait_until_in_sync(self, since: float) -> float:
        deadline = time.time() + SETTLED_S
        while time.time() < deadline:
            states = [self._asker.state(topic) for topic in self._topics]
            if all(state and all(len(isr) == 3 for _, isr in state.partitions.values()) for state in states):
                return time.time() - since
            time.sleep(0.05)
        raise SystemExit(f"not in sync again: {self._asker.state()}")

    def _settle(self) -> None:
        """Leaders where they were, and a moment for everything else."""
        with Wire(f"127.0.0.1:{self._cluster.client_ports[1]}") as wire:
            wire.call(ElectLeadersRequest(election_type=0, topic_partitions=None, timeout_ms=10_000), 2)
        for writer in self._writers.values():
            writer.victim = 0
        time.sleep(1.5)

    def _tell(self, began: float, victim: int, slowest: int) -> None:
        lines = [(at, f"writer of {slowest}: {what}") for at, what in self._writers[slowest].story if at >= began]
        for node_id, node in self._cluster.nodes.items():
            for line in node.log_text().splitlines():
                found = LOG_TIME.match(line)
                if found:
                    at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()
                    lines.append((at, f"node {node_id}{' (victim)' if node_id == victim else ''}: {found[2]}"))
        for at, line in sorted(lines):
            if began - 0.05 <= at <= began + self._away_s + 5:
                print(f"      {1000 * (at - began):+7.0f} {line[:200]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--how", choices=("kill", "pause", "cut"), default="kill")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--partitions", type=int, default=0, help="how many there are besides those written to")
    parser.add_argument("--tell-ms", type=float, default=1000.0, help="print the log of rounds that took longer")
    parser.add_argument("--away-s", type=float, default=6.0, help="how long the node is away, at least (default 6)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="millstream-failover-"))
    settings = dict(pair.split("=", 1) for pair in arguments.set)
    kind = ProxiedCluster if arguments.how == "cut" else ClusterProcess
    try:
        with kind(directory, settings=settings) as cluster:
            with Wire(f"127.0.0.1:{cluster.client_ports[1]}") as wire:
                for name, count in ((TOPIC, WRITTEN_PARTITIONS), (BULK_TOPIC, arguments.partitions)):
                    topic = CreatableTopic(name=name, num_partitions=count, replication_factor=3)
                    wire.call(CreateTopicsRequest(topics=[topic] if count else [], timeout_ms=30_000), 7)
            Measurement(cluster, arguments).run(arguments.rounds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()

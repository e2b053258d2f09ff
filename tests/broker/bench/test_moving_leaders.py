"""Leaders that move while a run goes on: writers follow them, and what was acknowledged is still counted as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bench_harness.wire_server import WireServer, keep, options_of, produce

from broker.bench.cluster_servers import ClusterServers
from broker.bench.failover import GAP_LIMIT_S, TOPIC, LeaderKiller, gaps_of_kills
from broker.bench.load import LoadResult, Second
from broker.bench.options import BenchOptions
from broker.bench.results import SilentObserver
from broker.bench.run import run_benchmark
from broker.bench.servers import Server
from broker.bench.window import GAPS_MAX, LONG_GAP_NS, Gaps
from broker.bench.wire import BenchError, Cluster, parse_addresses
from protocol import ErrorCode

MS = 1_000_000
WRITERS: dict[str, object] = {"acks": -1, "message_count": 60}
KINDS = [{}, {"idempotent": True}, {"in_flight": 4, "idempotent": True}, {"compression": "lz4"}, {"rate_limit": 400.0}]


def at(number: int, action: Callable[[], None]) -> Callable[[int], ErrorCode]:
    """`action` before the batch of that number is taken."""

    def error(seen: int) -> ErrorCode:
        if seen == number:
            action()
        return ErrorCode.NONE

    return error


def drop_connection() -> None:
    raise ConnectionResetError


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_writers_follow_a_leader_that_moves(changes: dict[str, object]) -> None:
    with WireServer() as first, WireServer(follow=first) as second:
        first.error = at(20, first.resign)
        result = produce(first, options_of(first, **WRITERS, **changes))

        assert second.produce_count > 0
    assert result.verification is not None and result.verification.faults == 0
    assert result.verification.read_back == result.load.records > 20
    assert set(result.load.errors) == {str(int(ErrorCode.NOT_LEADER_OR_FOLLOWER))}


@pytest.mark.parametrize("changes", KINDS[1:3], ids=str)
def test_a_writer_whose_connection_breaks_goes_on(changes: dict[str, object]) -> None:
    with WireServer() as server:
        server.error = at(20, drop_connection)
        result = produce(server, options_of(server, **WRITERS, **changes))

    assert result.verification is not None and result.verification.faults == 0
    assert result.load.failed >= 1
    assert result.verification.read_back == result.load.records > 20


def test_a_consumer_follows_its_leader_and_goes_on_where_it_was() -> None:
    with WireServer() as server:
        produce(server, options_of(server, **WRITERS))
        codes = iter([ErrorCode.NOT_LEADER_OR_FOLLOWER])
        server.fetch_error = lambda: next(codes, ErrorCode.NONE)
        options = BenchOptions(
            bootstrap_servers=server.bootstrap, topic="bench", mode="consume", message_count=60, duration_s=60.0
        )
        result = run_benchmark(options, SilentObserver())

    assert result.total_messages == 60
    assert result.errors == {str(int(ErrorCode.NOT_LEADER_OR_FOLLOWER)): 1}


def test_what_was_stored_without_an_answer_is_told_and_is_no_duplicate() -> None:
    def keep_and_break(batch: bytes, log: list[bytes]) -> None:
        keep(batch, log)
        if sum(map(len, server.topics["bench"])) == 20:
            raise ConnectionResetError

    with WireServer(store=keep_and_break) as server:
        found = produce(server, options_of(server, **WRITERS, idempotent=True)).verification

    assert found is not None and found.faults == 0
    assert found.unacknowledged_found == 1


def test_reading_back_that_does_not_get_on_is_an_error_and_says_nothing_of_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("broker.bench.read_back.STALL_LIMIT_S", 0.0)
    monkeypatch.setattr("bench_harness.wire_server._stamped", lambda log, from_offset: b"")

    with WireServer() as server, pytest.raises(BenchError, match="did not get on"):
        produce(server, options_of(server, **WRITERS))


class NodeInThisProcess(Server):
    """A node of a cluster under test whose process is a thread: killed it leads no more, started it is in sync."""

    def __init__(self, wire: WireServer, events: list[str], directory: Path) -> None:
        super().__init__(directory, {})
        self.port = int(wire.server_address[1])
        self._wire = wire
        self._events = events

    def kill(self) -> None:
        self._events.append(f"kill {self._wire.node_id}")
        self._wire.is_in_sync = False
        self._wire.resign()

    def start(self) -> float:
        self._events.append(f"start {self._wire.node_id}")
        self._wire.is_in_sync = True
        return 0.0


def second_after(seconds: float, *, records: int) -> Second:
    return Second(0.0, records=records, elapsed_s=1.0, ended_ns=time.monotonic_ns() + round(seconds * 1e9))


def killer_of(wires: list[WireServer], events: list[str], kills: int, directory: Path) -> LeaderKiller:
    nodes = iter(wires)
    servers = ClusterServers(
        directory, {}, lambda home, settings, place, _: NodeInThisProcess(next(nodes), events, home)
    )
    Cluster(parse_addresses(servers.bootstrap)).create_topic(TOPIC, 1, 3)
    return LeaderKiller(servers, kills)


def test_leaders_are_killed_when_writers_are_served_and_the_last_one_is_back(tmp_path: Path) -> None:
    events: list[str] = []
    with WireServer() as first, WireServer(follow=first) as second, WireServer(follow=first) as third:
        killer = killer_of([first, second, third], events, 2, tmp_path)
        for records in (1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1):
            killer.on_second(second_after(2.0, records=records))
        assert events == ["kill 1", "start 1", "kill 2", "start 2"] and not killer.is_done

        killer.on_second(second_after(0.0, records=1))  # began before the last start
        killer.on_second(second_after(2.0, records=1))
        assert not killer.is_done
        killer.on_second(second_after(2.0, records=1))

    assert killer.is_done and len(killer.killed_ns) == 2


def test_a_cluster_that_serves_nobody_any_more_is_an_error(tmp_path: Path) -> None:
    with WireServer() as first, WireServer(follow=first) as second, WireServer(follow=first) as third:
        killer = killer_of([first, second, third], [], 1, tmp_path)
        for _ in range(2):
            killer.on_second(second_after(2.0, records=1))

        with pytest.raises(BenchError, match="nothing was acknowledged for 120 s"):
            killer.on_second(second_after(GAP_LIMIT_S + 1, records=0))


def test_gaps_are_told_when_they_are_long_and_no_more_than_so_many() -> None:
    gaps = Gaps(0)
    gaps.note(LONG_GAP_NS)
    gaps.note(3 * LONG_GAP_NS)
    for turn in range(GAPS_MAX):
        gaps.note((5 + 2 * turn) * LONG_GAP_NS)

    assert gaps.found[0] == (LONG_GAP_NS, 3 * LONG_GAP_NS)
    assert len(gaps.found) == GAPS_MAX


def test_a_kill_is_measured_by_the_longest_gap_before_the_next() -> None:
    load = LoadResult()
    load.gaps = [
        (100 * MS, 900 * MS),  # before the first kill
        (1990 * MS, 2300 * MS),
        (2400 * MS, 2500 * MS),
        (4990 * MS, 7000 * MS),
    ]

    assert gaps_of_kills(load, [2000 * MS, 5000 * MS]) == [0.31, 2.01]


def test_a_kill_that_nobody_noticed_counts_as_the_shortest_gap_that_is_told_apart() -> None:
    assert gaps_of_kills(LoadResult(), [2000 * MS]) == [LONG_GAP_NS / 1e9]

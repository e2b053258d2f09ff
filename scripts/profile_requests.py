#!/usr/bin/env python3
"""Where the microseconds of a produce and of a fetch request go: the budget in docs/PERFORMANCE.md.

    scripts/profile_requests.py                 print the tables
    scripts/profile_requests.py --write         and put them into docs/PERFORMANCE.md
    scripts/profile_requests.py --quick         a tenth of the rounds: seconds, for a look

A whole node (flush=commit, a real journal) in this process, fed through its connections with prepared frames, without
sockets: 128 clients, one request in flight each, 40 of them a turn of the loop, as many as arrive together under load.
CPU time is what is told, of the thread or of the process, and the least of many short rounds of it: other programs on
the machine make a round slower and never faster. Stages are measured alone, on the same bytes; what connections,
dispatch, waits and answers take together is the rest. Sockets are measured with `millstream bench` against the node.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from broker.config import load_config  # noqa: E402
from broker.log import LogManager, PartitionLog  # noqa: E402
from broker.network import Listener  # noqa: E402
from broker.network.connection import Connection  # noqa: E402
from broker.node import Node  # noqa: E402
from broker.running import new_loop, spare_the_collector  # noqa: E402
from protocol import ApiKey, decoder, encode, encoder  # noqa: E402
from protocol.framing import frame  # noqa: E402
from protocol.headers import RequestHeader, encode_request_header  # noqa: E402
from protocol.messages.fetch import (  # noqa: E402
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    PartitionData,
)
from protocol.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData  # noqa: E402
from protocol.produce_bytes import produce_response, read_produce  # noqa: E402
from protocol.records import Record, build_batch, read_plain_batch  # noqa: E402
from wal import OsFilesystem  # noqa: E402

PAGE = PROJECT / "docs" / "PERFORMANCE.md"
TOPIC = "budget"
CLIENTS = 128
REQUESTS_PER_TURN = 40
PRODUCE_VERSION = 7
FETCH_VERSION = 11
FETCH_BYTES = 16 * 1024
VALUE_BYTES = 256
BENCH_SECONDS = 4

Row = tuple[str, list[float]]


class Transport(asyncio.Transport):
    """What a connection writes to: the client behind it is ready for its next request."""

    def __init__(self, connection: Connection, on_answer: Callable[[], None]) -> None:
        super().__init__()
        self._connection = connection
        self._on_answer = on_answer

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 0) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def write(self, data: Any) -> None:
        self._on_answer()

    def writelines(self, list_of_data: Any) -> None:
        for _ in list_of_data:
            self._on_answer()

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)


class ClosedLoop:
    """CLIENTS connections of one node, each with one request in flight."""

    def __init__(self, node: Node, listener: Listener) -> None:
        self._ready: deque[Connection] = deque()
        self._wake = asyncio.Event()
        self._answered = 0
        for _ in range(CLIENTS):
            self._connect(Connection(listener, node._dispatcher))

    def _connect(self, connection: Connection) -> None:
        def answered() -> None:
            self._answered += 1
            self._ready.append(connection)
            self._wake.set()

        connection.connection_made(Transport(connection, answered))
        self._ready.append(connection)

    async def run(self, request: bytes, count: int) -> tuple[float, float]:
        """(CPU of the process, CPU of the loop's thread) in µs a request, over `count` requests."""
        sent, self._answered = 0, 0
        process, loop = time.process_time(), time.thread_time()
        while self._answered < count:
            turn = [self._ready.popleft() for _ in range(min(REQUESTS_PER_TURN, count - sent, len(self._ready)))]
            for connection in turn:
                # As a socket gives them: bytes of their own.
                connection.data_received(bytes(bytearray(request)))
            sent += len(turn)
            if not turn:
                self._wake.clear()
                await self._wake.wait()
            await asyncio.sleep(0)
        return (time.process_time() - process) / count * 1e6, (time.thread_time() - loop) / count * 1e6

    async def best(self, request: bytes, count: int, rounds: int) -> tuple[float, float]:
        results = [await self.run(request, count) for _ in range(rounds)]
        return min(process for process, _ in results), min(loop for _, loop in results)


def best_us(work: Callable[[], object], *, rounds: int, count: int = 500) -> float:
    """Of one call, without the call of a function that does nothing."""
    return _least_us(work, rounds, count) - _least_us(lambda: None, rounds, count)


def _least_us(work: Callable[[], object], rounds: int, count: int) -> float:
    least = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        for _ in range(count):
            work()
        least = min(least, time.thread_time() - began)
    return least / count * 1e6


# --- produce ---------------------------------------------------------------------------------------------------------


def small_batch() -> bytes:
    return build_batch([Record(0, time.time_ns() // 1_000_000, None, os.urandom(VALUE_BYTES))])


def produce_frame(partitions: int) -> bytes:
    batch = small_batch()
    data = [PartitionProduceData(index=index, records=batch) for index in range(partitions)]
    request = ProduceRequest(acks=1, timeout_ms=30_000, topic_data=[TopicProduceData(name=TOPIC, partition_data=data)])
    header = RequestHeader(ApiKey.PRODUCE, PRODUCE_VERSION, 0, "profile")
    return frame(encode_request_header(header), encode(request, PRODUCE_VERSION))


def produce_stages(partitions: int, directory: str, rounds: int) -> list[float]:
    """µs a request: read, check, append, write, answer."""
    request, batch = produce_frame(partitions), small_batch()
    position = request.index(len(TOPIC).to_bytes(2, "big") + TOPIC.encode()) - 12
    assert read_produce(request, position, len(request), PRODUCE_VERSION) is not None
    read = best_us(lambda: read_produce(request, position, len(request), PRODUCE_VERSION), rounds=rounds)
    check = best_us(lambda: read_plain_batch(batch, 0, len(batch)), rounds=rounds) * partitions
    numbers = [number for index in range(partitions) for number in (index, 1_000_000, -1, 0)]
    answer = best_us(lambda: produce_response(PRODUCE_VERSION, 1, [(TOPIC.encode(), numbers)]), rounds=rounds)
    append, write = log_stages(partitions, directory, batch, rounds)
    return [read, check, append - check, write, answer]


def log_stages(partitions: int, directory: str, batch: bytes, rounds: int) -> tuple[float, float]:
    """µs a request: appending to all partitions (with the check); a request's share of writing them once a turn."""
    manager = LogManager(OsFilesystem(), directory)
    manager.load_all()
    topic_id, now_ms = os.urandom(16), time.time_ns() // 1_000_000
    logs: list[PartitionLog] = [manager.get_or_create(TOPIC, topic_id, index) for index in range(partitions)]
    for log in logs:
        log.append_as_leader(batch, leader_epoch=1, now_ms=now_ms)
        log.write_out_entry()
    append = write = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        for _ in range(REQUESTS_PER_TURN):
            for log in logs:
                log.append_plain(batch, 0, len(batch), 1, now_ms)
        appended = time.thread_time()
        for log in logs:
            log.write_out_entry()
        append = min(append, appended - began)
        write = min(write, time.thread_time() - appended)
    return append / REQUESTS_PER_TURN * 1e6, write / REQUESTS_PER_TURN * 1e6


async def produce_column(partitions: int, directory: str, rounds: int) -> list[float]:
    read, check, append, write, answer = produce_stages(partitions, f"{directory}/logs", rounds * 5)
    node = await start_node(f"{directory}/node", partitions)
    clients = ClosedLoop(node, node._listeners[0])
    request = produce_frame(partitions)
    count = 4000 // partitions
    await clients.run(request, count)
    process, loop = await clients.best(request, count, rounds)
    with_sockets = await under_bench(node, partitions, rounds)
    await node.stop()
    rest = loop - read - check - append - write - answer
    return [read, check, append, write, answer, rest, process - loop, with_sockets - process, with_sockets]


PRODUCE_STAGES = (
    "read the request's bytes",
    "check the batches: header, checksum, record",
    "append: roles, limits, offsets",
    "write, once a turn: segment, index, journal's queue",
    "pack the answer",
    "the rest of the loop's thread: frames, dispatch, order, waits, resuming",
    "the committer's thread: journal frame, write, sync",
    "sockets and the event loop",
    "**all of it**",
)


async def under_bench(node: Node, partitions: int, rounds: int) -> float:
    """CPU µs a request of this process while `millstream bench` keeps it busy over sockets."""
    (host, port) = next(iter(node.endpoints.values()))
    least = float("inf")
    for _ in range(max(1, rounds // 8)):
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            arguments = ["-b", f"{host}:{port}", "-t", TOPIC, "-c", str(CLIENTS), "-s", str(VALUE_BYTES), "-q"]
            arguments += ["-d", f"{BENCH_SECONDS}s", "-w", "0s", "--no-validate", "--json-output", report.name]
            arguments += ["--partitions", str(partitions), "--partitions-per-request", str(partitions)]
            began = time.process_time()
            command = [sys.executable, "-m", "broker", "bench", *arguments]
            bench = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdout=asyncio.subprocess.DEVNULL)
            if await bench.wait():
                raise SystemExit("millstream bench failed")
            used = time.process_time() - began
            least = min(least, used / (json.load(report)["total_messages"] / partitions) * 1e6)
    return least


# --- fetch -----------------------------------------------------------------------------------------------------------


def fetch_request() -> FetchRequest:
    partition = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=FETCH_BYTES)
    return FetchRequest(
        max_wait_ms=500, min_bytes=1, max_bytes=1 << 25, topics=[FetchTopic(topic=TOPIC, partitions=[partition])]
    )


async def fetch_column(directory: str, rounds: int) -> list[float]:
    node = await start_node(f"{directory}/fetched", 1)
    clients = ClosedLoop(node, node._listeners[0])
    await clients.run(produce_frame(1), 2000)
    body = encode(fetch_request(), FETCH_VERSION)
    request = frame(encode_request_header(RequestHeader(ApiKey.FETCH, FETCH_VERSION, 0, "profile")), body)
    await clients.run(request, 1000)
    _, loop = await clients.best(request, 1000, rounds)
    partition = node._partitions.find(TOPIC, 0)
    assert partition is not None
    log = partition.log

    def read() -> bytes:
        return log.read(0, max_bytes=FETCH_BYTES, max_offset=2000).records

    decode, view = decoder(FetchRequest, FETCH_VERSION), memoryview(body)
    decoding = best_us(lambda: decode(view, 0), rounds=rounds * 5)
    reading = best_us(read, rounds=rounds * 5)
    data = PartitionData(partition_index=0, high_watermark=1, last_stable_offset=1, log_start_offset=0, records=read())
    response = FetchResponse(responses=[FetchableTopicResponse(topic=TOPIC, partitions=[data])])
    write = encoder(FetchResponse, FETCH_VERSION)
    encoding = best_us(lambda: write(response, bytearray()), rounds=rounds * 5)
    await node.stop()
    return [decoding, reading, encoding, loop - decoding - reading - encoding, loop]


FETCH_STAGES = (
    "decode the request",
    "read the log: place, segment, whole batches",
    "encode the answer",
    "the rest: frames, dispatch, session, collecting, order",
    "**all of it, without sockets**",
)


# --- the node, and the tables ----------------------------------------------------------------------------------------


async def start_node(directory: str, partitions: int) -> Node:
    settings = [f"log.dirs={directory}", "listeners=PLAINTEXT://127.0.0.1:0", f"num.partitions={partitions}"]
    node = Node(load_config(settings=settings))
    await node.start()
    await node._services.controller.auto_create_topic(TOPIC)
    spare_the_collector()
    return node


def table(header: str, names: tuple[str, ...], columns: list[list[float]]) -> str:
    lines = [f"| {header} |", "|---|" + "---|" * len(columns)]
    for name, values in zip(names, zip(*columns, strict=True), strict=True):
        lines.append(f"| {name} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    return "\n".join(lines) + "\n"


async def measure(directory: str, rounds: int) -> str:
    produce = [await produce_column(count, f"{directory}/{count}", rounds) for count in (1, 16)]
    fetch = await fetch_column(directory, rounds)
    return (
        table("produce, µs of CPU a request | one partition | 16 partitions", PRODUCE_STAGES, produce)
        + "\n"
        + table(f"fetch of {FETCH_BYTES // 1024} KB in small batches, µs of CPU a request | ", FETCH_STAGES, [fetch])
    )


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--write", action="store_true", help="into docs/PERFORMANCE.md")
    parser.add_argument("--directory", default=".", help="on the disk to be measured with")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="profile-", dir=arguments.directory)
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            tables = runner.run(measure(directory, 4 if arguments.quick else 40))
    finally:
        shutil.rmtree(directory)
    print(tables, end="")
    if arguments.write:
        page = PAGE.read_text()
        stages = re.compile(r"(<!-- stages -->\n).*?(<!-- end of stages -->)", re.DOTALL)
        PAGE.write_text(stages.sub(lambda match: match[1] + tables + match[2], page))


if __name__ == "__main__":
    main()

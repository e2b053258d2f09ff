"""Clients that are wrong, slow, silent or too many: the broker closes or bears them, and serves everybody else."""

from __future__ import annotations

import resource
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults_harness.wire import Wire, new_topic_name, produce_request
from harness.broker_process import BrokerProcess
from log_harness.batches import batch, records_of

from protocol import encode
from protocol.messages.api_versions import ApiVersionsRequest
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from protocol.messages.metadata import MetadataRequest
from protocol.messages.produce import ProduceRequest

StartBroker = Callable[..., BrokerProcess]

IDLE_CONNECTIONS = 10_000
MEGABYTE = 1 << 20


@pytest.fixture
def wire(broker: BrokerProcess) -> Iterator[Wire]:
    with Wire(broker.bootstrap) as client:
        yield client


def now_ms() -> int:
    return int(time.time() * 1000)


def check_served(broker: BrokerProcess) -> None:
    """A new client makes a topic, produces and reads."""
    name = new_topic_name()
    with Wire(broker.bootstrap) as client:
        client.create_topic(name)
        assert client.produce(name, batch(b"served", timestamp=now_ms())).error_code == 0
        assert [record.value for record in records_of(client.fetch(name).records)] == [b"served"]


def memory_bytes(broker: BrokerProcess, field: str) -> int:
    """`VmRSS` now, `VmHWM` at most so far."""
    assert broker.process is not None
    status = Path(f"/proc/{broker.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith(field)]
    return int(line.split()[1]) * 1024


# --- wrong -------------------------------------------------------------------------------------------------------

CLIENT_HELLO = bytes.fromhex("16030100") + b"\xc8\x01\x00\x00\xc4\x03\x03" + bytes(190)

WRONG = {
    "a TLS handshake": CLIENT_HELLO,
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: kafka\r\n\r\n",
    "an SSH greeting": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a length of 2 GiB": struct.pack(">i", 2**31 - 1),
    "a negative length": struct.pack(">i", -1),
    "a length of nothing": struct.pack(">i", 0),
    "a header cut short": struct.pack(">ihhi", 8, 3, 9, 1),
    "a client id longer than its frame": struct.pack(">ihhih", 10, 3, 0, 1, 3000),
    "a body of noise": struct.pack(">ihhih", 60, 0, 3, 1, -1) + bytes(range(200, 250)),
    "an array of two billion": struct.pack(">ihhihi", 14, 3, 1, 1, -1, 2**31 - 1),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_a_request_closes_its_connection_alone(broker: BrokerProcess, wire: Wire, what: str) -> None:
    wire.call(MetadataRequest(topics=[]), 9)
    with Wire(broker.bootstrap) as client:
        client.send_bytes(WRONG[what])
        assert client.is_closed()
    wire.call(MetadataRequest(topics=[]), 9)
    assert "Traceback" not in broker.log_text()


def test_the_log_says_who_was_wrong_and_what_to_look_at(broker: BrokerProcess) -> None:
    with Wire(broker.bootstrap) as client:
        client.send_bytes(CLIENT_HELLO)
        assert client.is_closed()
    assert "closing the connection of 127.0.0.1" in broker.log_text()
    assert "is the client speaking Kafka's protocol, without TLS" in broker.log_text()


def test_requests_up_to_socket_request_max_bytes_are_read_and_no_larger(start_broker: StartBroker) -> None:
    broker = start_broker({"socket.request.max.bytes": "5000"})
    with Wire(broker.bootstrap) as client:
        client.create_topic("t")
        assert client.produce("t", batch(b"x" * 4500, timestamp=now_ms())).error_code == 0
        client.send(produce_request("t", {0: batch(b"x" * 5000, timestamp=now_ms())}), 9)
        assert client.is_closed()
    assert "outside 8..5000 (socket.request.max.bytes)" in broker.log_text()
    check_served(broker)


# --- slow and silent ---------------------------------------------------------------------------------------------


def test_half_a_frame_holds_up_nobody(broker: BrokerProcess) -> None:
    with Wire(broker.bootstrap) as client:
        client.send_bytes(struct.pack(">i", 1000) + b"half")
        check_served(broker)
    with Wire(broker.bootstrap) as client:
        client.send_bytes(b"\0\0")
        check_served(broker)


def test_a_request_that_comes_byte_by_byte_is_served(broker: BrokerProcess, wire: Wire) -> None:
    """Slowloris: each of its bytes costs a turn of the loop, and others are served between them."""
    request = struct.pack(">hhih", 18, 0, 77, -1) + encode(ApiVersionsRequest(), 0)
    with Wire(broker.bootstrap) as slow:
        slow.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in struct.pack(">i", len(request)) + request:
            slow.send_bytes(bytes([byte]))
            wire.call(MetadataRequest(topics=[]), 9)
        assert slow.receive_frame()[:4] == struct.pack(">i", 77)


def test_thousands_of_pipelined_produce_requests_are_answered_when_the_client_reads(wire: Wire) -> None:
    name = new_topic_name()
    wire.create_topic(name)
    sent = [
        wire.send(produce_request(name, {0: batch(b"%d" % number, timestamp=now_ms())}, acks=1), 9)
        for number in range(4000)
    ]
    offsets = [wire.receive(ProduceRequest, 9, each).responses[0].partition_responses[0].base_offset for each in sent]
    assert offsets == list(range(4000))


def test_a_client_that_asks_for_much_and_reads_nothing_costs_little(start_broker: StartBroker) -> None:
    """Each of these requests of a hundred bytes has an answer of 40 MB, and all were answered into memory at once."""
    broker = start_broker()
    with ExitStack() as clients:
        client = clients.enter_context(Wire(broker.bootstrap))
        client.create_topic("t")
        for _ in range(40):
            assert client.produce("t", batch(b"x" * 1_000_000, timestamp=now_ms())).error_code == 0
        before = memory_bytes(broker, "VmHWM")
        for _ in range(3):
            silent = clients.enter_context(Wire(broker.bootstrap, receive_buffer_bytes=4096))
            for _ in range(60):
                silent.send(fetch_everything("t"), 12)
        # Each round is a turn of the loop and more: the silent clients' requests had theirs.
        for _ in range(200):
            client.call(MetadataRequest(topics=[]), 9)
        grown = memory_bytes(broker, "VmHWM") - before
        assert grown < 600 * MEGABYTE, f"{grown // MEGABYTE} MB for three clients that do not read"
        check_served(broker)
        # They are in order all the same: one begins to read, and gets what it asked for.
        assert len(silent.receive_frame()) > 40 * 1_000_000
    assert broker.stop() == 0, "clients that do not read kept it from stopping"


def fetch_everything(topic: str) -> FetchRequest:
    partition = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=64 * MEGABYTE)
    return FetchRequest(
        max_wait_ms=0,
        min_bytes=0,
        max_bytes=64 * MEGABYTE,
        session_epoch=-1,
        topics=[FetchTopic(topic=topic, partitions=[partition])],
    )


# --- many --------------------------------------------------------------------------------------------------------


def test_connections_that_come_and_go_leave_nothing_behind(broker: BrokerProcess) -> None:
    host, _, port = broker.bootstrap.rpartition(":")
    assert broker.process is not None
    descriptors = Path(f"/proc/{broker.process.pid}/fd")
    for number in range(1500):
        with socket.create_connection((host, int(port))) as client:
            if number % 3 == 0:
                client.sendall(b"\0\0\0\x64half")
            if number % 5 == 0:  # a reset instead of an end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    while len(list(descriptors.iterdir())) > 200:
        check_served(broker)  # and with every round more of their ends are seen
    check_served(broker)


def test_ten_thousand_idle_connections(start_broker: StartBroker) -> None:
    needed = IDLE_CONNECTIONS + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed + 500:
        pytest.skip(f"open files are limited to {hard} here (ulimit -Hn): 10,000 connections are NOT tested")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    broker = start_broker()
    host, _, port = broker.bootstrap.rpartition(":")
    check_served(broker)
    before = memory_bytes(broker, "VmRSS")
    try:
        with ExitStack() as clients:
            sockets = [
                clients.enter_context(socket.create_connection((host, int(port)))) for _ in range(IDLE_CONNECTIONS)
            ]
            # Asked of the last, so that all of them are accepted.
            with Wire(broker.bootstrap) as client:
                client.call(MetadataRequest(topics=[]), 9)
            each = (memory_bytes(broker, "VmRSS") - before) / IDLE_CONNECTIONS
            assert each < 16 * 1024, f"an idle connection takes {each:.0f} bytes"
            check_served(broker)
            for idle in (sockets[0], sockets[-1]):
                idle.sendall(struct.pack(">ihhih", 10, 18, 0, 5, -1))
                assert idle.recv(8)[4:] == struct.pack(">i", 5)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check_served(broker)


class FewDescriptors(BrokerProcess):
    """A broker under `ulimit -n 120`, soft and hard."""

    def _command(self) -> list[str]:
        return ["sh", "-c", 'ulimit -n 120 && exec "$@"', "sh", *super()._command()]


def test_connections_do_not_take_the_descriptors_of_storage(tmp_path: Path) -> None:
    """They did: a partition's files could not be opened, and a journal that cannot begin its next segment stops the
    whole node. Now connections are refused before, with one line for all of them."""
    with FewDescriptors(tmp_path, {"log.segment.bytes": "1048576"}) as broker, ExitStack() as clients:
        host, _, port = broker.bootstrap.rpartition(":")
        client = clients.enter_context(Wire(broker.bootstrap))
        crowd = [clients.enter_context(socket.create_connection((host, int(port)))) for _ in range(300)]

        client.create_topic("t", 50)
        for partition in range(50):
            assert client.produce("t", batch(b"x" * 900_000, timestamp=now_ms()), partition=partition).error_code == 0
            assert client.produce("t", batch(b"x" * 900_000, timestamp=now_ms()), partition=partition).error_code == 0
        assert broker.log_text().count("refused") == 1
        assert "(max.connections, or the open files limit)" in broker.log_text()
        assert "EMFILE" not in broker.log_text()

        for one in crowd:
            one.close()
        check_served_again(broker)


def test_a_process_without_descriptors_survives(start_broker: StartBroker) -> None:
    """The limit is lowered under its feet: accepting fails (EMFILE), what is connected is served, and it recovers."""
    broker = start_broker()
    assert broker.process is not None
    host, _, port = broker.bootstrap.rpartition(":")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as clients:
        client = clients.enter_context(Wire(broker.bootstrap))
        client.create_topic("t")
        assert client.produce("t", batch(b"its files are open", timestamp=now_ms())).error_code == 0
        in_use = len(list(Path(f"/proc/{broker.process.pid}/fd").iterdir()))
        resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (in_use + 10, hard))
        for _ in range(200):
            clients.enter_context(socket.create_connection((host, int(port))))
        for _ in range(50):
            assert client.produce("t", batch(b"x", timestamp=now_ms())).error_code == 0, broker.log_text()
        serve_until_told(client, broker, "no file descriptor is left")
        resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
        check_served_again(broker)
        serve_until_told(client, broker, "there are file descriptors again")
    assert broker.log_text().count("\n") < 20


def serve_until_told(client: Wire, broker: BrokerProcess, line: str) -> None:
    """Who is connected is served all the while."""
    deadline = time.monotonic() + 60
    while line not in broker.log_text():
        assert time.monotonic() < deadline, broker.log_text()
        assert client.produce("t", batch(b"x", timestamp=now_ms())).error_code == 0, broker.log_text()


def check_served_again(broker: BrokerProcess) -> None:
    """As soon as the ends of the crowd's connections are seen."""
    for _ in range(1000):
        try:
            check_served(broker)
        except ConnectionError:
            continue
        return
    raise AssertionError("it did not recover")

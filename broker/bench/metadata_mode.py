"""Topics: how long it takes to create one, to have one created by using it, and to delete it.

create         CreateTopics until it is answered, then Metadata until every partition has a leader
auto-create    Metadata that allows it until every partition has a leader, then a produce until it is acknowledged
delete         DeleteTopics until it is answered
create-delete  the first and the last, timed together, as chronik-bench does

Concurrency is the number of clients, a thread and a connection each; what is timed takes milliseconds, so that
Python's share does not matter. A client whose broker is gone asks again for as long as a request has.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

from broker.bench.histogram import count_latencies
from broker.bench.load import LoadResult, Second
from broker.bench.options import BenchOptions
from broker.bench.payload import PreparedBatch
from broker.bench.results import BenchResult, Observer, result_of
from broker.bench.wire import BenchError, Cluster, check, parse_addresses
from protocol import ErrorCode, KafkaError
from protocol.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from protocol.records import Compression

# A client that has to ask again waits, so that all together do not ask more than a thousand times a second: what they
# ask is work that the broker has to do beside what is measured. None waits longer than real clients do.
_ASK_AGAIN_S, _ASK_AGAIN_S_MAX = 0.001, 0.1
_TOPICS_WITHOUT_LIMIT = 1 << 62

now_ns = time.monotonic_ns


class _Client:
    """One client: its connections, and what it does to a topic."""

    def __init__(self, options: BenchOptions) -> None:
        self.options = options
        self.cluster = Cluster(parse_addresses(options.bootstrap_servers), timeout_s=options.request_timeout_ms / 1000)
        self.cluster.metadata([])
        batch = PreparedBatch(
            record_count=1,
            message_size=options.message_size,
            payload_pattern=options.payload_pattern,
            key_pattern=options.key_pattern,
            compression=Compression.NONE,
            now_ms=time.time_ns() // 1_000_000,
            seed=1,
        )
        self._records = batch.data
        self._ask_again_s = min(_ASK_AGAIN_S * options.concurrency, _ASK_AGAIN_S_MAX)

    def create(self, topic: str) -> None:
        options = self.options
        if not self.cluster.create_topic(topic, options.partitions, options.replication_factor, options.topic_configs):
            raise KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, topic)
        self._wait_for_leaders(topic, create=False)

    def auto_create(self, topic: str) -> None:
        self._wait_for_leaders(topic, create=True)
        data = TopicProduceData(name=topic, partition_data=[PartitionProduceData(index=0, records=self._records)])
        request = ProduceRequest(
            acks=self.options.acks or 1, timeout_ms=self.options.request_timeout_ms, topic_data=[data]
        )

        def produce() -> None:
            leader = self.cluster.leaders(topic)[0]
            answer = self.cluster.connection(leader).send_version(request, ProduceResponse, 7)
            check(answer.responses[0].partition_responses[0].error_code, topic)

        self.cluster.retry(produce, interval_s=self._ask_again_s)

    def delete(self, topic: str) -> None:
        self.cluster.delete_topic(topic)

    def _wait_for_leaders(self, topic: str, *, create: bool) -> None:
        self.cluster.retry(lambda: self.cluster.leaders(topic, create=create), interval_s=self._ask_again_s)

    def wait_for_a_broker(self) -> None:
        """After a failure the connection may be a dead one, on which everything else would fail at once, too."""
        self.cluster.close()
        with contextlib.suppress(BenchError):  # then the next topic fails
            self.cluster.retry(lambda: self.cluster.metadata([]), interval_s=_ASK_AGAIN_S_MAX)


class _Shared:
    """What the threads share: names to take, times to leave."""

    def __init__(self, options: BenchOptions) -> None:
        self.options = options
        self.lock = threading.Lock()
        self.begun = 0
        self.limit = options.message_count or _TOPICS_WITHOUT_LIMIT
        self.latencies_us: list[int] = []
        self.errors: dict[str, int] = {}
        self.left_over: list[str] = []  # topics that may be there
        self.prefix = f"{options.topic}-{os.urandom(3).hex()}"
        self.stop = False

    def next_topic(self) -> str | None:
        with self.lock:
            if self.stop or self.begun >= self.limit:
                return None
            self.begun += 1
            return f"{self.prefix}-{self.begun}"

    def done(self, topic: str, took_us: int, *, is_left: bool) -> None:
        with self.lock:
            self.latencies_us.append(took_us)
            if is_left:
                self.left_over.append(topic)

    def failed(self, topic: str, error: Exception) -> None:
        """Counted by its code, where there is one behind it."""
        known = next((each for each in (error, error.__cause__) if isinstance(each, KafkaError)), None)
        name = str(int(known.code)) if known else str(error)
        with self.lock:
            self.errors[name] = self.errors.get(name, 0) + 1
            self.left_over.append(topic)

    def forget(self) -> None:
        """What was done in the warm-up counts for nothing."""
        with self.lock:
            self.latencies_us.clear()
            self.errors.clear()


def run_metadata(
    options: BenchOptions, observer: Observer, seen_enough: Callable[[], bool] = lambda: False
) -> BenchResult:
    """As many topics as --message-count says, or as many as there is time for. They are deleted afterwards."""
    shared = _Shared(options)
    clients = [_Client(options) for _ in range(options.concurrency)]
    if options.metadata_step == "delete":
        _prepare_topics(shared, clients[0])
    observer.on_start()
    threads = [threading.Thread(target=_work, args=(shared, client), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    _warm_up(shared, threads)
    cpu_before, began = time.process_time(), now_ns()
    load = _watch(shared, threads, began, observer, seen_enough)
    # One interpreter runs all of these threads.
    cpu_s = time.process_time() - cpu_before
    load.cpu_share = load.busy_share = cpu_s / load.elapsed_s
    load.cpu_us_per_request = cpu_s / load.requests * 1e6 if load.requests else 0.0
    _clean_up(shared.left_over, clients[0].cluster)
    for client in clients:
        client.cluster.close()
    return result_of(options, load, None)


def _prepare_topics(shared: _Shared, client: _Client) -> None:
    if shared.limit == _TOPICS_WITHOUT_LIMIT:
        raise BenchError("--metadata-step delete needs --message-count: as many topics are created beforehand")
    for number in range(shared.limit):
        client.create(f"{shared.prefix}-{number + 1}")


def _warm_up(shared: _Shared, threads: list[threading.Thread]) -> None:
    """A count of topics is counted from the first on."""
    if shared.options.message_count:
        return
    until = time.monotonic() + shared.options.warmup_s
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    shared.forget()


def _clean_up(topics: list[str], cluster: Cluster) -> None:
    def delete(topic: str) -> None:
        try:
            cluster.delete_topic(topic)
        except KafkaError as error:
            if error.code is not ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                raise

    for topic in topics:
        try:
            cluster.retry(lambda topic=topic: delete(topic))  # type: ignore[misc]
        except BenchError as error:
            raise BenchError(f"{len(topics)} topics, of which {topic} is one, may be left: {error}") from error


def _work(shared: _Shared, client: _Client) -> None:
    steps = {
        "create": [client.create],
        "auto-create": [client.auto_create],
        "delete": [client.delete],
        "create-delete": [client.create, client.delete],
    }[shared.options.metadata_step]
    deletes = client.delete in steps
    while (topic := shared.next_topic()) is not None:
        began = now_ns()
        try:
            for step in steps:
                step(topic)
        except (BenchError, KafkaError) as error:
            shared.failed(topic, error)
            if not shared.stop:
                client.wait_for_a_broker()
        else:
            shared.done(topic, (now_ns() - began) // 1000, is_left=not deletes)


def _watch(
    shared: _Shared, threads: list[threading.Thread], began: int, observer: Observer, seen_enough: Callable[[], bool]
) -> LoadResult:
    """Joins the threads, a second at a time."""
    load = LoadResult()
    seen, last = 0, began
    deadline = began + round(shared.options.duration_s * 1e9)
    working = True
    while working:
        for thread in threads:
            thread.join(max(0.0, (last + 1e9 - now_ns()) / 1e9))
        working = any(thread.is_alive() for thread in threads)
        now = now_ns()
        if now >= deadline or seen_enough():
            shared.stop = True
        found = shared.latencies_us[seen:]
        seen += len(found)
        second = Second((now - began) / 1e9, requests=len(found), records=len(found), elapsed_s=(now - last) / 1e9)
        last = now
        load.add_second(second, [count_latencies(found)])
        observer.on_second(second)
    load.elapsed_s = (last - began) / 1e9
    load.requests = load.records = seen
    load.requests_per_s = load.records_per_s = seen / load.elapsed_s
    load.failed = sum(shared.errors.values())
    load.errors = shared.errors
    return load

"""kafka-reassign-partitions, as Kafka 4.3 ships it, on three nodes: throttled, verified, the throttle taken back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from harness.cluster_process import ClusterProcess
from harness.cluster_waits import leaders
from toolchains_harness.kafka_tools import Finished, KafkaTools

pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(600)]
Tool = Callable[..., Finished]
TIMEOUT_S = 60.0
RATE = 200_000
RECORD_BYTES = 10_000
RECORDS = 40
FETCH_BYTES_MAX = 20_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcess]:
    settings = {"replica.fetch.max.bytes": str(FETCH_BYTES_MAX)}
    with ClusterProcess(tmp_path_factory.mktemp("cluster"), settings=settings) as running:
        yield running


@pytest.fixture
def reassign(kafka_tools: KafkaTools, cluster: ClusterProcess) -> Tool:
    return lambda *arguments, **how: kafka_tools.run(
        "kafka-reassign-partitions", "--bootstrap-server", cluster.bootstrap, *arguments, **how
    )


@pytest.fixture
def configs(kafka_tools: KafkaTools, cluster: ClusterProcess) -> Tool:
    return lambda *arguments, **how: kafka_tools.run(
        "kafka-configs", "--bootstrap-server", cluster.bootstrap, *arguments, **how
    )


@pytest.fixture
def filled(cluster: ClusterProcess, topic: str) -> str:
    """A topic of one partition on broker 1 alone, with more in it than a second's rate."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic(topic, num_partitions=1, replica_assignment=[[1]])])[topic].result(TIMEOUT_S)
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "batch.size": 20_000})
    for _ in range(RECORDS):
        producer.produce(topic, bytes(RECORD_BYTES))
    assert producer.flush(TIMEOUT_S) == 0
    return topic


def plan(directory: Path, topic: str, replicas: list[int]) -> str:
    path = directory / "plan.json"
    moves = [{"topic": topic, "partition": 0, "replicas": replicas}]
    path.write_text(json.dumps({"version": 1, "partitions": moves}))
    return str(path)


def test_a_throttled_reassignment_is_slow_ends_well_and_leaves_no_throttle(
    reassign: Tool, configs: Tool, cluster: ClusterProcess, filled: str, tmp_path: Path
) -> None:
    moves = plan(tmp_path, filled, [2, 3])
    began_s = time.monotonic()
    started = reassign("--execute", "--reassignment-json-file", moves, "--throttle", str(RATE))
    assert "Successfully started partition reassignment" in started.output
    assert f"The inter-broker throttle limit was set to {RATE} B/s" in started.output

    of_topic = configs("--describe", "--entity-type", "topics", "--entity-name", filled).output
    assert "leader.replication.throttled.replicas=0:1" in of_topic
    assert "follower.replication.throttled.replicas=0:2,0:3" in of_topic
    of_broker = configs("--describe", "--entity-type", "brokers", "--entity-name", "2").output
    assert f"leader.replication.throttled.rate={RATE}" in of_broker
    assert f"follower.replication.throttled.rate={RATE}" in of_broker

    while set(leaders(cluster, filled)[0][1]) != {2, 3}:
        assert time.monotonic() < began_s + TIMEOUT_S
    # What broker 1 may send is RATE for both together, and a fetch to each that began below it: so it took this long,
    # however fast the machine is.
    sent_bytes = 2 * RECORDS * RECORD_BYTES
    assert time.monotonic() - began_s >= (sent_bytes - 2 * FETCH_BYTES_MAX) / RATE

    verified = reassign("--verify", "--reassignment-json-file", moves)
    assert f"Reassignment of partition {filled}-0 is completed." in verified.output
    assert (
        "replication.throttled" not in configs("--describe", "--entity-type", "topics", "--entity-name", filled).output
    )
    assert "replication.throttled" not in configs("--describe", "--entity-type", "brokers", "--entity-name", "2").output


def test_a_reassignment_that_cannot_be_done_in_time_is_cancelled_with_its_throttle(
    reassign: Tool, configs: Tool, filled: str, tmp_path: Path
) -> None:
    moves = plan(tmp_path, filled, [2])
    reassign("--execute", "--reassignment-json-file", moves, "--throttle", "1")
    unfinished = reassign("--verify", "--reassignment-json-file", moves)
    assert f"Reassignment of partition {filled}-0 is still in progress." in unfinished.output
    assert filled in reassign("--list").output
    # A limit that turned out too low is raised while it runs, and then the move is given up all the same.
    raised = reassign("--execute", "--additional", "--reassignment-json-file", moves, "--throttle", "2")
    assert "The inter-broker throttle limit was set to 2 B/s" in raised.output
    reassign("--cancel", "--reassignment-json-file", moves)
    assert "No partition reassignments found." in reassign("--list").output
    assert (
        "replication.throttled" not in configs("--describe", "--entity-type", "topics", "--entity-name", filled).output
    )


def test_a_rate_between_data_directories_is_refused_and_may_be_cleared(configs: Tool) -> None:
    """--verify clears it beside the others, on every broker that took part."""
    key = "replica.alter.log.dirs.io.max.bytes.per.second"
    broker = ("--alter", "--entity-type", "brokers", "--entity-name", "1")
    refused = configs(*broker, "--add-config", f"{key}=1000", succeeds=False)
    assert "moving replicas between data directories: not supported yet" in refused.output + refused.errors
    configs(*broker, "--delete-config", key)


@pytest.mark.parametrize("replicas", ["1", "0:1;1:2", "*,0:1"])
def test_replicas_that_are_none_are_refused(configs: Tool, filled: str, replicas: str) -> None:
    wanted = f"leader.replication.throttled.replicas=[{replicas}]"
    refused = configs(
        "--alter", "--entity-type", "topics", "--entity-name", filled, "--add-config", wanted, succeeds=False
    )
    assert "must be * for all replicas, or a list of partition:broker" in refused.output + refused.errors

"""One node's disk is full: the others lead what it led, clients go on, and it comes back when there is room again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from faults_harness.cluster_scenario import PROGRESS_TIMEOUT_S, loaded
from faults_harness.small_disk import SmallDisk, mounted
from harness.cluster_process import ClusterProcess

SMALL = 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", megabytes=48) as disk:
        yield disk


@pytest.fixture
def cluster(tmp_path: Path, small_disk: SmallDisk) -> Iterator[ClusterProcess]:
    # Small journal segments: nothing is allocated ahead that a full disk would still have.
    cluster = ClusterProcess(tmp_path, settings={"journal.profile": "low", "log.segment.bytes": "1048576"})
    cluster.nodes[SMALL].settings["log.dirs"] = str(small_disk.path / "data")
    with cluster:
        yield cluster


def in_sync_and_leaders(cluster: ClusterProcess, topic: str) -> tuple[set[int], set[int]]:
    """Who is in sync of every partition, and who leads any."""
    client = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    partitions = client.list_topics(topic, timeout=PROGRESS_TIMEOUT_S).topics[topic].partitions.values()
    return set.intersection(*[set(each.isrs) for each in partitions]), {each.leader for each in partitions}


def test_nothing_acknowledged_is_lost_when_one_disk_is_full(cluster: ClusterProcess, small_disk: SmallDisk) -> None:
    with loaded(cluster.bootstrap) as load:
        small_disk.fill()
        deadline = time.monotonic() + PROGRESS_TIMEOUT_S
        while SMALL in in_sync_and_leaders(cluster, load.topic)[1]:
            assert time.monotonic() < deadline, f"{SMALL} still leads\n{cluster.nodes[SMALL].log_text()[-3000:]}"
            load.progress(records=1)
        load.progress()
        small_disk.free()
        cluster.nodes[SMALL].kill()
        cluster.nodes[SMALL].start()
        while in_sync_and_leaders(cluster, load.topic)[0] != set(cluster.nodes):
            assert time.monotonic() < deadline, f"{SMALL} is not in sync\n{cluster.nodes[SMALL].log_text()[-3000:]}"
            load.progress(records=1)

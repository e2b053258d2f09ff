"""Waiting for what a cluster comes to by itself, told by any of its nodes."""

from __future__ import annotations

import time

from confluent_kafka.admin import AdminClient

from harness.cluster_process import ClusterProcess

TIMEOUT_S = 60.0


def leaders(cluster: ClusterProcess, topic: str) -> dict[int, tuple[int, set[int]]]:
    """Leader and in-sync replicas of each partition."""
    client = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    partitions = client.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
    return {index: (partition.leader, set(partition.isrs)) for index, partition in partitions.items()}


def wait_until_all_in_sync(cluster: ClusterProcess, topic: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while any(isr != set(cluster.nodes) for _, isr in leaders(cluster, topic).values()):
        assert time.monotonic() < deadline, f"not all in sync: {leaders(cluster, topic)}\n{cluster.log_text()[-4000:]}"

"""What a local cluster is doing at one moment: its nodes, its controller, and who leads which partition how far."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.cli.client import Bootstrap, Client, TopicPartition, parse_addresses
from broker.cli.connection import ClientError
from broker.cli.local_cluster import LocalCluster
from broker.cli.offset_requests import LATEST, list_offsets
from protocol import KafkaError, ProtocolError
from protocol.messages.metadata import MetadataResponse

ASK_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class PartitionState:
    topic: str
    index: int
    leader: int
    leader_epoch: int
    isr: tuple[int, ...]
    replica_count: int
    end_offset: int | None  # None where nobody could tell

    @property
    def is_whole(self) -> bool:
        return self.leader >= 0 and len(self.isr) == self.replica_count


@dataclass(frozen=True, slots=True)
class ClusterState:
    """`problem` says why nothing but the nodes is known, and is empty otherwise."""

    nodes: dict[int, str]
    controller: int = -1
    partitions: list[PartitionState] = field(default_factory=list)
    problem: str = ""


def observe(cluster: LocalCluster) -> ClusterState:
    """Asks the nodes that run; takes about as long as they take to answer, and `ASK_TIMEOUT_S` where one does not."""
    nodes = {node_id: cluster.state_of(node_id) for node_id in cluster.node_ids}
    addresses = parse_addresses(cluster.bootstrap)
    running = [
        address for address, node_id in zip(addresses, cluster.node_ids, strict=True) if cluster.is_serving(node_id)
    ]
    if not running:
        return ClusterState(nodes, problem="no node is running")
    client = Client(Bootstrap(running, ASK_TIMEOUT_S))
    try:
        metadata = client.metadata(None)
        return ClusterState(nodes, metadata.controller_id, _partitions(metadata, _end_offsets(client, metadata)))
    except (ClientError, KafkaError, ProtocolError) as error:
        return ClusterState(nodes, problem=f"no broker answers: {error}")
    finally:
        client.close()


def _end_offsets(client: Client, metadata: MetadataResponse) -> dict[TopicPartition, int]:
    led = [
        (topic.name or "", partition.partition_index)
        for topic in metadata.topics
        for partition in topic.partitions
        if not topic.is_internal and partition.leader_id >= 0
    ]
    try:
        return {partition: found.offset for partition, found in list_offsets(client, led, LATEST).items()}
    except (ClientError, KafkaError, ProtocolError):
        return {}  # a leader that has just gone: the next look finds its successor


def _partitions(metadata: MetadataResponse, end_offsets: dict[TopicPartition, int]) -> list[PartitionState]:
    """Internal topics last: there are many, and few want to see them."""
    topics = sorted(metadata.topics, key=lambda topic: (topic.is_internal, topic.name or ""))
    return [
        PartitionState(
            topic.name or "",
            partition.partition_index,
            partition.leader_id,
            partition.leader_epoch,
            tuple(sorted(partition.isr_nodes)),
            len(partition.replica_nodes),
            end_offsets.get((topic.name or "", partition.partition_index)),
        )
        for topic in topics
        for partition in sorted(topic.partitions, key=lambda partition: partition.partition_index)
    ]

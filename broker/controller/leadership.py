"""Who leads a partition: the first of its replicas, in the order of the assignment, that is in sync and active.

A broker that goes takes its place in every in-sync set with it and hands its leadership on. The last of an in-sync set
stays in it, for it alone is known to hold everything: without it the partition has no leader, until it is back. If it
comes back with another disk it is not the replica that it was: the partition waits for the directory that is known to
hold everything (`last_directory`, after KIP-858). Where `unclean.leader.election.enable` is set for the topic, any
active replica leads instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from broker.metadata import NO_LEADER, BrokerRegistration, MetadataImage, PartitionChangeRecord, PartitionImage

# Whether a topic may have a leader that is not in sync.
MayBeUnclean = Callable[[str], bool]


def active_replicas(replicas: Sequence[int], brokers: Mapping[int, BrokerRegistration]) -> list[int]:
    """Those that can be in sync from the start of a new partition."""
    return [node_id for node_id in replicas if node_id in brokers and brokers[node_id].is_active]


def choose_leader(replicas: Sequence[int], isr: Sequence[int]) -> int:
    """The preferred leader if it is in sync, else the next that is; NO_LEADER where none is."""
    return next((node_id for node_id in replicas if node_id in isr), NO_LEADER)


def may_lead(image: MetadataImage, partition: PartitionImage, node_id: int, isr: Sequence[int] | None = None) -> bool:
    """Whether this broker is there and holds everything acknowledged. `isr` is the one that is, or will be."""
    broker = image.brokers.get(node_id)
    return broker is not None and broker.is_active and holds_everything(image, partition, node_id, isr)


def holds_everything(
    image: MetadataImage, partition: PartitionImage, node_id: int, isr: Sequence[int] | None = None
) -> bool:
    """The same of a broker that may be away."""
    if node_id not in (partition.isr if isr is None else isr):
        return False
    return partition.last_directory in (b"", image.brokers[node_id].directory_id)


def decide_broker_gone(
    image: MetadataImage,
    node_id: int,
    *,
    may_be_unclean: MayBeUnclean,
    comes_back: bool = False,
    lost_directory: bytes = b"",
) -> list[PartitionChangeRecord]:
    """Partitions go on without this broker. With `comes_back` (it registers anew, at this moment) what nobody else can
    lead is left as it is: it will be told to lead it again. Unless it has not the directory any more that it had."""
    active = {broker.node_id for broker in image.brokers.values() if broker.is_active} - {node_id}
    records = []
    for topic_id, partition, name in _partitions_in_sync(image, node_id):
        isr = [replica for replica in partition.isr if replica != node_id]
        if not isr:
            leader = _unclean_leader(partition, active, may_be_unclean(name))
            if leader != NO_LEADER:
                records.append(_change(topic_id, partition, isr=[leader], leader=leader))
            elif lost_directory and not partition.last_directory:
                leader_now = None if partition.leader == NO_LEADER else NO_LEADER
                records.append(_change(topic_id, partition, leader=leader_now, last_directory=lost_directory))
            elif partition.leader == node_id and not comes_back:
                records.append(_change(topic_id, partition, leader=NO_LEADER))
        elif partition.leader == node_id:
            leader = choose_leader(partition.replicas, [replica for replica in isr if replica in active])
            records.append(_change(topic_id, partition, isr=isr, leader=leader))
        else:
            records.append(_change(topic_id, partition, isr=isr))
    return records


def decide_broker_back(
    image: MetadataImage, node_id: int, *, may_be_unclean: MayBeUnclean
) -> list[PartitionChangeRecord]:
    """It is unfenced: it leads what nobody else could, in a new epoch."""
    records = []
    for topic_id, topic in image.topics_by_id.items():
        for partition in topic.partitions:
            if partition.leader not in (NO_LEADER, node_id):
                continue
            if holds_everything(image, partition, node_id):
                records.append(_change(topic_id, partition, leader=node_id))
            elif node_id in partition.replicas and may_be_unclean(topic.name):
                records.append(_change(topic_id, partition, isr=[node_id], leader=node_id))
    return records


def decide_shutdown(image: MetadataImage, node_id: int) -> list[PartitionChangeRecord]:
    """It wants to go: what others can lead they lead from now on, and nobody waits for it any more."""
    return decide_broker_gone(image, node_id, may_be_unclean=lambda name: False, comes_back=True)


def decide_preferred_leaders(image: MetadataImage) -> list[PartitionChangeRecord]:
    """Every partition that its preferred leader could lead and does not goes back to it."""
    records = []
    for topic_id, topic in image.topics_by_id.items():
        for partition in topic.partitions:
            preferred = partition.replicas[0]
            if partition.leader != preferred and may_lead(image, partition, preferred):
                records.append(_change(topic_id, partition, leader=preferred))
    return records


def leads_anything_that_others_could(image: MetadataImage, node_id: int) -> bool:
    return any(
        partition.leader == node_id and len(partition.isr) > 1
        for _, partition, _ in _partitions_in_sync(image, node_id)
    )


def _partitions_in_sync(image: MetadataImage, node_id: int) -> Iterator[tuple[bytes, PartitionImage, str]]:
    for topic_id, topic in image.topics_by_id.items():
        for partition in topic.partitions:
            if node_id in partition.isr:
                yield topic_id, partition, topic.name


def _unclean_leader(partition: PartitionImage, active: set[int], allowed: bool) -> int:
    return choose_leader(partition.replicas, list(active)) if allowed else NO_LEADER


def _change(
    topic_id: bytes,
    partition: PartitionImage,
    *,
    isr: list[int] | None = None,
    leader: int | None = None,
    last_directory: bytes | None = None,
) -> PartitionChangeRecord:
    return PartitionChangeRecord(topic_id, partition.partition, isr=isr, leader=leader, last_directory=last_directory)

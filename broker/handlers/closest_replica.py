"""Which replica a consumer had better read from (KIP-392): an in-sync one in the consumer's rack, where there is one.

`replica.selector.class` is Kafka's `org.apache.kafka.common.replica.RackAwareReplicaSelector`, or nothing: then all
consumers read from the leader.
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.partition import Partition

RACK_AWARE_SELECTOR = "org.apache.kafka.common.replica.RackAwareReplicaSelector"


class ReplicaSelector:
    """For one fetch of a consumer in `rack`."""

    def __init__(self, services: Services, rack: str) -> None:
        self._services = services
        self._rack = rack

    @classmethod
    def of(cls, services: Services, rack: str) -> ReplicaSelector | None:
        """None where the leader serves this consumer."""
        config = services.config
        if not rack or config.replica_selector_class != RACK_AWARE_SELECTOR or config.broker_rack == rack:
            return None
        return cls(services, rack)

    def __call__(self, partition: Partition, fetch_offset: int) -> int:
        """The replica to read `fetch_offset` and what follows from; -1 for this one."""
        role = partition.leading
        if role is None:
            return -1
        brokers = self._services.metadata.image.brokers
        closest = [
            (follower.end_offset, node_id)
            for node_id, follower in role.followers.items()
            if node_id in role.isr
            and (broker := brokers.get(node_id)) is not None
            and broker.is_active
            and broker.rack == self._rack
            and follower.log_start_offset <= fetch_offset <= follower.end_offset
        ]
        return max(closest, default=(-1, -1))[1]

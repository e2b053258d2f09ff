"""Brokers that say they are here."""

from __future__ import annotations

from collections.abc import Mapping

from broker.metadata import BrokerEndpoint, BrokerRegistrationRecord, MetadataImage


def decide_registration(
    image: MetadataImage,
    *,
    node_id: int,
    incarnation_id: bytes,
    endpoints: Mapping[str, tuple[str, int]],
    rack: str | None,
) -> BrokerRegistrationRecord:
    """A broker epoch is the place of its registration in the log: it only grows, also over an unregistration."""
    return BrokerRegistrationRecord(
        node_id=node_id,
        broker_epoch=image.metadata_offset + 1,
        incarnation_id=incarnation_id,
        endpoints=[BrokerEndpoint(listener, host, port) for listener, (host, port) in endpoints.items()],
        rack=rack,
    )

"""Brokers that say they are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.metadata import BrokerEndpoint, BrokerRegistrationRecord, MetadataImage


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where clients of one listener reach a broker: its advertised address."""

    host: str
    port: int
    security_protocol: str = "PLAINTEXT"


def decide_registration(
    image: MetadataImage,
    *,
    node_id: int,
    incarnation_id: bytes,
    endpoints: Mapping[str, BrokerAddress],
    rack: str | None,
) -> BrokerRegistrationRecord:
    """A broker epoch is the place of its registration in the log: it only grows, also over an unregistration."""
    return BrokerRegistrationRecord(
        node_id=node_id,
        broker_epoch=image.metadata_offset + 1,
        incarnation_id=incarnation_id,
        endpoints=[
            BrokerEndpoint(listener, address.host, address.port, address.security_protocol)
            for listener, address in endpoints.items()
        ],
        rack=rack,
    )

"""Brokers that come, live and go: what each request of theirs changes. Pure, with Kafka's codes (ClusterControl).

registered ──► fenced ──caught up──► active ──wants to go──► in controlled shutdown ──► fenced, then another
                 ▲                     │                            │                   incarnation or nothing
                 └── silent too long, or its process is gone ◄──────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.controller.leadership import (
    MayBeUnclean,
    decide_broker_back,
    decide_broker_gone,
    decide_shutdown,
    leads_anything_that_others_could,
)
from broker.metadata import (
    SUPPORTED_BEFORE,
    BrokerChangeRecord,
    BrokerEndpoint,
    BrokerRegistration,
    BrokerRegistrationRecord,
    FeatureRange,
    MetadataImage,
    MetadataRecord,
    UnregisterBrokerRecord,
    finalized,
    is_supported,
)
from protocol.errors import ErrorCode, KafkaError


@dataclass(frozen=True, slots=True)
class Registration:
    """What a broker says of itself when it starts. `endpoints`: (host, port) by listener name."""

    node_id: int
    incarnation_id: bytes
    endpoints: Mapping[str, tuple[str, int]]
    rack: str | None = None
    # Lowest and highest level by feature; empty where it is too old to say so.
    features: Mapping[str, FeatureRange] = field(default_factory=dict)
    # Of its data directory; b"" where it is too old to say so.
    directory_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    node_id: int
    broker_epoch: int
    metadata_offset: int
    wants_fence: bool = False
    wants_shut_down: bool = False


@dataclass(frozen=True, slots=True)
class HeartbeatDecision:
    """The answer holds when the records are applied."""

    records: list[MetadataRecord] = field(default_factory=list)
    is_caught_up: bool = True
    is_fenced: bool = False
    may_shut_down: bool = False


def decide_registration(
    image: MetadataImage,
    registration: Registration,
    *,
    may_be_unclean: MayBeUnclean,
    has_valid_session: bool,
    fenced: bool = True,
) -> tuple[list[MetadataRecord], int]:
    """Records, and the broker epoch: the place of the registration in the log, which only grows.

    Raises KafkaError DUPLICATE_BROKER_REGISTRATION while another process with this id is alive. One at the very same
    address cannot be: it would still hold the port. UNSUPPORTED_VERSION for one that is too old for this cluster.
    """
    node_id = registration.node_id
    _require_finalized(image, registration.features or SUPPORTED_BEFORE)
    existing = image.brokers.get(node_id)
    records: list[MetadataRecord] = []
    if existing is not None:
        if existing.incarnation_id == registration.incarnation_id:
            return [], existing.broker_epoch
        moved = dict(existing.endpoints) != dict(registration.endpoints)
        if moved and existing.is_active and has_valid_session:
            raise KafkaError(
                ErrorCode.DUPLICATE_BROKER_REGISTRATION, f"another broker with node.id={node_id} is running"
            )
        records += decide_broker_gone(
            image,
            node_id,
            may_be_unclean=may_be_unclean,
            comes_back=True,
            lost_directory=lost_directory(existing, registration.directory_id),
        )
    epoch = image.metadata_offset + 1
    endpoints = [BrokerEndpoint(name, host, port) for name, (host, port) in registration.endpoints.items()]
    records.insert(
        0,
        BrokerRegistrationRecord(
            node_id=node_id,
            broker_epoch=epoch,
            incarnation_id=registration.incarnation_id,
            endpoints=endpoints,
            rack=registration.rack,
            fenced=fenced,
            features=dict(registration.features),
            directory_id=registration.directory_id,
        ),
    )
    return records, epoch


def lost_directory(existing: BrokerRegistration | None, directory_id: bytes) -> bytes:
    """The directory that a broker had and has no more; b"" where it has it still, or nobody knows."""
    if existing is None or not directory_id or existing.directory_id == directory_id:
        return b""
    return existing.directory_id


def _require_finalized(image: MetadataImage, supported: Mapping[str, FeatureRange]) -> None:
    for name, level in finalized(image).items():
        if not is_supported(name, level, supported):
            low, high = supported.get(name, (0, 0))
            raise KafkaError(
                ErrorCode.UNSUPPORTED_VERSION,
                f"Unable to register because the broker does not support finalized version {level} of {name}. "
                f"The broker wants a version between {low} and {high}, inclusive.",
            )


def decide_heartbeat(image: MetadataImage, heartbeat: Heartbeat, *, may_be_unclean: MayBeUnclean) -> HeartbeatDecision:
    """Raises KafkaError BROKER_ID_NOT_REGISTERED, STALE_BROKER_EPOCH."""
    broker = registered(image, heartbeat.node_id, heartbeat.broker_epoch)
    # It knows of its own registration, and so of everything that was decided before it began.
    is_caught_up = heartbeat.metadata_offset >= broker.broker_epoch
    if heartbeat.wants_shut_down:
        return _decide_shutdown(image, broker, is_caught_up)
    if broker.fenced:
        if heartbeat.wants_fence or not is_caught_up:
            return HeartbeatDecision(is_caught_up=is_caught_up, is_fenced=True)
        back = decide_broker_back(image, broker.node_id, may_be_unclean=may_be_unclean)
        return HeartbeatDecision([BrokerChangeRecord(broker.node_id, broker.broker_epoch, fenced=False), *back])
    if heartbeat.wants_fence:
        return HeartbeatDecision(decide_fence(image, broker.node_id, may_be_unclean=may_be_unclean), is_fenced=True)
    return HeartbeatDecision(is_caught_up=is_caught_up)


def _decide_shutdown(image: MetadataImage, broker: BrokerRegistration, is_caught_up: bool) -> HeartbeatDecision:
    if broker.fenced:
        return HeartbeatDecision(is_caught_up=is_caught_up, is_fenced=True, may_shut_down=True)
    records: list[MetadataRecord] = []
    if not broker.in_controlled_shutdown:
        records.append(BrokerChangeRecord(broker.node_id, broker.broker_epoch, in_controlled_shutdown=True))
        records += decide_shutdown(image, broker.node_id)
        return HeartbeatDecision(records, is_caught_up=is_caught_up, may_shut_down=True)
    may = not leads_anything_that_others_could(image, broker.node_id)
    return HeartbeatDecision(is_caught_up=is_caught_up, may_shut_down=may)


def decide_fence(image: MetadataImage, node_id: int, *, may_be_unclean: MayBeUnclean) -> list[MetadataRecord]:
    """Nothing is expected of this broker until it says that it is back; empty where it is fenced already."""
    broker = image.brokers.get(node_id)
    if broker is None or broker.fenced:
        return []
    gone = decide_broker_gone(image, node_id, may_be_unclean=may_be_unclean)
    return [BrokerChangeRecord(node_id, broker.broker_epoch, fenced=True), *gone]


def decide_unregistration(image: MetadataImage, node_id: int, *, may_be_unclean: MayBeUnclean) -> list[MetadataRecord]:
    """Raises KafkaError BROKER_ID_NOT_REGISTERED."""
    broker = image.brokers.get(node_id)
    if broker is None:
        raise KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, f"there is no broker {node_id}")
    # Whoever comes next with this id is another broker, unless it has the same directory.
    gone = decide_broker_gone(image, node_id, may_be_unclean=may_be_unclean, lost_directory=broker.directory_id)
    return [*gone, UnregisterBrokerRecord(node_id, broker.broker_epoch)]


def registered(image: MetadataImage, node_id: int, broker_epoch: int) -> BrokerRegistration:
    """The registration of this very incarnation; KafkaError where there is none."""
    broker = image.brokers.get(node_id)
    if broker is None:
        raise KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, f"broker {node_id} is not registered")
    if broker.broker_epoch != broker_epoch:
        raise KafkaError(
            ErrorCode.STALE_BROKER_EPOCH,
            f"broker {node_id} is registered in epoch {broker.broker_epoch}, and this is {broker_epoch}",
        )
    return broker

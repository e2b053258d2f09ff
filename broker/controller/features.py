"""Feature levels: which ones the cluster works at, and who may raise them (KIP-584, KIP-778; FeatureControlManager).

A level says what nodes may write for each other to read, so it rises only to what every node supports that votes or is
registered as a broker. What a node supports it says on each connection, and in its registration. A level is never
lowered: what was written at it is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from broker.controller.proposals import Proposals
from broker.metadata import (
    METADATA_VERSION,
    NEWEST_LEVEL,
    SUPPORTED,
    FeatureLevelRecord,
    FeatureRange,
    MetadataImage,
    MetadataRecord,
    finalized,
)
from broker.quorum import RaftQuorum
from protocol.errors import ErrorCode, KafkaError

Supported = Mapping[str, FeatureRange]


class UpgradeType(IntEnum):
    """Numbers as UpdateFeatures sends them."""

    UPGRADE = 1
    SAFE_DOWNGRADE = 2
    UNSAFE_DOWNGRADE = 3


@dataclass(frozen=True, slots=True)
class FeatureUpdate:
    name: str
    level: int
    upgrade_type: int


class FeatureManager:
    """Its methods raise KafkaError NOT_CONTROLLER where this node is not the active controller.

    `features_of` says what another node supports, None where it is not connected."""

    def __init__(
        self, *, node_id: int, proposals: Proposals, quorum: RaftQuorum, features_of: Callable[[int], Supported | None]
    ) -> None:
        self._node_id = node_id
        self._proposals = proposals
        self._quorum = quorum
        self._features_of = features_of

    async def update(self, updates: Iterable[FeatureUpdate], *, validate_only: bool) -> None:
        """All of `updates`, or none with KafkaError INVALID_UPDATE_VERSION. Of several of one feature the last counts,
        as in Kafka."""
        self._quorum.require_leader()
        image = self._proposals.image
        wanted = list({update.name: update for update in updates}.values())
        records = decide_feature_updates(image, wanted, node_id=self._node_id, elsewhere=self._elsewhere(image))
        await asyncio.shield(self._proposals.submit([] if validate_only else records))

    def first_records(self) -> list[MetadataRecord]:
        """For a new cluster: the newest level that everyone has whom this node reaches now."""
        others = (self._features_of(node_id) for node_id in self._quorum.configuration.members())
        newest = [supported[METADATA_VERSION][1] for supported in others if supported is not None]
        return [FeatureLevelRecord(METADATA_VERSION, min([NEWEST_LEVEL, *newest]))]

    def _elsewhere(self, image: MetadataImage) -> dict[int, Supported | None]:
        """What each other node supports: as it says now, or else as it last registered; None where neither is known."""
        others = {*self._quorum.configuration.voters, *image.brokers} - {self._node_id}
        found: dict[int, Supported | None] = {}
        for node_id in sorted(others):
            broker = image.brokers.get(node_id)
            found[node_id] = self._features_of(node_id) or (broker.features or None if broker is not None else None)
        return found


def decide_feature_updates(
    image: MetadataImage,
    updates: Sequence[FeatureUpdate],
    *,
    node_id: int,
    elsewhere: Mapping[int, Supported | None],
) -> list[MetadataRecord]:
    """Raises KafkaError INVALID_UPDATE_VERSION about the first that cannot be, in Kafka's words."""
    current = finalized(image)
    records: list[MetadataRecord] = []
    for update in updates:
        problem = _problem(update, current, node_id, elsewhere)
        if problem:
            raise KafkaError(ErrorCode.INVALID_UPDATE_VERSION, problem)
        if current[update.name] != update.level:
            records.append(FeatureLevelRecord(update.name, update.level))
    return records


def _problem(
    update: FeatureUpdate, current: Mapping[str, int], node_id: int, elsewhere: Mapping[int, Supported | None]
) -> str:
    """Why it cannot be; empty where it can. In Kafka's order."""
    name, level = update.name, update.level
    refused = f"Invalid update version {level} for feature {name}. "
    if update.upgrade_type not in UpgradeType.__members__.values():
        return f"{refused}The controller does not support the given upgrade type."
    is_upgrade = update.upgrade_type == UpgradeType.UPGRADE
    if name not in current and level == 0:
        return f"{refused}Feature {name} not found."
    if level < 0:
        return f"{refused}A feature version cannot be less than 0."
    if unsupported := _unsupported(f"Local controller {node_id}", name, level, SUPPORTED):
        return refused + unsupported + ("" if name in SUPPORTED else _UPGRADE_ALONE)
    if level > current[name] and not is_upgrade:
        return f"{refused}Can't downgrade to a newer version."
    if level < current[name]:
        return refused + _CANNOT_DOWNGRADE if is_upgrade else _refused_downgrade(update, current[name])
    for other_id, supported in elsewhere.items():
        if level == current[name]:
            break
        if supported is None:
            return (
                f"{refused}Node {other_id} is away, and what it supports is not known: start it, or unregister it or "
                "take its vote."
            )
        if unsupported := _unsupported(f"Node {other_id}", name, level, supported):
            return refused + unsupported
    return ""


# An upgrade to one of Kafka's releases names all features of that release together.
_UPGRADE_ALONE = f" It has {' and '.join(SUPPORTED)}: name one of them, not a release (--feature {METADATA_VERSION}=N)."
_CANNOT_DOWNGRADE = (
    "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade."
)


def _unsupported(who: str, name: str, level: int, supported: Supported) -> str:
    if name not in supported:
        return f"{who} does not support this feature."
    low, high = supported[name]
    return "" if low <= level <= high else f"{who} only supports versions {low}-{high}"


def _refused_downgrade(update: FeatureUpdate, level: int) -> str:
    why = (
        "Unsafe metadata downgrade is not supported in this version."
        if update.upgrade_type == UpgradeType.UNSAFE_DOWNGRADE
        else "Refusing to perform the requested downgrade because it might delete metadata information."
    )
    return f"Unsupported {update.name} downgrade from {level} to {update.level}. {why}"

"""The features of a cluster and the levels that its nodes agreed on (KIP-584, KIP-778), and what each level gates here.

| feature | level | what it stands for |
|---|---|---|
| metadata.version | 25, Kafka's 4.0-IV3 | metadata records of formats 1 and 2; metadata snapshots without a header |
| | 26, Kafka's 4.1-IV0 | records of format 3 (what brokers support); snapshot files that carry a version |
| | 27, Kafka's 4.1-IV1 | records of format 4 (which directories replicas are in) |
| kraft.version | 1 | voters are added and removed while the cluster runs; it is never otherwise here |

The numbers are Kafka's, so that its tools show them by name, but a level says what nodes of this project may write for
each other to read; a new format takes the next number. What nobody finalized is at the level that was the first. A
feature that is not served (group.version, transaction.version and the like) is not listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broker.metadata.image import FeatureRange, MetadataImage
from broker.metadata.records import FeatureLevelRecord, MetadataRecord, UnknownMetadata

METADATA_VERSION = "metadata.version"
KRAFT_VERSION = "kraft.version"


@dataclass(frozen=True, slots=True)
class Gated:
    """What may be written at one level of metadata.version."""

    record_format: int
    snapshot_format: int


LEVELS: Mapping[int, Gated] = {
    25: Gated(record_format=2, snapshot_format=0),
    26: Gated(record_format=3, snapshot_format=1),
    27: Gated(record_format=4, snapshot_format=1),
}
FIRST_LEVEL, NEWEST_LEVEL = min(LEVELS), max(LEVELS)

# Inclusive, by feature: what this version of the program can do.
SUPPORTED: Mapping[str, FeatureRange] = {KRAFT_VERSION: (1, 1), METADATA_VERSION: (FIRST_LEVEL, NEWEST_LEVEL)}
# What a node could do that is too old to say so.
SUPPORTED_BEFORE: Mapping[str, FeatureRange] = {KRAFT_VERSION: (1, 1), METADATA_VERSION: (FIRST_LEVEL, FIRST_LEVEL)}


def finalized(image: MetadataImage) -> dict[str, int]:
    """The levels in force, by feature."""
    return {KRAFT_VERSION: 1, METADATA_VERSION: FIRST_LEVEL} | dict(image.features)


def gated(image: MetadataImage) -> Gated:
    """What the finalized metadata.version lets this node write."""
    return LEVELS[finalized(image)[METADATA_VERSION]]


def is_supported(name: str, level: int, supported: Mapping[str, FeatureRange] = SUPPORTED) -> bool:
    low, high = supported.get(name, (0, 0))
    return low <= level <= high


def require_known(records: Iterable[MetadataRecord]) -> None:
    """Raises UnknownMetadata where the cluster finalized a level that this version of the program does not have."""
    for record in records:
        if isinstance(record, FeatureLevelRecord) and not is_supported(record.name, record.level):
            low, high = SUPPORTED.get(record.name, (0, 0))
            raise UnknownMetadata(
                f"the cluster is at {record.name} {record.level}, and this version of the program knows "
                f"{f'{low} to {high}' if high else 'no such feature'}: start the version that the others run"
            )

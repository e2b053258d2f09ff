"""Who may raise the level of a feature: all nodes must be able to work at it, and none is ever lowered."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from harness.images import after, cluster_of

from broker.controller.broker_registry import Registration, decide_registration
from broker.controller.features import FeatureUpdate, UpgradeType, decide_feature_updates
from broker.metadata import (
    METADATA_VERSION,
    NEWEST_LEVEL,
    SUPPORTED,
    SUPPORTED_BEFORE,
    FeatureLevelRecord,
    FeatureRange,
    MetadataImage,
    MetadataRecord,
)
from broker.metadata.features import FIRST_LEVEL
from protocol.errors import ErrorCode, KafkaError

Elsewhere = Mapping[int, Mapping[str, FeatureRange] | None]
UPGRADE, SAFE, UNSAFE = UpgradeType


def at_level(level: int) -> MetadataImage:
    return after(cluster_of(3), [FeatureLevelRecord(METADATA_VERSION, level)])


def decide(
    image: MetadataImage, name: str, level: int, how: int = UPGRADE, elsewhere: Elsewhere | None = None
) -> list[MetadataRecord]:
    others = {2: SUPPORTED, 3: SUPPORTED} if elsewhere is None else elsewhere
    return decide_feature_updates(image, [FeatureUpdate(name, level, how)], node_id=1, elsewhere=others)


def refusal(image: MetadataImage, name: str, level: int, how: int = UPGRADE, elsewhere: Elsewhere | None = None) -> str:
    with pytest.raises(KafkaError) as refused:
        decide(image, name, level, how, elsewhere)
    assert refused.value.code is ErrorCode.INVALID_UPDATE_VERSION
    return refused.value.message or ""


def test_a_level_rises_to_what_all_nodes_support() -> None:
    image = cluster_of(3)
    assert decide(image, METADATA_VERSION, NEWEST_LEVEL) == [FeatureLevelRecord(METADATA_VERSION, NEWEST_LEVEL)]
    assert decide(at_level(NEWEST_LEVEL), METADATA_VERSION, NEWEST_LEVEL, how=SAFE) == []


def test_a_level_does_not_rise_while_one_node_is_too_old_for_it() -> None:
    old = refusal(cluster_of(3), METADATA_VERSION, NEWEST_LEVEL, elsewhere={2: SUPPORTED, 3: SUPPORTED_BEFORE})
    assert old.endswith(f"Node 3 only supports versions {FIRST_LEVEL}-{FIRST_LEVEL}")
    lacking = refusal(cluster_of(3), METADATA_VERSION, NEWEST_LEVEL, elsewhere={2: {"kraft.version": (1, 1)}})
    assert lacking.endswith("Node 2 does not support this feature.")


def test_a_level_does_not_rise_while_a_node_is_away_of_which_nothing_is_known() -> None:
    assert "Node 3 is away" in refusal(cluster_of(3), METADATA_VERSION, NEWEST_LEVEL, elsewhere={3: None})
    assert decide(at_level(NEWEST_LEVEL), METADATA_VERSION, NEWEST_LEVEL, elsewhere={3: None}) == []


@pytest.mark.parametrize(
    ("name", "level", "how", "words"),
    [
        (METADATA_VERSION, 99, UPGRADE, f"Local controller 1 only supports versions {FIRST_LEVEL}-{NEWEST_LEVEL}"),
        ("group.version", 1, UPGRADE, "Local controller 1 does not support this feature."),
        ("group.version", 1, UPGRADE, "It has kraft.version and metadata.version: name one of them, not a release"),
        ("group.version", 0, SAFE, "Feature group.version not found."),
        (METADATA_VERSION, -1, UPGRADE, "A feature version cannot be less than 0."),
        (METADATA_VERSION, NEWEST_LEVEL, 0, "The controller does not support the given upgrade type."),
        (METADATA_VERSION, FIRST_LEVEL, UPGRADE, "without setting the upgrade type to either safe or unsafe downgrade"),
        (METADATA_VERSION, FIRST_LEVEL, SAFE, "Refusing to perform the requested downgrade"),
        (METADATA_VERSION, FIRST_LEVEL, UNSAFE, "Unsafe metadata downgrade is not supported in this version."),
        ("kraft.version", 0, SAFE, "Local controller 1 only supports versions 1-1"),
    ],
)
def test_what_cannot_be_is_refused_in_kafkas_words(name: str, level: int, how: int, words: str) -> None:
    assert words in refusal(at_level(NEWEST_LEVEL), name, level, how)


def test_a_downgrade_to_a_newer_level_is_none() -> None:
    assert "Can't downgrade to a newer version." in refusal(cluster_of(1), METADATA_VERSION, NEWEST_LEVEL, SAFE)


def test_several_updates_are_made_together_or_not_at_all() -> None:
    updates = [FeatureUpdate(METADATA_VERSION, NEWEST_LEVEL, UPGRADE), FeatureUpdate("nonsense", 1, UPGRADE)]
    with pytest.raises(KafkaError, match="nonsense"):
        decide_feature_updates(cluster_of(1), updates, node_id=1, elsewhere={})


def test_a_broker_too_old_for_the_cluster_is_not_registered() -> None:
    old = Registration(2, b"n" * 16, {"PLAINTEXT": ("h", 9092)})
    with pytest.raises(
        KafkaError, match=f"does not support finalized version {NEWEST_LEVEL} of metadata.version"
    ) as no:
        decide_registration(at_level(NEWEST_LEVEL), old, may_be_unclean=lambda _: False, has_valid_session=False)
    assert no.value.code is ErrorCode.UNSUPPORTED_VERSION


def test_a_registration_says_what_the_broker_supports() -> None:
    new = Registration(4, b"n" * 16, {"PLAINTEXT": ("h", 9092)}, features=SUPPORTED)
    image = at_level(NEWEST_LEVEL)
    records, _ = decide_registration(image, new, may_be_unclean=lambda _: False, has_valid_session=False)
    assert after(image, records).brokers[4].features == dict(SUPPORTED)

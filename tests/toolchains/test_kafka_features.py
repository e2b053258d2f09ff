"""kafka-features, as Kafka 4.3 ships it: it shows the levels, raises them, and is told why one cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from toolchains_harness.kafka_tools import Finished, KafkaTools

from broker.metadata import METADATA_VERSION, SUPPORTED

# Kafka's names of the levels, as its tools know them.
NAMES = {25: "4.0-IV3", 26: "4.1-IV0", 27: "4.1-IV1", 28: "4.2-IV0", 29: "4.2-IV1", 30: "4.3-IV0"}
FIRST, NEWEST = SUPPORTED[METADATA_VERSION]

pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(600)]
Tool = Callable[..., Finished]


@pytest.fixture
def features(kafka_tools: KafkaTools, bootstrap: str) -> Tool:
    return lambda *arguments, **how: kafka_tools.run(
        "kafka-features", "--bootstrap-server", bootstrap, *arguments, **how
    )


def described(features: Tool) -> dict[str, dict[str, str]]:
    """By feature: what the tool prints as `Name: value` in columns."""
    rows = [dict(zip(*[iter(line.replace(":", "").split())] * 2, strict=True)) for line in features("describe").lines]
    return {row.pop("Feature"): row for row in rows}


def test_the_levels_are_shown_by_kafkas_names(features: Tool) -> None:
    found = described(features)
    assert found.keys() == {"metadata.version", "kraft.version"}
    metadata_version = found["metadata.version"]
    # A new cluster begins at the newest level.
    assert metadata_version["FinalizedVersionLevel"] == metadata_version["SupportedMaxVersion"] == NAMES[NEWEST]
    assert metadata_version["SupportedMinVersion"] == NAMES[FIRST]
    assert int(metadata_version["Epoch"]) > 0
    assert found["kraft.version"]["FinalizedVersionLevel"] == "1"


def test_a_level_that_is_reached_already_is_no_error(features: Tool) -> None:
    done = features("upgrade", "--feature", f"metadata.version={NEWEST}")
    assert f"metadata.version was upgraded to {NEWEST}." in done.output
    tried = features("upgrade", "--metadata", NAMES[NEWEST], "--dry-run")
    assert f"metadata.version can be upgraded to {NEWEST}." in tried.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("upgrade", "--feature", "metadata.version=99"),
            f"Local controller 1 only supports versions {FIRST}-{NEWEST}",
        ),
        (("upgrade", "--feature", "group.version=1"), "Local controller 1 does not support this feature."),
        (("downgrade", "--feature", f"metadata.version={FIRST}"), "Refusing to perform the requested downgrade"),
        (
            ("downgrade", "--feature", f"metadata.version={FIRST}", "--unsafe"),
            "Unsafe metadata downgrade is not supported",
        ),
        (("disable", "--feature", "transaction.version"), "Feature transaction.version not found."),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(features: Tool, arguments: tuple[str, ...], words: str) -> None:
    refused = features(*arguments, succeeds=False)
    assert refused.status == 1
    assert words in refused.output + refused.errors
    assert "1 out of 1 operation(s) failed." in refused.output + refused.errors


def test_an_upgrade_to_a_release_is_told_what_to_name_instead(features: Tool) -> None:
    """It names all features of the release together, and some are of what is not served."""
    refused = features("upgrade", "--release-version", "4.1", succeeds=False)
    assert "name one of them, not a release (--feature metadata.version=N)" in refused.output + refused.errors

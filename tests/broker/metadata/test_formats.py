"""What a cluster that is being upgraded may write: nothing that its oldest nodes could not read."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from broker.metadata import (
    EMPTY_IMAGE,
    METADATA_VERSION,
    NEWEST_LEVEL,
    SUPPORTED,
    BrokerEndpoint,
    BrokerRegistrationRecord,
    FeatureLevelRecord,
    MemberRecord,
    MetadataRecord,
    PartitionChangeRecord,
    PartitionRecord,
    RemoveTopicRecord,
    TopicRecord,
    UnknownMetadata,
    encode_records,
    finalized,
    gated,
    require_known,
    restricted,
)
from broker.metadata.features import FIRST_LEVEL, LEVELS
from broker.metadata.formats import SINCE
from broker.metadata.records import FORMAT_VERSION

ID = b"i" * 16
REGISTRATION = BrokerRegistrationRecord(1, 7, ID, [BrokerEndpoint("PLAINTEXT", "h", 9092)], features={"f": (1, 2)})


def format_of(*records: MetadataRecord) -> int:
    version: int = msgspec.msgpack.decode(encode_records(records))[0]
    return version


def test_an_entry_is_of_the_oldest_format_that_has_what_it_says() -> None:
    assert format_of(TopicRecord("a", ID), PartitionRecord(ID, 0, [1], [1], 1)) == 1
    assert format_of(PartitionChangeRecord(ID, 0, isr=[1])) == 1
    assert format_of(FeatureLevelRecord(METADATA_VERSION, NEWEST_LEVEL)) == 1
    assert format_of(MemberRecord(1, "h", 1)) == 2
    assert format_of(PartitionChangeRecord(ID, 0, adding_replicas=[])) == 1
    assert format_of(TopicRecord("a", ID), PartitionRecord(ID, 0, [1, 2], [1], 1, adding_replicas=[2])) == 2
    assert format_of(msgspec.structs.replace(REGISTRATION, features={})) == 1
    assert format_of(REGISTRATION, MemberRecord(1, "h", 1)) == 3


def test_a_record_loses_the_fields_that_are_younger_than_the_cluster() -> None:
    change = PartitionChangeRecord(ID, 0, adding_replicas=[2])
    removal = RemoveTopicRecord(ID)
    assert restricted([REGISTRATION, change, removal], 2) == [
        msgspec.structs.replace(REGISTRATION, features={}),
        change,
        removal,
    ]
    assert restricted([REGISTRATION], 3) == [REGISTRATION]


def test_a_kind_of_record_that_is_younger_than_the_cluster_is_not_written() -> None:
    with pytest.raises(AssertionError, match="MemberRecord"):
        restricted([MemberRecord(1, "h", 1)], 1)


def test_what_is_entered_as_young_exists_and_the_newest_format_has_a_level() -> None:
    for kind, fields in SINCE.items():
        assert fields.keys() - {""} <= {field.name for field in msgspec.structs.fields(kind)}
        assert all(1 < since <= FORMAT_VERSION for since in fields.values())
    assert max(since for fields in SINCE.values() for since in fields.values()) == FORMAT_VERSION
    assert LEVELS[NEWEST_LEVEL].record_format == FORMAT_VERSION


def test_a_cluster_that_finalized_nothing_is_at_the_first_level() -> None:
    assert finalized(EMPTY_IMAGE) == {METADATA_VERSION: FIRST_LEVEL, "kraft.version": 1}
    assert gated(EMPTY_IMAGE).record_format == 2
    newest = dataclasses.replace(EMPTY_IMAGE, features={METADATA_VERSION: NEWEST_LEVEL})
    assert gated(newest).record_format == FORMAT_VERSION


@pytest.mark.parametrize(("name", "level"), [(METADATA_VERSION, NEWEST_LEVEL + 1), ("teleport.version", 1)])
def test_a_level_that_this_version_does_not_have_is_refused(name: str, level: int) -> None:
    with pytest.raises(UnknownMetadata, match=f"{name} {level}"):
        require_known([FeatureLevelRecord(name, level)])
    require_known([FeatureLevelRecord(METADATA_VERSION, low) for low in SUPPORTED[METADATA_VERSION]])

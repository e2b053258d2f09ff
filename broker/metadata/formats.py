"""Which format of the metadata log has which kinds of records and which of their fields.

While a cluster is upgraded, some of its nodes know no newer format than they were built with, and a node that meets a
record it does not know must end. So nobody writes more than what the cluster's finalized metadata.version allows
(`features.record_format`): a record loses the fields that are newer, and a decision that cannot do without them asks
the image first. A new kind or field is entered in SINCE, with a new FORMAT_VERSION and a new level in `features`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from broker.metadata import records as kinds
from broker.metadata.records import FORMAT_VERSION, MetadataRecord, encode_entry

# By kind: fields that are younger than format 1, and the format that brought them. "" is the kind itself.
SINCE: Mapping[type, Mapping[str, int]] = {
    kinds.MemberRecord: {"": 2},
    kinds.PartitionRecord: {"adding_replicas": 2, "removing_replicas": 2, "last_directory": 4},
    kinds.PartitionChangeRecord: {"adding_replicas": 2, "removing_replicas": 2, "last_directory": 4},
    kinds.BrokerRegistrationRecord: {"features": 3, "directory_id": 4},
}


def restricted(records: Sequence[MetadataRecord], format_max: int) -> Sequence[MetadataRecord]:
    """`records` as far as format `format_max` can say them. No kind of record may be younger than that."""
    if format_max >= FORMAT_VERSION:
        return records
    return [_restricted(record, format_max) for record in records]


def _restricted(record: MetadataRecord, format_max: int) -> MetadataRecord:
    since = SINCE.get(type(record))
    if since is None:
        return record
    assert since.get("", 1) <= format_max, f"{type(record).__name__} needs a newer metadata.version"
    newer = {name for name, format_version in since.items() if format_version > format_max}
    if not newer:
        return record
    kept = {name: value for name, value in msgspec.structs.asdict(record).items() if name not in newer}
    return type(record)(**kept)


def encode_records(records: Sequence[MetadataRecord]) -> bytes:
    """The payload of one log entry, in the oldest format that has what is said in it."""
    return encode_entry(records, format_of(records))


def format_of(records: Sequence[MetadataRecord]) -> int:
    """The oldest format that has what is said here."""
    format_version = 1
    for record in records:
        since = SINCE.get(type(record))
        if since is None:
            continue
        for name, its_format in since.items():
            # Every young field is None, empty or False where it is not given.
            if its_format > format_version and (not name or getattr(record, name) not in (None, [], {}, b"", False)):
                format_version = its_format
    return format_version

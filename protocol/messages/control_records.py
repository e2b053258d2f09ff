"""Keys and values of control records: transaction markers, and those of the metadata quorum.

A control record's key begins with its version and type (`ControlRecordTypeSchema`): 0 abort, 1 commit,
2 leader change, 3 snapshot header, 4 snapshot footer, 5 KRaft version, 6 KRaft voters. Keys and the values of
transaction markers have an int16 version in front (`protocol.versioned`); the others carry it as a field.
"""

from __future__ import annotations

from protocol.schema import Array, Int16, Int32, Int64, Message, String, Struct, Uint16, Uuid, field


class ControlRecordTypeSchema(Message, versions=(0, 0)):
    type: Int16 = 0


class EndTxnMarker(Message, versions=(0, 0)):
    coordinator_epoch: Int32 = 0


class LeaderChangeMessage(Message, versions=(0, 1), flexible_since=0):
    version: Int16 = 0
    leader_id: Int32 = 0
    voters: Array[LeaderChangeMessageVoter] = field()
    granting_voters: Array[LeaderChangeMessageVoter] = field()


class LeaderChangeMessageVoter(Struct):
    voter_id: Int32 = 0
    voter_directory_id: Uuid = field(since=1)


class KRaftVersionRecord(Message, versions=(0, 0), flexible_since=0):
    version: Int16 = 0
    k_raft_version: Int16 = 0


class SnapshotHeaderRecord(Message, versions=(0, 0), flexible_since=0):
    version: Int16 = 0
    last_contained_log_timestamp: Int64 = 0


class SnapshotFooterRecord(Message, versions=(0, 0), flexible_since=0):
    version: Int16 = 0


class VotersRecord(Message, versions=(0, 0), flexible_since=0):
    version: Int16 = 0
    voters: Array[VotersRecordVoter] = field()


class VotersRecordVoter(Struct):
    voter_id: Int32 = 0
    voter_directory_id: Uuid = field()
    endpoints: Array[Endpoint] = field()
    k_raft_version_feature: KRaftVersionFeature = field()


class Endpoint(Struct):
    name: String = ""
    host: String = ""
    port: Uint16 = 0


class KRaftVersionFeature(Struct):
    min_supported_version: Int16 = 0
    max_supported_version: Int16 = 0

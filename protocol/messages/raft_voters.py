"""AddRaftVoter, RemoveRaftVoter, UpdateRaftVoter (API keys 80 to 82): change the metadata quorum (KIP-853).

AddRaftVoter v1 adds ack_when_committed.
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int16,
    Int32,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    Uint16,
    Uuid,
    field,
)


class AddRaftVoterRequest(Request, api=ApiKey.ADD_RAFT_VOTER, versions=(0, 1), flexible_since=0):
    cluster_id: NullableString = ""
    timeout_ms: Int32 = 0
    voter_id: Int32 = 0
    voter_directory_id: Uuid = field()
    listeners: Array[Listener] = field()
    ack_when_committed: Boolean = field(since=1, default=True)


class Listener(Struct):
    name: String = ""
    host: String = ""
    port: Uint16 = 0


class AddRaftVoterResponse(Response, api=ApiKey.ADD_RAFT_VOTER, versions=(0, 1), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""


class RemoveRaftVoterRequest(Request, api=ApiKey.REMOVE_RAFT_VOTER, versions=(0, 0), flexible_since=0):
    cluster_id: NullableString = ""
    voter_id: Int32 = 0
    voter_directory_id: Uuid = field()


class RemoveRaftVoterResponse(Response, api=ApiKey.REMOVE_RAFT_VOTER, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""


class UpdateRaftVoterRequest(Request, api=ApiKey.UPDATE_RAFT_VOTER, versions=(0, 0), flexible_since=0):
    cluster_id: NullableString = ""
    current_leader_epoch: Int32 = 0
    voter_id: Int32 = 0
    voter_directory_id: Uuid = field()
    listeners: Array[Listener] = field()
    k_raft_version_feature: KRaftVersionFeature = field()


class KRaftVersionFeature(Struct):
    min_supported_version: Int16 = 0
    max_supported_version: Int16 = 0


class UpdateRaftVoterResponse(Response, api=ApiKey.UPDATE_RAFT_VOTER, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    current_leader: CurrentLeader = field(tag=0)


class CurrentLeader(Struct):
    leader_id: Int32 = -1
    leader_epoch: Int32 = -1
    host: String = ""
    port: Int32 = 0

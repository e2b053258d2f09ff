"""What the nodes of one cluster say to each other besides Kafka's messages; versioned, never advertised to clients.

RaftMessages (10000): messages of `raft`, in order, as `raft.encode_message` writes them. One-way: the answers of Raft
    are RaftMessages of the other side, and the response only says whether the request was for this cluster.
JoinQuorum (10001): a node that is not a voter asks to be sent the metadata log, and a voter says which disk it votes
    from; answered by the active controller. v1 tells of a voter that begins anew on an empty disk.
Forward (10002): a client's request, from the broker that it was sent to, to the active controller: Kafka's Envelope
    (KIP-590) with more about the client, and with the place in the metadata log that the answer speaks of.

What another node speaks is asked once a connection (ApiVersions, on its listener for nodes), and what goes out is the
newest version that both know. A new version here keeps the old ones, for nodes that are yet to be upgraded.

Every node says where it can be reached: one that joins knows nobody's address but those it was configured with.
"""

from __future__ import annotations

from protocol.api_keys import PrivateApiKey
from protocol.schema import (
    Array,
    Boolean,
    Bytes,
    Int16,
    Int32,
    Int64,
    NullableBytes,
    NullableString,
    Request,
    Response,
    String,
    Uint16,
    Uuid,
    field,
)


class RaftMessagesRequest(Request, api=PrivateApiKey.RAFT_MESSAGES, versions=(0, 0)):
    # Null while the sender does not know it: a node of a new cluster before its first election.
    cluster_id: NullableString = None
    sender_id: Int32 = -1
    sender_host: String = ""
    sender_port: Uint16 = 0
    messages: Array[Bytes] = field()


class RaftMessagesResponse(Response, api=PrivateApiKey.RAFT_MESSAGES, versions=(0, 0)):
    error_code: Int16 = 0


class JoinQuorumRequest(Request, api=PrivateApiKey.JOIN_QUORUM, versions=(0, 1)):
    cluster_id: NullableString = None
    node_id: Int32 = -1
    directory_id: Uuid = field()
    host: String = ""
    port: Uint16 = 0
    # Its configuration names it as a voter, and it knows nothing of having been one.
    begins_as_voter: Boolean = field(since=1, default=False)


class JoinQuorumResponse(Response, api=PrivateApiKey.JOIN_QUORUM, versions=(0, 1)):
    error_code: Int16 = 0
    error_message: NullableString = None
    cluster_id: String = ""


class ForwardRequest(Request, api=PrivateApiKey.FORWARD, versions=(0, 0)):
    principal: String = ""
    client_id: String = ""
    client_host: String = ""
    # The request without its header.
    api_key: Int16 = 0
    api_version: Int16 = 0
    request_data: Bytes = b""


class ForwardResponse(Response, api=PrivateApiKey.FORWARD, versions=(0, 0)):
    # About the forwarding itself; what became of the request is in its own response.
    error_code: Int16 = 0
    # The broker answers its client when it has applied this much.
    metadata_offset: Int64 = -1
    # The response without its header.
    response_data: NullableBytes = None

"""DeleteTopics (API key 20).

v1    throttle_time_ms
v3    TOPIC_DELETION_DISABLED may be answered (KIP-322)
v4    flexible
v5    error_message; THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599)
v6    topics by name or by id (KIP-516)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, NullableString, Request, Response, String, Struct, Uuid, field


class DeleteTopicsRequest(Request, api=ApiKey.DELETE_TOPICS, versions=(0, 6), flexible_since=4):
    topics: Array[DeleteTopicState] = field(since=6)
    topic_names: Array[String] = field(until=5)
    timeout_ms: Int32 = 0


class DeleteTopicState(Struct):
    name: NullableString = None
    topic_id: Uuid = field()


class DeleteTopicsResponse(Response, api=ApiKey.DELETE_TOPICS, versions=(0, 6), flexible_since=4):
    throttle_time_ms: Int32 = field(since=1)
    responses: Array[DeletableTopicResult] = field()


class DeletableTopicResult(Struct):
    name: NullableString = field(nullable_since=6)
    topic_id: Uuid = field(since=6)
    error_code: Int16 = 0
    error_message: NullableString = field(since=5, default=None)

"""ConsumerProtocolSubscription, ConsumerProtocolAssignment."""

from __future__ import annotations

from protocol.schema import Array, Int32, Message, NullableBytes, NullableString, String, Struct, field


class ConsumerProtocolSubscription(Message, versions=(0, 3)):
    topics: Array[String] = field()
    user_data: NullableBytes = None
    owned_partitions: Array[TopicPartition] = field(since=1)
    generation_id: Int32 = field(since=2, default=-1)
    rack_id: NullableString = field(since=3, default=None)


class TopicPartition(Struct):
    topic: String = ""
    partitions: Array[Int32] = field()


class ConsumerProtocolAssignment(Message, versions=(0, 3)):
    assigned_partitions: Array[TopicPartition] = field()
    user_data: NullableBytes = None

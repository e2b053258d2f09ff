"""The wire: bytes and typed messages, in both directions. Knows no broker, socket or file.

message classes   protocol.messages: declarations; the typed class is the schema
codec             decoder/encoder compile a function per (class, version); decode/encode use them once
headers, framing  what stands around a message on a connection
records           record batches and message sets, as views over bytes
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.decoding import Decoder, decode, decoder
from protocol.encoding import Encoder, encode, encoder
from protocol.errors import ErrorCode, KafkaError, ProtocolError
from protocol.primitives import ZERO_UUID
from protocol.schema import Message, Request, Response, Struct

__all__ = [
    "ZERO_UUID",
    "ApiKey",
    "Decoder",
    "Encoder",
    "ErrorCode",
    "KafkaError",
    "Message",
    "ProtocolError",
    "Request",
    "Response",
    "Struct",
    "decode",
    "decoder",
    "encode",
    "encoder",
]

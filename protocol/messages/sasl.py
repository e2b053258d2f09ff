"""SaslHandshake (API key 17) and SaslAuthenticate (API key 36): agree on a mechanism, then exchange its tokens.

SaslHandshake v0 is followed by bare tokens, v1 by SaslAuthenticate requests (KIP-152). Never flexible.
SaslAuthenticate v1 adds session_lifetime_ms (KIP-368), v2 is flexible.
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Bytes, Int16, Int64, NullableString, Request, Response, String, field


class SaslHandshakeRequest(Request, api=ApiKey.SASL_HANDSHAKE, versions=(0, 1)):
    mechanism: String = ""


class SaslHandshakeResponse(Response, api=ApiKey.SASL_HANDSHAKE, versions=(0, 1)):
    error_code: Int16 = 0
    mechanisms: Array[String] = field()


class SaslAuthenticateRequest(Request, api=ApiKey.SASL_AUTHENTICATE, versions=(0, 2), flexible_since=2):
    auth_bytes: Bytes = b""


class SaslAuthenticateResponse(Response, api=ApiKey.SASL_AUTHENTICATE, versions=(0, 2), flexible_since=2):
    error_code: Int16 = 0
    error_message: NullableString = ""
    auth_bytes: Bytes = b""
    session_lifetime_ms: Int64 = field(since=1)

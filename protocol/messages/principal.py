"""DefaultPrincipalData: the principal inside an Envelope request."""

from __future__ import annotations

from protocol.schema import Boolean, Message, String


class DefaultPrincipalData(Message, versions=(0, 0), flexible_since=0):
    type: String = ""
    name: String = ""
    token_authenticated: Boolean = False

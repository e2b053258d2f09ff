"""Who asks, and what: the part of a request that is not its message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class RequestContext:
    """One request as its handler sees it. `listener_name` is the listener it arrived on, by its configured name."""

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str
    client_host: str
    listener_name: str
    principal: str = "User:ANONYMOUS"

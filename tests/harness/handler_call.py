"""A request through a handler as its bytes would go: encoded, decoded, handled, and the answer encoded and decoded."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

from broker.clock import SystemClock
from broker.handlers.services import Services
from broker.request import RequestContext
from harness.metadata_node import LISTENER, NODE_ID, MetadataNode
from protocol import Message, decode, encode
from protocol.messages import REQUESTS, RESPONSES

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


def services_of(node: MetadataNode) -> Services:
    """What a handler of metadata asks for; the rooms of data stay empty, so that asking them fails the test."""
    absent: Any = None
    return Services(
        config=node.config,
        clock=SystemClock(),
        metadata=node.publisher,
        controller=node.controller,
        partitions=absent,
        logs=absent,
        groups=absent,
        fetch_sessions=absent,
        replica_sessions=absent,
        quorum=node.quorum,
        members=absent,
        brokers=absent,
        voters=absent,
        features=absent,
        forwarder=absent,
        node_id=NODE_ID,
        identity=node.identity,
    )


@overload
def call(
    node: MetadataNode,
    handle: Callable[[Services, RequestContext, Request], Coroutine[Any, Any, Response]],
    request: Request,
    *,
    version: int,
    listener: str = LISTENER,
) -> Response: ...


@overload
def call(
    node: MetadataNode,
    handle: Callable[[Services, RequestContext, Request], Response | Coroutine[Any, Any, Response]],
    request: Request,
    *,
    version: int,
    listener: str = LISTENER,
) -> Response: ...


def call(
    node: MetadataNode,
    handle: Callable[[Services, RequestContext, Request], Any],
    request: Request,
    *,
    version: int,
    listener: str = LISTENER,
) -> Any:
    request_type = type(request)
    key = next(key for key, message in REQUESTS.items() if message is request_type)
    arrived = decode(request_type, version, encode(request, version))
    context = RequestContext(key, version, 1, "client", "127.0.0.1", listener)
    answer = handle(services_of(node), context, arrived)
    if isinstance(answer, Coroutine):
        answer = node.run(answer)
    assert type(answer) is RESPONSES[key]
    return decode(type(answer), version, encode(answer, version))

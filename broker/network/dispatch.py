"""From a frame to a handler and back to bytes: the one place that knows versions, and where failures are caught."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from broker.clock import Clock
from broker.end_of_turn import EndOfTurn
from broker.network.connection import Connection
from broker.network.exchange import Encoder, Exchange
from broker.network.flow_control import RequestBytes
from broker.request import CloseConnection, Deferred, RequestContext
from protocol import decoder, encoder
from protocol.api_keys import ApiKey, PrivateApiKey
from protocol.errors import ErrorCode, ProtocolError
from protocol.headers import decode_request_header, response_header_is_flexible
from protocol.messages.api_versions import ApiVersion, ApiVersionsResponse

logger = logging.getLogger(__name__)


# (services, connection, encoder, correlation id, version, bytes; in them: position of the message, end of the frame)
BeginQuickly = Callable[[Any, Connection, Encoder, int, int, bytes, int, int], Exchange | None]

_CORRELATION_ID_AND_CLIENT_ID_SIZE = struct.Struct(">ih")
_KEY_AND_VERSION = struct.Struct(">hh")
# Client ids of quick requests that are known to be UTF-8, with their sizes in front. A node has a few; one with more
# takes the general road for the others, which looks at each.
_CLIENT_IDS_KEPT = 1000
_NO_CLIENT_ID = b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Api:
    """One API as served. `handle(services, context, request)` returns a response, a coroutine of it, or a Deferred."""

    key: ApiKey | PrivateApiKey
    min_version: int
    max_version: int
    request: type
    response: type
    handle: Callable[[Any, RequestContext, Any], Any]
    # Takes the requests it can answer without message objects, from their bytes; None leaves one to `handle`.
    begin_quickly: BeginQuickly | None = None


@dataclass(slots=True)
class _QuickRoute:
    begin: BeginQuickly
    api: Api
    version: int
    # Not before somebody asks: all versions of one API take a twentieth of a start to compile.
    route: _Route | None = None


@dataclass(frozen=True, slots=True)
class _Route:
    """What one (API, version) needs, looked up once."""

    api: Api
    decode: Callable[[memoryview, int], tuple[Any, int]]
    encode: Encoder
    flexible_header: bool


class Dispatcher:
    """`services` is handed to the handlers as it is; this room does not know what it holds."""

    def __init__(
        self,
        apis: Mapping[int, Api],
        services: object,
        *,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        end_of_turn: EndOfTurn,
        begins_at_once: bool = False,
    ) -> None:
        """With `begins_at_once` no request of a connection waits for the one before: its sender is a node of ours that
        pipelines what does not depend on each other. Answers go out in order all the same."""
        self.clock = clock
        self.begins_at_once = begins_at_once
        self._apis = apis
        self._services = services
        self._loop = loop
        self._end_of_turn = end_of_turn
        self.request_bytes = RequestBytes()
        self.call_later = loop.call_later
        self._routes: dict[tuple[int, int], _Route] = {}
        # By the first bytes of a frame, API key and version.
        self._quick_routes: dict[bytes, _QuickRoute] = {}
        self._client_ids: set[bytes] = {_NO_CLIENT_ID}
        for api in apis.values():
            if api.begin_quickly is not None:
                self._add_quick_routes(api, api.begin_quickly)
        self._to_flush: list[Connection] = []
        # The loop keeps weak references to tasks: an unanswered request must not be collected.
        self._tasks: set[asyncio.Task[None]] = set()

    def dispatch(self, connection: Connection, data: bytes | bytearray, start: int, end: int) -> None:
        """Begin the request whose frame lies in `data` from `start` to `end`. Bytes that are not a request close the
        connection; everything else gets an answer. `data` does not change any more."""
        # A large frame comes in a bytearray, and gains nothing by the short road.
        if isinstance(data, bytes):
            quick = self._quick_routes.get(data[start : start + 4])
            if quick is not None and self._begin_quickly(connection, quick, data, start, end):
                return
        frame = memoryview(data)[start:end]
        try:
            header, position = decode_request_header(frame)
        except ProtocolError as error:
            self.hang_up(connection, f"its request header is malformed ({error})")
            return
        key, version = header.api_key, header.api_version
        route = self._routes.get((key, version)) or self._route(key, version)
        if route is None:
            self._answer_unserved(connection, key, version, header.correlation_id)
            return
        try:
            # What is left over is ignored, as Kafka does: librdkafka asks for all topics (Metadata v9 and newer) with
            # three bytes too many.
            request, _ = route.decode(frame, position)
        except ProtocolError as error:
            self.hang_up(connection, f"its {route.api.key.name} v{version} request is malformed ({error})")
            return
        context = RequestContext(
            key,
            version,
            header.correlation_id,
            header.client_id or "",
            connection.client_host,
            connection.listener.name,
        )
        self._begin(connection, route, context, request, len(frame))

    def _begin_quickly(self, connection: Connection, quick: _QuickRoute, data: bytes, start: int, end: int) -> bool:
        """True if that was all; the general road takes the request otherwise, and says what is wrong with it.

        Hot: what `decode_request_header` does for all, without making a header."""
        if end - start < 12:
            return False
        correlation_id, client_id_size = _CORRELATION_ID_AND_CLIENT_ID_SIZE.unpack_from(data, start + 4)
        position = start + 10 + client_id_size if client_id_size > 0 else start + 10
        route = quick.route
        if route is None:
            route = quick.route = self._route(quick.api.key, quick.version)
            assert route is not None, "it is served"
        if position >= end or (
            data[start + 8 : position] not in self._client_ids and not self._learn(data, start, end)
        ):
            return False
        if route.flexible_header:
            if data[position]:
                return False
            position += 1
        try:
            return (
                quick.begin(
                    self._services, connection, route.encode, correlation_id, quick.version, data, position, end
                )
                is not None
            )
        except Exception:  # the boundary, as in _begin; whether it has taken a place in the order is not known here
            logger.exception("%s v%d from %s failed", quick.api.key.name, quick.version, connection.client_host)
            self.hang_up(connection, "an internal error left its request without an answer")
            return True

    def _learn(self, data: bytes, start: int, end: int) -> bool:
        """Whether the request's client id is one, so that the next request need not be asked."""
        try:
            header, _ = decode_request_header(memoryview(data)[start:end])
        except ProtocolError:
            return False
        if header.client_id is not None and len(self._client_ids) < _CLIENT_IDS_KEPT:
            client_id = header.client_id.encode()
            self._client_ids.add(len(client_id).to_bytes(2, "big") + client_id)
        return True

    def _begin(
        self, connection: Connection, route: _Route, context: RequestContext, request: object, request_bytes: int
    ) -> None:
        exchange = Exchange(
            connection,
            context.correlation_id,
            encode=route.encode,
            flexible_header=route.flexible_header,
            request_bytes=request_bytes,
        )
        connection.expect(exchange)
        try:
            result = route.api.handle(self._services, context, request)
            if isinstance(result, Deferred):
                exchange.deferred = result
                result.deliver_to(exchange.respond)
            elif isinstance(result, Coroutine):
                task = self._loop.create_task(self._finish(exchange, route, context, result))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                exchange.respond(result)
        except Exception as error:  # noqa: BLE001 - the boundary: one request's failure must not take others along
            self._fail(exchange, route, context, error)

    async def _finish(
        self, exchange: Exchange, route: _Route, context: RequestContext, result: Coroutine[Any, Any, object]
    ) -> None:
        try:
            exchange.respond(await result)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(exchange, route, context, error)

    def _fail(self, exchange: Exchange, route: _Route, context: RequestContext, error: Exception) -> None:
        """A handler raised: hang up if it asked for that; otherwise it is our fault, and the client hears of it."""
        if isinstance(error, CloseConnection):
            self.hang_up(exchange.connection, str(error))
            return
        logger.error(
            "%s v%d from client %r at %s failed",
            route.api.key.name,
            context.api_version,
            context.client_id,
            context.client_host,
            exc_info=error,
        )
        response = error_response(route.api.response, ErrorCode.UNKNOWN_SERVER_ERROR)
        if response is None or exchange.frame is not None:
            self.hang_up(exchange.connection, "an internal error has no place in this API's response")
        else:
            exchange.respond(response)

    def _route(self, key: int, version: int) -> _Route | None:
        api = self._apis.get(key)
        if api is None or not api.min_version <= version <= api.max_version:
            return None
        route = self._routes[key, version] = _Route(
            api,
            decoder(api.request, version),
            encoder(api.response, version),
            response_header_is_flexible(key, version),
        )
        return route

    def _add_quick_routes(self, api: Api, begin: BeginQuickly) -> None:
        for version in range(api.min_version, api.max_version + 1):
            self._quick_routes[_KEY_AND_VERSION.pack(api.key, version)] = _QuickRoute(begin, api, version)

    def _answer_unserved(self, connection: Connection, key: int, version: int, correlation_id: int) -> None:
        """An API or version that is not advertised: UNSUPPORTED_VERSION with its correlation id, in a shape we serve.

        KIP-511: ApiVersions is answered in v0, with its own range, so that the client can retry at once.
        """
        api = self._apis.get(key)
        if api is None:
            self.hang_up(connection, f"API key {key} is not served (see ApiVersions)")
            return
        served = 0 if key == ApiKey.API_VERSIONS else min(max(version, api.min_version), api.max_version)
        response = unsupported_version_response(api)
        if response is None:
            self.hang_up(
                connection,
                f"{api.key.name} v{version} is not served, only v{api.min_version} to v{api.max_version}",
            )
            return
        exchange = Exchange(
            connection,
            correlation_id,
            encode=encoder(api.response, served),
            flexible_header=response_header_is_flexible(key, served),
            request_bytes=0,
        )
        connection.expect(exchange)
        exchange.respond(response)

    def hang_up(self, connection: Connection, why: str) -> None:
        logger.warning("closing the connection of %s: %s", connection.client_host, why)
        connection.close()

    # --- one write a connection a turn -------------------------------------------------------------------------

    def flush_soon(self, connection: Connection) -> None:
        if not self._to_flush:
            self._end_of_turn.add(self._flush)
        self._to_flush.append(connection)

    def _flush(self) -> None:
        connections, self._to_flush = self._to_flush, []
        for connection in connections:
            connection.flush()


def error_response(response: type, code: ErrorCode) -> object | None:
    """A response that says `code` and nothing else, where its message has a place for that."""
    message: Any = response()
    if not hasattr(message, "error_code"):
        return None
    message.error_code = code
    answer: object = message
    return answer


def unsupported_version_response(api: Api) -> object | None:
    if api.key is not ApiKey.API_VERSIONS:
        return error_response(api.response, ErrorCode.UNSUPPORTED_VERSION)
    served = ApiVersion(api_key=api.key, min_version=api.min_version, max_version=api.max_version)
    return ApiVersionsResponse(error_code=ErrorCode.UNSUPPORTED_VERSION, api_keys=[served])

"""One blocking connection to one broker: frames, correlation ids and the versions both sides speak.

Only `protocol` is used, so that the tools work against any Kafka-compatible broker.
"""

from __future__ import annotations

import socket
import struct
from typing import TypeVar, cast

from protocol import ApiKey, ErrorCode, ProtocolError, Request, Response, decode, encode
from protocol.framing import frame
from protocol.headers import RequestHeader, decode_response_header, encode_request_header
from protocol.messages import RESPONSES
from protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse

CLIENT_ID = "millstream-cli"
CONNECT_TIMEOUT_S = 10.0

# A broker answers a fetch with at most what was asked for; anything near this is not a broker at all.
RESPONSE_BYTES_MAX = 1 << 30

_SIZE = struct.Struct(">i")

R = TypeVar("R", bound=Response)


class ClientError(Exception):
    """Why a command cannot be done; the message is a sentence for its user."""


class Unreachable(ClientError):
    """The broker cannot be connected to, or went away before it answered. Another attempt may do."""


class Connection:
    """A connection in use by one thread, one request at a time."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        """Connects and asks what the broker speaks; `timeout_s` bounds the wait for each answer."""
        self.address = f"{host}:{port}"
        self._correlation_id = 0
        try:
            self._socket = socket.create_connection((host, port), min(timeout_s, CONNECT_TIMEOUT_S))
        except OSError as error:
            raise Unreachable(
                f"no broker answers at {self.address} ({error.strerror or error}); is one running there? "
                "Start one with `millstream serve`, or name another with --bootstrap-server"
            ) from None
        self._socket.settimeout(timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ranges = self._ask_versions()

    def version(self, api: ApiKey, *, at_most: int | None = None) -> int:
        """The newest version of `api` that both sides speak, `at_most` that one."""
        our_min, our_max = RESPONSES[api].__schema__.versions
        if api not in self.ranges:
            raise ClientError(f"the broker at {self.address} does not serve {api.name}")
        their_min, their_max = self.ranges[api]
        version = min(our_max, their_max, our_max if at_most is None else at_most)
        if version < max(our_min, their_min):
            raise ClientError(
                f"the broker at {self.address} speaks {api.name} {their_min} to {their_max}, "
                f"and this tool {our_min} to {our_max if at_most is None else at_most}"
            )
        return version

    def send(self, request: Request, response_class: type[R], *, at_most: int | None = None) -> R:
        """Send a request and wait for its answer; Unreachable if the connection does not live that long."""
        api = request.__schema__.api
        assert isinstance(api, ApiKey), request
        return self._exchange(request, response_class, self.version(api, at_most=at_most))

    def send_without_answer(self, request: Request, *, at_most: int | None = None) -> None:
        """For a produce request with acks=0, which no broker answers."""
        api = request.__schema__.api
        assert isinstance(api, ApiKey), request
        self._write(request, api, self.version(api, at_most=at_most))

    def close(self) -> None:
        self._socket.close()

    def _ask_versions(self) -> dict[int, tuple[int, int]]:
        request = ApiVersionsRequest(client_software_name="millstream", client_software_version="0")
        answer = self._exchange(request, ApiVersionsResponse, 3)
        if answer.error_code == ErrorCode.UNSUPPORTED_VERSION:
            answer = self._exchange(ApiVersionsRequest(), ApiVersionsResponse, 0)
        if answer.error_code != ErrorCode.NONE:
            raise ClientError(
                f"the broker at {self.address} does not tell what it speaks: {ErrorCode(answer.error_code).name}"
            )
        return {entry.api_key: (entry.min_version, entry.max_version) for entry in answer.api_keys}

    def _exchange(self, request: Request, response_class: type[R], version: int) -> R:
        api = request.__schema__.api
        assert isinstance(api, ApiKey), request
        self._write(request, api, version)
        body = memoryview(self._read_frame())
        correlation_id, position = decode_response_header(body, api, version)
        if correlation_id != self._correlation_id:
            raise ProtocolError(f"answer {correlation_id} came to request {self._correlation_id}")
        return self._decode(response_class, version, body[position:])

    @staticmethod
    def _decode(response_class: type[R], version: int, body: memoryview) -> R:
        if response_class is ApiVersionsResponse and version > 0 and body[:2] == _SIZE.pack(35)[2:]:
            # KIP-511: a refusal of the version comes in version 0, whatever was asked.
            return cast(R, decode(ApiVersionsResponse, 0, body))
        return decode(response_class, version, body)

    def _write(self, request: Request, api: ApiKey, version: int) -> None:
        self._correlation_id += 1
        header = RequestHeader(api, version, self._correlation_id, CLIENT_ID)
        try:
            self._socket.sendall(frame(encode_request_header(header), encode(request, version)))
        except OSError as error:
            raise self._lost(error) from None

    def _read_frame(self) -> bytearray:
        (size,) = _SIZE.unpack(self._read(_SIZE.size))
        if not 4 <= size <= RESPONSE_BYTES_MAX:
            raise ClientError(f"what answers at {self.address} is not a Kafka broker")
        return self._read(size)

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        view, done = memoryview(data), 0
        try:
            while done < size:
                count = self._socket.recv_into(view[done:])
                if not count:
                    raise Unreachable(f"the broker at {self.address} closed the connection")
                done += count
        except OSError as error:
            raise self._lost(error) from None
        return data

    def _lost(self, error: OSError) -> Unreachable:
        if isinstance(error, TimeoutError):
            return Unreachable(f"the broker at {self.address} did not answer in time")
        return Unreachable(f"the connection to {self.address} was lost ({error.strerror or error})")

"""Links between the nodes of a cluster that a test may cut: whatever is sent then waits, unanswered and unrefused.

Every listener that nodes use among themselves stands behind a port of this proxy. Who opened a connection is told by
the client id of its first request.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
import threading
from collections.abc import Iterator

_CLIENT_ID_OF_NODE = re.compile(rb"(?:broker|raft)-(\d+)")
# Size, API key, version, correlation id, length of the client id.
_HEAD = struct.Struct(">ihhih")


class LinkProxy:
    """Runs a loop in a thread of its own. `listen` before nodes start, `cut` and `heal` at any time."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link-proxy", daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._open: dict[frozenset[int], asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, node_id: int, target_port: int) -> int:
        """A port that leads to `target_port`, which is one of `node_id`."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._connect(node_id, target_port, reader, writer)

        async def start() -> int:
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self._servers.append(server)
            port: int = server.sockets[0].getsockname()[1]
            return port

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result()

    @contextlib.contextmanager
    def cut(self, node_id: int, *others: int) -> Iterator[None]:
        """Nothing passes between `node_id` and the others, either way, until the end of the block."""
        pairs = [frozenset((node_id, other)) for other in others]
        self._set(pairs, False)
        try:
            yield
        finally:
            self._set(pairs, True)

    def close(self) -> None:
        async def stop() -> None:
            for server in self._servers:
                server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _set(self, pairs: list[frozenset[int]], is_open: bool) -> None:
        async def change() -> None:
            for pair in pairs:
                gate = self._gate(pair)
                if is_open:
                    gate.set()
                else:
                    gate.clear()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result()

    def _gate(self, pair: frozenset[int]) -> asyncio.Event:
        if pair not in self._open:
            self._open[pair] = asyncio.Event()
            self._open[pair].set()
        return self._open[pair]

    async def _connect(
        self, node_id: int, target_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            head = await reader.readexactly(_HEAD.size)
            client_id = await reader.readexactly(max(0, _HEAD.unpack(head)[4]))
            source = _CLIENT_ID_OF_NODE.match(client_id)
            gate = self._gate(frozenset((node_id, int(source[1]) if source else node_id)))
            await gate.wait()
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", target_port)
            target_writer.write(head + client_id)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, target_writer, gate))
                both.create_task(_pump(target_reader, writer, gate))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
    try:
        while data := await reader.read(1 << 16):
            await gate.wait()
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

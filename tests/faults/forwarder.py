"""Connections through this process, which may be cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping


class Forwarder:
    """Hands connections on to where the services listen.

    ``ports`` are where each listens, by the port here; ``cut`` is as a cable that is pulled:
    nobody is told, and nothing arrives any more.
    """

    def __init__(self, address: str, ports: Mapping[int, int]) -> None:
        self._address, self._ports = address, ports
        self._whole = asyncio.Event()
        self._whole.set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for server in self._servers:
            server.close()
        self._loop.close()

    async def _listen(self) -> None:
        self._servers = [
            await asyncio.start_server(self._to(there), self._address, here)
            for here, there in self._ports.items()
        ]
        self.ports = [server.sockets[0].getsockname()[1] for server in self._servers]

    def _to(self, port: int):
        async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                inner, outer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(self._pour(reader, outer), self._pour(inner, writer))
            except (OSError, asyncio.CancelledError):
                writer.transport.abort()

        return hand_on

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # The other side is gone, and so is this one.
        finally:
            writer.close()

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._whole.clear)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

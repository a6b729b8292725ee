"""HTTP as bytes, for what no client library would send.

>>> async with raw(server.url) as connection:
...     connection.send(request("GET /healthz", "X-Any: header"))
...     assert (await connection.answer()).status == 200
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

ANSWER_TIMEOUT_S = 60.0
HEAD_END = b"\r\n\r\n"


class RawAnswer(msgspec.Struct, frozen=True):
    """One answer as it came; its header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        """The body, which has to be problem details of the same status."""
        assert self.headers["content-type"] == "application/problem+json", self
        document: dict[str, Any] = msgspec.json.decode(self.body)
        assert document["status"] == self.status
        return document


class RawConnection(asyncio.Protocol):
    """One connection to a server; what came stays readable when the server resets it."""

    def __init__(self) -> None:
        self._received = b""
        self._lost = False
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self._received += data
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has hung up, or has reset."""
        self._lost = True
        self._news.set()

    def send(self, data: bytes) -> None:
        """Send bytes as they are; to a server that has hung up, nothing is sent."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def drip(self, data: bytes, pause_s: float) -> None:
        """Send one byte after the other."""
        for number in range(len(data)):
            self.send(data[number : number + 1])
            await asyncio.sleep(pause_s)

    async def answer(self) -> RawAnswer:
        """The next answer."""
        answer = await self.head()
        # A 304 has neither a body nor a length.
        length = int(answer.headers.get("content-length", "0" if answer.status == 304 else "-1"))
        assert length >= 0, answer
        await self._until(lambda: len(self._received) >= length)
        body, self._received = self._received[:length], self._received[length:]
        return RawAnswer(answer.status, answer.headers, body)

    async def head(self) -> RawAnswer:
        """The head of the next answer, which is all that a HEAD gets."""
        await self._until(lambda: HEAD_END in self._received)
        head, _, self._received = self._received.partition(HEAD_END)
        line, *fields = head.decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (field.partition(":") for field in fields)
        }
        return RawAnswer(int(line.split()[1]), headers, b"")

    async def told(self, line: bytes) -> None:
        """Take what comes before an answer, which has to be this."""
        await self._until(lambda: len(self._received) >= len(line))
        assert self._received.startswith(line), self._received
        self._received = self._received[len(line) :]

    async def closed(self) -> bool:
        """Whether the server says nothing more and closes."""
        await self._until(lambda: self._lost)
        return self._received == b""

    async def _until(self, came: Callable[[], bool]) -> None:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while not came():
                assert not self._lost, f"hung up after {self._received!r}"
                self._news.clear()
                await self._news.wait()

    def stop_reading(self) -> None:
        """Leave what comes in the buffers, until they are full."""
        if self._transport is not None:
            self._transport.pause_reading()

    def hang_up(self) -> None:
        """Close."""
        if self._transport is not None:
            self._transport.close()


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[RawConnection]:
    """A connection to the server of a URL."""
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(RawConnection, where.hostname, where.port)
    try:
        yield connection
    finally:
        connection.hang_up()
        await connection.closed()


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request of HTTP/1.1 with its Host, from ``GET /path`` and header lines."""
    head = "\r\n".join((f"{line} HTTP/1.1", "Host: localhost", *headers))
    return head.encode() + b"\r\n\r\n" + body

"""HTTP as bytes, for what no client library would send.

>>> async with raw(server.url) as connection:
...     connection.send(request("GET /healthz", "X-Any: header"))
...     assert (await connection.answer()).status == 200
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec

ANSWER_TIMEOUT_S = 10.0


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


class RawConnection:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    async def drip(self, data: bytes, pause_s: float) -> None:
        """Send one byte after the other until the server hangs up."""
        with contextlib.suppress(ConnectionError):
            for number in range(len(data)):
                self._writer.write(data[number : number + 1])
                await asyncio.sleep(pause_s)

    async def answer(self) -> RawAnswer:
        """The next answer."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.strip().split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (field.partition(":") for field in fields)
            }
            body = await self.reader.readexactly(int(headers["content-length"]))
            return RawAnswer(int(line.split()[1]), headers, body)

    async def closed(self) -> bool:
        """Whether the server says nothing more and closes, or resets what still sends."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await self.reader.read() == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[RawConnection]:
    """A connection to the server of a URL."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield RawConnection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request of HTTP/1.1 with its Host, from ``GET /path`` and header lines."""
    head = "\r\n".join((f"{line} HTTP/1.1", "Host: psd", *headers))
    return head.encode() + b"\r\n\r\n" + body

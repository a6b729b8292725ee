"""Reading a request's body, within the time and the size that the settings allow.

aiohttp bounds the size (413) and knows no deadline: a client that sends one byte a minute
would hold a connection for ever. Here it gets 408. A length that is announced and too large is
refused before a byte of it is read.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from psd.errors import MalformedError
from server.forms import read_form


class BodyReader:
    """Reads whole bodies; ``timeout_s`` counts from the moment the head was read."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    async def read(self, request: web.Request) -> bytes:
        """The body.

        A small body comes in one segment with its head and is complete already; then no
        timer is set, which is the common case of a write.
        """
        if request.content.is_eof():
            return await request.read()
        announced, bytes_max = request.content_length, request.client_max_size
        if announced is not None and announced > bytes_max:
            raise web.HTTPRequestEntityTooLarge(max_size=bytes_max, actual_size=announced)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await request.read()
        except TimeoutError as exc:
            raise web.HTTPRequestTimeout(
                text=f"body: not complete after {self._timeout_s:g} s"
            ) from exc
        except ConnectionError as exc:
            # Nobody reads the answer; but it is no defect of ours that would be logged as one.
            raise MalformedError("body: the client hung up before its end") from exc

    async def form(self, request: web.Request) -> dict[str, str]:
        """The fields of a form in the body."""
        body = await self.read(request)
        return read_form(request.headers.get("Content-Type", ""), body)

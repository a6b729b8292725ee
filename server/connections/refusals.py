"""What a connection is told that is refused before any route can answer.

The parser's errors and the guard's own become problem+json with one of five statuses, and are
counted in ``psd_http_refused_total`` by reason::

    408 head_timeout   the head was not complete in time
    414 line           the request line is too long
    431 head           one header, or the whole head, is too long
    400 malformed      what came is no request
    429 connections    one connection too many; told by :class:`TurnedAway`

The connection is closed after the answer, but not at once: a client that is still sending
when its connection is reset may never see what it was told.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import cast

import msgspec
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import LineTooLong

from server import answers
from server.errors import RETRY_AFTER_S

LINGERING_TIME_S = 1.0
"""How long the rest of what a refused client sends is read and thrown away."""

SHOWN_CHARACTERS_MAX = 200

TURNED_AWAY_MAX = 64
"""How many connections that are one too many may wait for their answer; each holds a
descriptor."""

CODES = {
    400: "malformed",
    408: "timeout",
    414: "too_large",
    429: "too_many_connections",
    431: "too_large",
}
REASONS = {400: "malformed", 408: "head_timeout", 414: "line", 429: "connections", 431: "head"}

_TOO_MANY_HEADERS = "Too many headers received"


class Unnamed(web.Response):
    """An answer that does not say who gives it: aiohttp writes its own name into one without."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall("Server", None)


def unnamed(answer: web.StreamResponse) -> web.StreamResponse:
    """The same answer without a name, for ``server.header = false``."""
    if not isinstance(answer, web.Response):
        return answer
    same = Unnamed(body=answer.body, status=answer.status, headers=answer.headers)
    same.force_close()
    return same


class UnroutedAnswer(msgspec.Struct, frozen=True):
    """Status and text of an answer that no route gives."""

    status: int
    detail: str

    @property
    def reason(self) -> str:
        """The label under which it is counted."""
        return REASONS[self.status]

    def response(self) -> web.Response:
        """The answer, after which the connection is closed."""
        title = HTTPStatus(self.status).phrase
        response = answers.problem(CODES[self.status], title, self.detail, self.status)
        response.headers["Connection"] = "close"
        response.headers["Server"] = answers.SERVER
        response.force_close()
        return response

    def as_bytes(self) -> bytes:
        """The answer where there is no request that it could belong to."""
        body = cast(bytes, self.response().body)
        return (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            f"Content-Type: {answers.PROBLEM}\r\nContent-Length: {len(body)}\r\n"
            f"Retry-After: {RETRY_AFTER_S}\r\nConnection: close\r\n\r\n"
        ).encode() + body


def refusal_of(error: HttpProcessingError, line_bytes_max: int) -> UnroutedAnswer:
    """What a parser's error means; ``line_bytes_max`` is the parser's limit of a target."""
    if isinstance(error, LineTooLong):
        limit = error.args[1]
        if limit == line_bytes_max:
            return UnroutedAnswer(414, f"request line: its target has more than {limit} bytes")
        return UnroutedAnswer(431, f"header: one has more than {limit} bytes")
    if error.message == _TOO_MANY_HEADERS:
        return UnroutedAnswer(431, "head: too many headers")
    if error.code != HTTPStatus.BAD_REQUEST:
        return UnroutedAnswer(error.code, error.message)
    # The lines after the first show bytes of the request, with whatever secret stands there.
    told = error.message.partition("\n")[0].rstrip(":")[:SHOWN_CHARACTERS_MAX]
    return UnroutedAnswer(400, re.sub(r"[^ -~]", "?", f"request: {told}"))


def say_end(transport: asyncio.Transport) -> None:
    """Tell the client that nothing more will come, and go on reading."""
    if transport.can_write_eof() and not transport.is_closing():
        transport.write_eof()


class Leftovers(StreamReader):
    """Stands for what a refused client still sends; aiohttp waits for its end.

    The waiting begins after the answer was written: the moment to tell the client that nothing
    more will come.
    """

    def __init__(self, protocol: BaseProtocol, transport: asyncio.Transport | None) -> None:
        super().__init__(protocol, 1, loop=asyncio.get_running_loop())
        self._transport = transport

    async def readany(self) -> bytes:
        """Wait for the end; nothing is ever fed."""
        if self._transport is not None:
            say_end(self._transport)
            self._transport = None
        return await super().readany()


class TurnedAway(asyncio.Protocol):
    """Answers 429 to the first bytes of a connection too many, and closes it.

    Clients with a pool of connections take an answer that comes before their request for a
    broken connection, therefore it waits for the first bytes, up to ``LINGERING_TIME_S``.
    """

    def __init__(
        self, transport: asyncio.Transport, refusal: UnroutedAnswer, others: set[asyncio.Transport]
    ) -> None:
        self._transport = transport
        self._refusal = refusal
        self._others = others
        self._answered = False
        self._end = asyncio.get_running_loop().call_later(LINGERING_TIME_S, self._close)
        others.add(transport)
        if len(others) > TURNED_AWAY_MAX:
            self._close()

    def data_received(self, data: bytes) -> None:
        """Answer once; everything else is thrown away."""
        if not self._answered:
            self._answer()
            say_end(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room."""
        self._end.cancel()
        self._others.discard(self._transport)

    def _answer(self) -> None:
        self._answered = True
        self._transport.write(self._refusal.as_bytes())

    def _close(self) -> None:
        if not self._answered:
            self._answer()
        self._transport.close()

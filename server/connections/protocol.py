"""One connection, within the limits that aiohttp does not have.

Each :class:`Connection` is aiohttp's handler with a deadline and a size for the head of every
request, and a place among all of the process (guard.py). With ``head_timeout_s`` 10 and
``head_bytes_max`` 32768::

    nothing at all for 10 s                -> closed
    nothing after an answer for 75 s       -> closed, as every idle connection
    "GET / HTTP/1.1", then a byte a second -> 408 after 10 s, closed
    40,000 bytes of headers                -> 431, closed
    a chunk whose size is no number        -> 400, closed

The usual request comes in one segment, and costs a handful of comparisons here.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.http import (
    HttpProcessingError,
    HttpVersion10,
    HttpVersion11,
    RawRequestMessage,
)
from aiohttp.web_protocol import _ErrInfo

from server import answers
from server.connections.guard import Guard
from server.connections.refusals import LINGERING_TIME_S, Leftovers, TurnedAway, refusal_of, unnamed
from server.connections.upgrades import Pieces


class Connection(web.RequestHandler):
    """aiohttp's handler of one connection, with a deadline and a size for request heads.

    Between requests no byte of a head has come, then ``_head_bytes`` count up to its end; a body
    that is not complete stands in ``_body``. After a refusal all that comes is thrown away.
    """

    __slots__ = (
        "_body",
        "_guard",
        "_has_place",
        "_head_bytes",
        "_leftovers",
        "_pieces",
        "_timer",
        "_unread",
        "is_known",
    )

    def __init__(self, guard: Guard, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, **guard.parser_options)
        self.is_known = False
        self._guard = guard
        self._has_place = False
        self._head_bytes = 0
        self._body: StreamReader | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._leftovers: Leftovers | None = None
        self._pieces = Pieces()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Enter, or be turned away."""
        if self._guard.enter(self):
            self._has_place = True
            super().connection_made(transport)
            # Who opens a connection has something to ask: the first head is awaited from now on.
            self._start_timer()
            return
        self._guard.count(self._guard.full.reason)
        self._turn_away(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave, and wait for nothing any more."""
        self._leave()
        self._stop_timer()
        if self._unread is not None:
            self._unread.cancel()
        if self._leftovers is not None:
            self._leftovers.feed_eof()
        super().connection_lost(exc)

    def know(self) -> None:
        """Somebody on it was admitted: it keeps its place, however many strangers come."""
        if not self.is_known:
            self.is_known = True
            self._guard.know(self)

    def make_room(self) -> None:
        """Leave for another one: nobody on it was admitted, and others wait.

        It is told so like one that has found no place, but not in the middle of an answer.
        """
        self._leave()
        transport = self.transport
        if transport is None:
            return
        if self._is_answering():
            transport.abort()
            return
        self._turn_away(transport)
        self.transport = None
        # A connection of this moment has a task that has not begun.
        self._loop.call_soon(self.connection_lost, None)

    def _is_answering(self) -> bool:
        """Whether something is being told, or is about to be."""
        if self._messages or self._leftovers is not None:
            return True
        return self._request_count > 0 and self._waiter is None

    def _turn_away(self, transport: asyncio.Transport) -> None:
        transport.set_protocol(TurnedAway(transport, self._guard.full, self._guard.turned_away))

    def _leave(self) -> None:
        if self._has_place:
            self._has_place = False
            self._guard.leave(self)

    def data_received(self, data: bytes) -> None:
        """Parse a segment, or its pieces where a request in it may offer another protocol."""
        if self._is_deaf():
            return
        if not self._pieces.is_wary(data):
            self._parse(data)
            return
        self._pieces.hold(data)
        if not data:
            # Reading goes on; what the parser kept is before what is held here.
            self._parse_piece(data)
        while not self._is_full() and (piece := self._pieces.next()):
            self._parse_piece(piece)

    def _parse_piece(self, piece: bytes) -> None:
        """Parse what ends with a request, or before that; nobody here takes a protocol up."""
        self._parse(piece)
        if piece:
            # A parser that paused at the end of the request comes to the offer only now, and
            # would drop what it is given next.
            self._parse(b"")
        while self._upgraded and self._parser is not None:
            self._parser.set_upgraded(False)
            self._upgraded = False
            tail, self._message_tail = self._message_tail, b""
            if tail:
                self._head_bytes = max(self._head_bytes - len(tail), 0)
                self._parse(tail)

    def _is_deaf(self) -> bool:
        """Whether what comes is thrown away."""
        return self._leftovers is not None or self._close or self._force_close

    def _is_full(self) -> bool:
        """Whether no more can be parsed for now."""
        waiting = len(self._messages)
        return waiting >= self._max_msg_queue_size or self._reading_paused or self._is_deaf()

    def _parse(self, data: bytes) -> None:
        """Parse bytes, and note where in a request they end."""
        before = self._request_count
        super().data_received(data)
        self._head_bytes += len(data)
        if self._request_count != before:
            self._note_requests(self._request_count - before)
        elif self._body is not None:
            self._note_body(self._body)
        elif data and not self._upgraded and not self._buffer_paused:
            self._note_head(data)

    def pause_writing(self) -> None:
        """Wait for the client to read, but not for ever."""
        super().pause_writing()
        self._unread = self._loop.call_later(self._guard.answer_timeout_s, self._end_unread)

    def resume_writing(self) -> None:
        """The client reads on."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer for what is no request; without a line in the log for each."""
        if isinstance(exc, HttpProcessingError):
            answer: web.StreamResponse = refusal_of(exc, self.max_line_size).response()
        else:
            answer = super().handle_error(request, status, exc, message)
            answer.headers["Server"] = answers.SERVER
        return answer if self._guard.names_server else unnamed(answer)

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log what is our fault; a broken body after its answer is not."""
        if not isinstance(kwargs.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kwargs)

    def _note_requests(self, count: int) -> None:
        """At least one head is complete, or the parser gave up."""
        self._stop_timer()
        if not self.is_known:
            self._guard.hear(self)
        message, payload = self._messages[-1]
        if isinstance(message, _ErrInfo):
            self._messages.pop()
            self._refuse(cast(HttpProcessingError, message.exc))
            return
        # Nobody means HTTP/0.9, which has neither a version nor headers, and ends its connection.
        if message.version is not HttpVersion11 and message.version < HttpVersion10:
            self._messages.pop()
            self._refuse(HttpProcessingError(code=400, message="a version of HTTP is missing"))
            return
        # Only a segment that is longer than a head may be can hold a head that is too long.
        if self._head_bytes > self._guard.head_bytes_max and self._has_long_head(count):
            return
        self._head_bytes = 0
        self._body = None if payload.is_eof() else payload
        if self._body is not None:
            if message.upgrade and not message.chunked:
                self._pieces.body_bytes = int(message.headers.get("Content-Length", 0))
            self._note_body(self._body)

    def _note_body(self, body: StreamReader) -> None:
        """A body may be complete now, or broken; the rest of the segment is not known."""
        self._head_bytes = 0
        if body.exception() is not None:
            self._refuse(HttpProcessingError(code=400, message="body: cannot be decoded"))
        elif body.is_eof():
            self._body = None

    def _note_head(self, data: bytes) -> None:
        """A part of a head came."""
        if self._head_bytes == len(data):
            # Old clients send an empty line after a body.
            if not data.strip(b"\r\n"):
                self._head_bytes = 0
                return
            self._begin_head()
        if self._head_bytes > self._guard.head_bytes_max:
            self._refuse(self._long_head())

    def _has_long_head(self, count: int) -> bool:
        """Refuse the first of the newest ``count`` requests whose head is too long."""
        first = len(self._messages) - count
        for index in range(first, len(self._messages)):
            message = cast(RawRequestMessage, self._messages[index][0])
            if head_bytes(message) > self._guard.head_bytes_max:
                while len(self._messages) > index:
                    self._messages.pop()
                self._refuse(self._long_head())
                return True
        return False

    def _long_head(self) -> HttpProcessingError:
        limit = self._guard.head_bytes_max
        return HttpProcessingError(code=431, message=f"head: more than {limit} bytes")

    def _begin_head(self) -> None:
        if self._timer is None:
            self._start_timer()
        # A request that has begun is no longer idle: 408 is told before the silent end.
        closing_s = self._loop.time() + self._guard.head_timeout_s + LINGERING_TIME_S
        self._next_keepalive_close_time = max(self._next_keepalive_close_time, closing_s)

    def _start_timer(self) -> None:
        self._timer = self._loop.call_later(self._guard.head_timeout_s, self._end_head)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_head(self) -> None:
        timeout_s = self._guard.head_timeout_s
        if self._buffer_paused:
            # It is us who do not read; the requests before it are not answered yet.
            self._timer = self._loop.call_later(timeout_s, self._end_head)
            return
        if not self._head_bytes:
            # Nothing was asked, so nothing is told: a pool may have opened it for later.
            self.force_close()
            return
        message = f"head: not complete after {timeout_s:g} s"
        self._refuse(HttpProcessingError(code=408, message=message))

    def _end_unread(self) -> None:
        self._guard.count("unread")
        if self.transport is not None:
            self.transport.abort()

    def _refuse(self, error: HttpProcessingError) -> None:
        """Queue a refusal behind the requests in hand; nothing after it is read."""
        self._stop_timer()
        self._guard.count(refusal_of(error, self.max_line_size).reason)
        if self._body is not None and not self._body.is_eof():
            # Whoever waits for the rest of this body must not wait for its deadline.
            if self._body.exception() is None:
                self._body.set_exception(web.RequestPayloadError("cannot be decoded"))
            self._body.feed_eof()
        self._body = None
        self._leftovers = Leftovers(self, self.transport)
        info = _ErrInfo(status=error.code, exc=error, message=error.message)
        self._messages.append((info, self._leftovers))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def head_bytes(message: RawRequestMessage) -> int:
    """How long the head of a request was, but for blanks that mean nothing."""
    line = len(message.method) + len(message.path) + len("  HTTP/1.1\r\n")
    headers = sum(len(name) + len(value) + len(": \r\n") for name, value in message.raw_headers)
    return line + headers + len("\r\n")

"""One connection pool to one server: requests out, replies or errors back.

What lives here is HTTP; what is asked is in the modules beside it. A request that may come twice
is repeated by the rules of psd/client/retrying.py::

    reply = await transport.send(Request("GET", "/v3/boards/april", is_repeatable=True))
    reply.read(BoardRow)                               -> BoardRow(name="april", ...)

Bodies are JSON both ways: msgpack would save a third of what events take on the wire and a fifth of
an answer's bytes, and no time on either side (docs/decisions.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import weakref
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import msgspec
from multidict import CIMultiDictProxy
from yarl import URL

from psd.client.errors import error_of
from psd.client.retrying import STATUSES, Retries, Tries, told_wait_s
from psd.client.tracing import passed_on
from psd.errors import (
    BadQueryError,
    ClientError,
    PsdError,
    RequestInHandError,
    ServerUnavailableError,
)
from psd.outages import outage
from psd.version import VERSION

T = TypeVar("T")

JSON = "application/json"
USER_AGENT = f"psd-client/{VERSION}"

_TOKEN = re.compile(r"[\x21-\x7e]+")


class Request(msgspec.Struct, frozen=True):
    """What goes out; ``accepted`` are statuses whose body is an answer and no error."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    is_repeatable: bool = False
    accepted: Collection[int] = (200, 201, 204)


class Reply(msgspec.Struct, frozen=True):
    """What came back from the server at ``url``."""

    url: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    def read(self, kind: type[T]) -> T:
        """The body as a struct; raises ClientError for what is none."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise ClientError(
                f"the answer of {self.url} is not that of a psd server ({exc})",
                status=self.status,
            ) from exc

    def error(self) -> PsdError:
        """What the reply stands for when it is none of the accepted ones."""
        told = self.headers.get
        return error_of(
            self.status, told("Content-Type", ""), self.body, told("X-Request-Id", ""), self.url
        )


class Transport:
    """Sends requests to the server at ``url``; the pool is opened by the first of them."""

    def __init__(self, url: str, token: str, timeout_s: float, retries: Retries) -> None:
        if not _is_address(url):
            raise BadQueryError(f"url: {url!r} is not an http:// or https:// address")
        self.url = url.rstrip("/")
        self._headers = {"Accept": JSON, "User-Agent": USER_AGENT}
        if token:
            if not _TOKEN.fullmatch(token):
                raise BadQueryError("token: expected printable ASCII without blanks")
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._retries = retries
        self._session: aiohttp.ClientSession | None = None
        self._unclosed: weakref.finalize[..., Transport] | None = None

    async def send(self, request: Request) -> Reply:
        """The reply; raises what it stands for, or ServerUnavailableError for none."""
        tries = Tries(self._retries)
        while True:
            told_s: float | None = None
            try:
                reply = await self._once(request)
            except ServerUnavailableError as exc:
                error: PsdError = exc
            else:
                if reply.status in request.accepted:
                    return reply
                error = reply.error()
                if reply.status not in STATUSES and not isinstance(error, RequestInHandError):
                    raise error
                told_s = told_wait_s(reply.headers.get("Retry-After"))
            now_s = asyncio.get_running_loop().time()
            wait_s = tries.wait_s(error, told_s, now_s, random.random())
            if wait_s is None or not request.is_repeatable:
                raise error
            await asyncio.sleep(wait_s)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None and self._unclosed is not None:
            self._unclosed.detach()
            await self._session.close()
            self._session = self._unclosed = None

    async def _once(self, request: Request) -> Reply:
        if self._session is None:
            # Whatever the environment says of proxies is not meant for a server of one's own.
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, trust_env=False, middlewares=(_sent_once,)
            )
            loop = asyncio.get_running_loop()
            self._unclosed = weakref.finalize(self, _leave, self._session, loop)
        headers = {**self._headers, **passed_on(), **request.headers}
        if request.body is not None:
            headers.setdefault("Content-Type", JSON)
        try:
            async with self._session.request(
                request.method,
                URL(self.url + request.path, encoded=True),
                data=request.body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                body = await response.read()
                return Reply(self.url, response.status, response.headers, body)
        except (aiohttp.ClientError, OSError, TimeoutError, _BrokenOffError) as exc:
            told = outage(exc, self._timeout.total)
            raise ServerUnavailableError(f"{self.url} does not answer: {told}") from exc


def _leave(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> None:
    """End a session that nobody closed, without a word: a notebook ends so, in the middle.

    A finalizer can wait for nothing, and aiohttp's own close() would leave a task behind on a loop
    that does not run any more.
    """
    connector = session.connector
    if connector is None:
        return
    session.detach()
    if not loop.is_running():
        connector._close()
        return
    with contextlib.suppress(RuntimeError):  # The loop of another thread was closed meanwhile.
        loop.call_soon_threadsafe(connector._close)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # A port that is no number, or half of an IPv6 address.
        return False


class _BrokenOffError(Exception):
    """A connection that ended, as aiohttp does not know it."""


async def _sent_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again by itself: the caller may not want that."""
    try:
        return await handler(request)
    except aiohttp.ServerDisconnectedError as exc:
        raise _BrokenOffError("it hung up") from exc
    except aiohttp.ClientOSError as exc:
        raise _BrokenOffError(str(exc) or type(exc).__name__) from exc


class Resource:
    """What the parts of a client share: questions by GET, and objects by other methods."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def _get(self, kind: type[T], path: str, **asked: Any) -> T:
        sent = Request("GET", path + parameters(asked), is_repeatable=True)
        return (await self._transport.send(sent)).read(kind)


def path_of(*parts: str | int) -> str:
    """A path whose parts may hold anything.

    >>> path_of("v3", "boards", "april/may")
    '/v3/boards/april%2Fmay'
    """
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def parameters(asked: Mapping[str, Any]) -> str:
    """The query of a URL; None is left out, and a list is a parameter that comes several times."""
    pairs = [pair for name, value in asked.items() for pair in _pairs(name, value)]
    return f"?{urlencode(pairs)}" if pairs else ""


def _pairs(name: str, value: Any) -> Iterable[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [(name, str(value).lower())]
    if isinstance(value, list | tuple):
        return [(name, str(each)) for each in value]
    return [(name, str(value))]

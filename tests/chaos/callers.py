"""HTTP clients of several servers, as a deployment has them: kept connections, and another try.

A request goes to one server after the other until one of them answers. What counts as no answer
is what any client or proxy tries again: nobody listens, or the connection, kept since an earlier
request, was closed before an answer came. Every status that did come is written down:

>>> async with calling(lambda: [server.url for server in stage.servers]) as callers:
...     await callers.write(increment)                 # the first is draining: the second answers
...     callers.answers, callers.tried_again, callers.refusals
(1, 1, [])
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import msgspec

from psd.engine.events import TIME_END_S, Report
from tests.chaos.stream import wire_metric
from tests.support.clients.http import Answer, HttpClient, client_of

ANSWERED_WITHIN_S = 60.0
BETWEEN_ROUNDS_S = 0.02

NOT_ANSWERED = (
    aiohttp.ClientConnectorError,
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientOSError,
)


class Refusal(msgspec.Struct, frozen=True):
    """An answer of 500 or more, and when it came (of ``time.monotonic``)."""

    url: str
    status: int
    text: str
    at_s: float


class Callers:
    """Asks servers in turn; one of these is shared by many tasks.

    ``urls`` tells where servers are at the moment, as a deployment's proxy knows it.
    """

    def __init__(self, urls: Callable[[], Sequence[str]], session: aiohttp.ClientSession) -> None:
        self._urls = urls
        self._session = session
        self._turns = itertools.count()
        self.answers = 0
        self.tried_again = 0
        self.refusals: list[Refusal] = []

    async def write(self, report: Report) -> Answer:
        """Book a report until a server says that it did."""
        return await self._until_answered("POST", "/v1/write", write_body(report))

    async def sum_of(self, uid: int, thing: str = "steps") -> int:
        """All that a user has of a thing."""
        answer = await self._until_answered("GET", sum_path(uid, thing))
        return int(answer.text)

    async def _until_answered(self, method: str, path: str, body: bytes = b"") -> Answer:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while True:
                for client in self._in_turn():
                    answer = await self._try(client, method, path, body)
                    if answer is not None and answer.status == 200:
                        return answer
                    self.tried_again += 1
                await asyncio.sleep(BETWEEN_ROUNDS_S)

    def _in_turn(self) -> Iterator[HttpClient]:
        first, urls = next(self._turns), self._urls()
        for step in range(len(urls)):
            yield HttpClient(urls[(first + step) % len(urls)], self._session)

    async def _try(self, client: HttpClient, method: str, path: str, body: bytes) -> Answer | None:
        try:
            answer = await client.request(method, path, body, "application/json" if body else "")
        except NOT_ANSWERED:
            return None
        self.answers += 1
        if answer.status >= 500:
            refusal = Refusal(client.url, answer.status, answer.text, time.monotonic())
            self.refusals.append(refusal)
        elif answer.status != 200:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.text}")
        return answer


@asynccontextmanager
async def calling(urls: Callable[[], Sequence[str]]) -> AsyncIterator[Callers]:
    """Callers of these servers; connections are kept as long as the servers keep them."""
    limit = aiohttp.ClientTimeout(total=ANSWERED_WITHIN_S)
    async with aiohttp.ClientSession(timeout=limit) as session:
        yield Callers(urls, session)


@asynccontextmanager
async def half_a_write(
    url: str, report: Report
) -> AsyncIterator[Callable[[], Coroutine[None, None, str]]]:
    """Send half of a write, and with the call that this gives the rest; its answer as text."""
    body = write_body(report)
    head = f"POST /v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)

    async def finish() -> str:
        writer.write(body[10:])
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            return (await reader.read(4096)).decode()

    try:
        writer.write(head.encode() + body[:10])
        # Another connection, made later: when it is answered, the write is in its handler.
        async with client_of(url) as client:
            await client.get("/healthz")
        yield finish
    finally:
        writer.close()


def sum_path(uid: int, thing: str = "steps") -> str:
    """The query for all that a user has of a thing."""
    return f"/v1/query/{uid}/{thing}/all/0/{TIME_END_S - 1}"


def write_body(report: Report) -> bytes:
    """The body that books a report or an increment."""
    return msgspec.json.encode(wire_metric(report))

"""A server in front of another one, with moods: it answers for it, hangs up, or stalls.

>>> async with unsteady(server.url, "503", "lost") as front:
...     ...                     the first request gets 503, the second is passed on and not answered
...     front.requests[0].headers["Idempotency-Key"]
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL


class Seen(msgspec.Struct, frozen=True):
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Unsteady:
    """What came, and what happens to what comes next; without a mood left, it is passed on.

    ``429``, ``503`` and the like are answered with ``Retry-After: 0`` and no body; ``in_hand`` is
    psd's own 409; ``refuse`` hangs up at once, ``lost`` after the server has answered; ``stall``
    does neither.
    """

    def __init__(self, target: str, moods: tuple[str, ...], session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.requests: list[Seen] = []
        self.moods = [*moods]
        self._target = target
        self._session = session

    async def handle(self, request: web.Request) -> web.Response:
        """Take the next mood."""
        body = await request.read()
        path = request.rel_url.raw_path_qs
        self.requests.append(Seen(request.method, path, request.headers.copy(), body))
        mood = self.moods.pop(0) if self.moods else "pass"
        if mood.isdecimal():
            return web.Response(status=int(mood), headers={"Retry-After": "0"})
        if mood == "in_hand":
            problem = b'{"status": 409, "code": "request_in_hand", "detail": "not answered yet"}'
            headers = {"Content-Type": "application/problem+json"}
            return web.Response(status=409, body=problem, headers=headers)
        if mood == "stall":
            await asyncio.Event().wait()
        if mood == "refuse":
            return _hang_up(request)
        answer = await self._passed_on(request, body)
        return _hang_up(request) if mood == "lost" else answer

    async def _passed_on(self, request: web.Request, body: bytes) -> web.Response:
        kept: dict[str, Any] = {
            name: value for name, value in request.headers.items() if name != "Host"
        }
        url = URL(self._target + request.rel_url.raw_path_qs, encoded=True)
        async with self._session.request(
            request.method, url, data=body or None, headers=kept, allow_redirects=False
        ) as answer:
            headers = {
                name: value for name, value in answer.headers.items() if name != "Content-Length"
            }
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)


def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@asynccontextmanager
async def unsteady(target: str, *moods: str) -> AsyncIterator[Unsteady]:
    """One on a free port."""
    # Packed answers are passed on as they came, with the header that says so.
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        front = Unsteady(target, moods, session)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", front.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        front.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield front
        finally:
            await runner.cleanup()

"""A proxy that has a site below a path of its own, and says so by X-Forwarded-Prefix.

>>> async with behind(site.browser.url, "/psd") as url, Browser(f"{url}/psd") as browser:
...     await browser.get("/drivers/")
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer


@asynccontextmanager
async def behind(url: str, prefix: str) -> AsyncIterator[str]:
    """A proxy that has a site below a path, and says so."""
    async with aiohttp.ClientSession() as session:

        async def handle(request: web.Request) -> web.Response:
            path = request.rel_url.raw_path_qs.removeprefix(prefix)
            headers = {**request.headers, "X-Forwarded-Prefix": prefix}
            async with session.request(
                request.method,
                url + path,
                data=await request.read(),
                headers=headers,
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
                kept = [
                    (name, value)
                    for name, value in answer.headers.items()
                    if name in ("Content-Type", "Location", "Set-Cookie")
                ]
                response = web.Response(status=answer.status, body=body)
                for name, value in kept:
                    response.headers.add(name, value)
                return response

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        async with TestServer(app) as server:
            yield f"http://127.0.0.1:{server.port}"

"""A client for the tests: sends exactly the bytes of a path and keeps the whole answer.

>>> async with serving(runtime) as client:
...     answer = await client.get("/v1/query/1/steps/all/0/9")
...     assert answer.text == "0"
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from psd.engine.events import TIME_END_S
from psd.runtime import Runtime
from server.serving import HttpServer

FORM = "application/x-www-form-urlencoded"


class Answer(msgspec.Struct, frozen=True):
    """Everything that came back."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def content_type(self) -> str:
        """The header as it was sent, parameters included."""
        return self.headers.get("Content-Type", "")

    def json(self) -> Any:
        """The body, read as JSON."""
        return msgspec.json.decode(self.text)


class HttpClient:
    """Requests to one server; redirects are answers like any other."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def get(self, path: str) -> Answer:
        """GET a path."""
        return await self.request("GET", path)

    async def post(self, path: str, form: Mapping[str, str] | None = None) -> Answer:
        """POST a urlencoded form."""
        return await self.request("POST", path, urlencode(form or {}).encode(), FORM)

    async def write(self, body: Any) -> Answer:
        """POST to /v1/write; what is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.request("POST", "/v1/write", content, "application/json")

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any request; the path is sent as it is written."""
        sent = dict(headers or {})
        if content_type:
            sent["Content-Type"] = content_type
        async with self.session.request(
            method,
            URL(self.url + path, encoded=True),
            data=body or None,
            headers=sent,
            skip_auto_headers=() if content_type else ("Content-Type",),
            allow_redirects=False,
        ) as response:
            return Answer(response.status, await response.text(), dict(response.headers))


async def total(client: HttpClient, uid: int = 1, thing: str = "steps") -> int:
    """All that a user ever had of a thing, by the original's route."""
    return int((await client.get(f"/v1/query/{uid}/{thing}/all/0/{TIME_END_S}")).text)


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[HttpClient]:
    """A client of a server that runs already."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=300)) as session:
        yield HttpClient(url, session)


@asynccontextmanager
async def serving(runtime: Runtime, idle_timeout_s: float = 75) -> AsyncIterator[HttpClient]:
    """A server on a free port of this machine, and its client."""
    # Whatever the settings say: another test may listen on the configured port just now.
    settings = runtime.settings
    free = msgspec.structs.replace(settings.server, port=0)
    runtime.settings = msgspec.structs.replace(settings, server=free)
    server = HttpServer(runtime, idle_timeout_s)
    await server.start()
    try:
        async with client_of(server.url) as client:
            yield client
    finally:
        await server.stop()

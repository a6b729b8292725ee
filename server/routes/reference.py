"""The reference: as a document for programs, as a page for people, both of the routes that run.

::

    GET /openapi.json   -> an OpenAPI 3.1 document
    GET /docs           -> the same as a page, which loads nothing

Both are made when they are first asked for, and tell nothing that is secret: which routes there
are, and not what is behind them. So they are open, as the page of a login is.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from functools import cached_property

import msgspec
from aiohttp import web

from psd.version import VERSION
from server import answers
from server.conditions import has_already
from server.openapi import operations
from server.openapi.document import document_of
from server.openapi.page import SCRIPT, STYLE, page_of
from server.openapi.schemas import Schema
from server.packing import packed, takes_gzip
from server.routing import Route


def _hash_of(text: str) -> str:
    """What a browser compares an inline text with before it takes it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


PAGE_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src {_hash_of(STYLE)}; "
    f"script-src {_hash_of(SCRIPT)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""The page's one style and one script are named by their hashes; nothing else may come."""


BEST_LEVEL = 9
"""Both are packed once: 5 ms."""


class ReferenceRoutes:
    """The reference of some routes, and of its own."""

    def __init__(
        self,
        routes: Sequence[Route],
        address: str = "localhost:1155",
        pages: Sequence[str] = ("/docs",),
    ) -> None:
        self._routes = routes
        self._address = address
        self._pages = pages

    def routes(self) -> list[Route]:
        """What this module serves."""
        document = Route(
            "GET", "/openapi.json", self.document, scope="open", about=operations.DOCUMENT
        )
        pages = [
            Route("GET", path, self.page, scope="open", about=operations.REFERENCE)
            for path in self._pages
        ]
        return [document, *pages]

    async def document(self, request: web.Request) -> web.StreamResponse:
        """The document, or 304."""
        return (await self._made("_document")).answer(request)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page, or 304."""
        return (await self._made("_page")).answer(request)

    async def _made(self, name: str) -> Written:
        """One of the two, which whoever asks first has made: 50 ms in which others are let in."""
        if name not in vars(self):
            await asyncio.to_thread(getattr, self, name)
        made: Written = getattr(self, name)
        return made

    @cached_property
    def _shown(self) -> Schema:
        return document_of([*self._routes, *self.routes()], VERSION, self._address)

    @cached_property
    def _document(self) -> Written:
        return Written(msgspec.json.encode(self._shown), {"Content-Type": answers.JSON})

    @cached_property
    def _page(self) -> Written:
        headers = {"Content-Type": answers.HTML, **PAGE_HEADERS}
        return Written(page_of(self._shown).encode(), headers)


class Written:
    """An answer that is the same for everybody, as long as the process runs.

    It has a strong tag, so that packed it has another one.
    """

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        tag = hashlib.sha256(body).hexdigest()[:24]
        kept = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        self._plain = Version(body, tag, headers | kept)
        gzip = {"Content-Encoding": "gzip"}
        self._packed = Version(packed(body, BEST_LEVEL), f"{tag}-gzip", headers | kept | gzip)

    def answer(self, request: web.Request) -> web.Response:
        """The whole of it, or 304 for whoever has it already."""
        takes = takes_gzip(request.headers.get("Accept-Encoding", ""))
        version = self._packed if takes else self._plain
        if has_already(request, version.tag):
            headers = {name: version.headers[name] for name in ("Cache-Control", "Vary")}
            return web.Response(status=304, headers=headers | {"ETag": f'"{version.tag}"'})
        return web.Response(
            body=version.body, headers=version.headers | {"ETag": f'"{version.tag}"'}
        )


class Version(msgspec.Struct, frozen=True):
    """What is sent, and the tag and headers that it has so."""

    body: bytes
    tag: str
    headers: dict[str, str]

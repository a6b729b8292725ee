"""Paths as Starlette has them, for faces of originals that were served by it.

A path is looked for as it reads decoded, so that a slash is one however it was written. HEAD is not
there beside GET, and whoever has slashes too many, or lacks the last one, is led on whatever he
wants to do there::

    GET  /health/              307 http://127.0.0.1:8020/health
    POST /health               405 {"detail":"Method Not Allowed"}, Allow: GET
    GET  /readings/read/a%2Fb  404 {"detail":"Not Found"}
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote, unquote

from aiohttp import web
from aiohttp.web_urldispatcher import UrlMappingMatchInfo
from yarl import URL

from psd.domain.dialect import Dialect
from server.errors import answer
from server.prefixes import prefix_of
from server.routing import NoRouteError, Routes

KEPT = "/:@!$&'()*+,;=~"
"""What a path may hold as it is."""


class DecodedRoutes(Routes):
    """Looks for a path as it reads decoded."""

    async def resolve(self, request: web.Request) -> UrlMappingMatchInfo:
        """The route of a request, or :class:`NoRouteError`."""
        path = request.rel_url.raw_path
        if "%" not in path:
            return await super().resolve(request)
        try:
            decoded = URL.build(path=unquote(path), query_string=request.rel_url.raw_query_string)
        except ValueError:
            return NoRouteError(web.HTTPNotFound())
        return await super().resolve(request.clone(rel_url=decoded))


async def answer_elsewhere(request: web.Request, dialect: Dialect) -> web.StreamResponse:
    """What is told where no route answers: 405, the way to another path, or 404."""
    unmatched = request.match_info.http_exception
    if isinstance(unmatched, web.HTTPMethodNotAllowed):
        response = _phrase(dialect, HTTPStatus.METHOD_NOT_ALLOWED)
        response.headers["Allow"] = ", ".join(sorted(unmatched.allowed_methods))
        return response
    location = await _location(request)
    if location:
        headers = {"Location": location}
        return web.Response(status=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)
    return _phrase(dialect, HTTPStatus.NOT_FOUND)


def _phrase(dialect: Dialect, status: HTTPStatus) -> web.Response:
    return answer(dialect, status, status.name.lower(), status.phrase)


async def _location(request: web.Request) -> str:
    """Where the same path is without slashes at its end, or with one; empty where nothing is."""
    path = unquote(request.rel_url.raw_path)
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    if path == "/" or not other:
        return ""
    url = URL.build(path=quote(other, safe=KEPT), encoded=True)
    found = await request.app.router.resolve(request.clone(rel_url=url))
    if isinstance(found.http_exception, web.HTTPNotFound):
        return ""
    query = request.rel_url.raw_query_string
    moved = f"{request.scheme}://{request.host}{prefix_of(request)}{url.raw_path}"
    return f"{moved}?{query}" if query else moved

"""One route, as a resource module declares it and the application registers it.

A path is written with plain names, ``/v1/query/{uid}/{thing}``. Inner parts may be empty
(``/v1/query/1/steps//0/9`` asks for the empty atid), the last may not: both as in the
original.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware
from aiohttp.web_urldispatcher import MatchInfoError, UrlMappingMatchInfo

from psd.access.identity import Identity, Scope
from psd.config import ServerSettings
from server.cors import without_server
from server.errors import Style
from server.openapi.about import About

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Rule = Callable[[web.Request], Awaitable[Identity]]
"""A site's own way to tell who asks."""

_INNER_PART = re.compile(r"\{(\w+)\}(?=/)")
_PART = re.compile(r"\{(\w+)\}")


class Route(msgspec.Struct, frozen=True):
    """Method, path and handler, the style in which its errors are told, and who may ask.

    ``scope`` ``open`` asks nobody who they are. With ``whole`` the answer is about everybody, so
    that an identity that is restricted to some owners does not get it. A route that declares
    nothing is for admins. With a ``rule`` that says who asks, in place of tokens. With ``numbers``
    the parts of its path are whole numbers. ``about`` is its part of the reference
    (server/openapi).
    """

    method: str
    path: str
    handler: Handler
    style: Style = "problem"
    scope: Scope | Literal["open"] = "admin"
    whole: bool = False
    about: About = About()
    rule: Rule | None = None
    numbers: bool = False

    @property
    def pattern(self) -> str:
        """The path as aiohttp's router wants it."""
        return _INNER_PART.sub(r"{\1:[0-9]{1,18}}" if self.numbers else r"{\1:[^/]*}", self.path)


PATH_PARTS_MAX = 32
"""Our longest path has eight. aiohttp looks for a route once for each part of a path, each time in
a copy of it: 4,000 parts in 8 kB took 30 ms, and nobody is asked for a token before that."""


async def say_nothing_yet(_request: web.Request) -> None:
    """What aiohttp does for an Expect before the gate: nothing, so that no stranger is asked."""


class NoRouteError(MatchInfoError):
    """What is found for a path that is none, or for a method that it does not know."""

    @property
    def expect_handler(self) -> Any:
        """No body is asked for; aiohttp would say 100 to everybody here."""
        return say_nothing_yet


class Routes(web.UrlDispatcher):
    """aiohttp's router, for strangers too: it looks for no path that no route can have."""

    async def resolve(self, request: web.Request) -> UrlMappingMatchInfo:
        """The route of a request, or :class:`NoRouteError`."""
        if request.rel_url.raw_path.count("/") > PATH_PARTS_MAX:
            return NoRouteError(web.HTTPNotFound())
        found = await super().resolve(request)
        return found if found.http_exception is None else NoRouteError(found.http_exception)


def new_application(
    middleware: Middleware, settings: ServerSettings, router: Routes
) -> web.Application:
    """An application that has no route yet, behind a middleware."""
    app = web.Application(middlewares=[middleware], client_max_size=settings.body_bytes_max)
    # The parameter for it is deprecated, and nothing comes in its place.
    app._router = router
    if not settings.header:
        app.on_response_prepare.append(without_server)
    return app


def register(app: web.Application, route: Route) -> None:
    """A route, and where it can be read also what is told of it alone (HEAD)."""
    methods = ("GET", "HEAD") if route.method == "GET" else (route.method,)
    for method in methods:
        _add(app, route, method, route.pattern)


def register_alone(app: web.Application, route: Route) -> None:
    """A route of its method and no other, whose last part is whatever has no slash."""
    _add(app, route, route.method, _PART.sub(r"{\1:[^/]+}", route.path))


def _add(app: web.Application, route: Route, method: str, pattern: str) -> None:
    app.router.add_route(method, pattern, route.handler, expect_handler=say_nothing_yet)

"""The one middleware: turns errors into answers, measures, and answers what no route matches.

A single layer, with every metric bound to its labels beforehand, because it runs for each
request: at 10,000 requests/s a label lookup alone costs a percent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import Counter, Histogram

from psd.access.identity import Identity
from psd.config import ServerSettings
from psd.domain.dialect import Dialect
from psd.errors import PsdError
from psd.observe.draining import Draining
from psd.observe.metrics import Metrics
from psd.store.callers import enter_caller
from server import answers
from server.access import IDENTITY, NOBODY, Access, enter_as
from server.asking import OWN_ROOT, check_parameters, parameters_of
from server.conditions import READING
from server.connections.protocol import Connection
from server.cors import Cors
from server.errors import PageStyle, Style, answer, answer_error
from server.formats import accepts_pages
from server.packing import is_worth_it, pack
from server.prefixes import prefix_of
from server.request_spans import RequestSpans
from server.routing import Handler, Route
from server.starlette_paths import answer_elsewhere
from server.tracing import Trace, enter, leave, sign, trace_of, trace_of_request

log = logging.getLogger("server")

UNMATCHED = "unmatched"
"""The route label of requests that no route matches: their paths are anyone's words."""

NO_CORS = Cors(ServerSettings())

_CODES = {408: "timeout", 413: "too_large"}

PATH_SHOWN_MAX = 200

ELSEWHERE = ""
"""The root of what is below no other: how a browser is told there."""

ROOTS = web.AppKey("roots", Mapping[str, Style])
"""How an application of its own (server/faces.py) tells errors, by where its paths begin."""


class _Measured:
    """A route's style and its metrics, bound to their labels."""

    __slots__ = ("_metrics", "_requests", "_seconds", "parameters", "path", "route", "style")

    def __init__(self, path: str, style: Style, metrics: Metrics, route: Route | None) -> None:
        self.style = style
        self.route = route
        self.parameters = None if route is None else parameters_of(path, route.about)
        self._seconds: Histogram | None = None
        self.path = path
        self._metrics = metrics
        self._requests: dict[int, Counter] = {}

    def count(self, status: int, seconds: float) -> None:
        """One answer was given."""
        counter = self._requests.get(status)
        if counter is None:
            counter = self._metrics.requests.labels(self.path, str(status))
            self._requests[status] = counter
        counter.inc()
        if self._seconds is None:
            # Only routes that were asked have series: 15 each, and there are hundreds of routes.
            self._seconds = self._metrics.request_seconds.labels(self.path)
        self._seconds.observe(seconds)


class Gate:
    """What every request passes; :meth:`middleware` is given to aiohttp."""

    def __init__(
        self,
        metrics: Metrics,
        draining: Draining,
        access: Access,
        cors: Cors = NO_CORS,
        spans: RequestSpans | None = None,
    ) -> None:
        self.cors = cors
        self.in_hand = 0
        self._access = access
        self._spans = spans
        self._empty = asyncio.Event()
        self._draining = draining
        self._metrics = metrics
        self._routes: dict[Handler, _Measured] = {}
        self._unmatched = _Measured(UNMATCHED, "problem", metrics, None)
        self._roots: dict[str, Style] = {OWN_ROOT: "problem"}

    def know(
        self,
        routes: Iterable[Route],
        roots: Mapping[str, Style] | None = None,
        face: str = "",
    ) -> None:
        """Bind the metrics of these routes, and learn how errors are told around them.

        ``roots`` are those of a site; for others a dialect says where it is spoken. The paths of a
        ``face`` are told from those of the main port by its name: ``<face>:/health``.
        """
        for route in routes:
            label = f"{face}:{route.path}" if face else route.path
            self._routes[route.handler] = _Measured(label, route.style, self._metrics, route)
            if not face and isinstance(route.style, Dialect) and route.style.root:
                self._roots[route.style.root] = route.style
        self._roots.update(roots or {})

    async def emptied(self, timeout_s: float) -> bool:
        """Wait until no request is in hand; whether that came true in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.in_hand:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            return False
        return True

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A request in here is not waited for: it ends by itself when the process drains."""
        self._leave()
        try:
            yield
        finally:
            self.in_hand += 1

    def _leave(self) -> None:
        self.in_hand -= 1
        if self.in_hand == 0 and self._draining.begun:
            self._empty.set()

    @property
    def middleware(self) -> Middleware:
        """The function that aiohttp calls; with spans around it where they are recorded."""
        if self._spans is None:
            return self._gate(lambda request: trace_of(request.headers))
        return self._traced(self._spans, self._gate(trace_of_request))

    def _traced(self, spans: RequestSpans, gate: Middleware) -> Middleware:
        routes = self._routes

        @web.middleware
        async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
            route = routes.get(handler)
            path = None if route is None else route.path
            return await spans.answered(request, handler, gate, path)

        return traced

    def _gate(self, named: Callable[[web.Request], Trace]) -> Middleware:
        """What every request passes, closed over what it needs; ``named`` says who it is."""
        routes, unmatched, draining = self._routes, self._unmatched, self._draining
        answered, clock = self._answered, time.perf_counter

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = clock()
            trace = named(request)
            entered = enter(trace)
            self.in_hand += 1
            route = routes.get(handler, unmatched)
            try:
                response = await answered(request, handler, route)
            finally:
                self._leave()
            if response.status == 200 and (request.method == "HEAD" or is_worth_it(response)):
                await _finish(request, response)
            seconds = clock() - started
            route.count(response.status, seconds)
            if draining.begun:
                response.force_close()
            if log.isEnabledFor(logging.DEBUG):
                _log_request(request, response, seconds)
            leave(entered)
            # A stream has told them, with its first byte.
            if not response.prepared:
                sign(response.headers, trace)
            return response

        return gate

    async def _answered(
        self, request: web.Request, handler: Handler, route: _Measured
    ) -> web.StreamResponse:
        """The answer of a handler, or what an error becomes in the route's style."""
        try:
            self._access.check_page(request, route.route)
            if route.route is None:
                return await self._elsewhere(request)
            _let_in(request, route.route, await self._access.admit(request, route.route))
            if route.parameters is not None:
                check_parameters(request, route.parameters)
            return await handler(request)
        except PsdError as error:
            return _answer_psd(error, route.style, request)
        except web.HTTPException as error:
            return _answer_http(error, route.style, request)
        except web.RequestPayloadError as error:
            response = answer(route.style, 400, "malformed", f"body: {error}", request)
            response.force_close()
            return response
        except Exception:
            log.exception("request failed", extra={"method": request.method, "path": request.path})
            style: Style = route.style if isinstance(route.style, PageStyle) else "problem"
            return answer(style, 500, "internal", "an unexpected error; it was logged", request)

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        """What no route matches: what a browser asks before it asks, or nothing that is here."""
        told = self.cors.preflight(request) if self.cors.is_on else None
        if told is not None:
            return told
        return await _answer_unmatched(request, request.app.get(ROOTS, self._roots))


def _let_in(request: web.Request, route: Route, identity: Identity) -> None:
    """Note who was admitted; his connection makes room for nobody any more.

    The turn that a request's commands take is its token's, or its own where nobody is told apart.
    What a server tells anybody of itself is its own work.
    """
    request[IDENTITY] = identity
    connection = request.protocol
    if identity is not NOBODY and isinstance(connection, Connection) and not connection.is_known:
        connection.know()
    if route.scope == "open" and route.rule is None:
        enter_caller(None)
    else:
        enter_as(identity)


async def _finish(request: web.Request, response: web.StreamResponse) -> None:
    """Pack what is large, and tell HEAD of a length that aiohttp leaves out: that of nothing."""
    if not isinstance(response, web.Response):
        return
    await pack(request, response)
    if request.method == "HEAD" and not response.body:
        response.headers["Content-Length"] = "0"


async def _answer_unmatched(request: web.Request, roots: Mapping[str, Style]) -> web.StreamResponse:
    """404, 405, or the way to the same path without an extra slash at its end.

    The original's paths know no 405 (pointspaced, HTTP). An unknown path in the place of somebody
    else's API gets the original's words too: a page that is not there, which Grafana looks for.
    Pages end with a slash, and lead there whoever leaves it out. A browser is told by a page, with
    the way to those that there are.
    """
    path = request.rel_url.raw_path
    style = next((style for root, style in roots.items() if root and path.startswith(root)), None)
    if style is None and _is_of_a_browser(request):
        style = roots.get(ELSEWHERE)
    if isinstance(style, Dialect) and style.as_starlette:
        return await answer_elsewhere(request, style)
    moved = await _other_path(request, path, style)
    if moved is not None:
        return moved
    if style is None:
        return answers.not_found()
    unmatched = request.match_info.http_exception
    if isinstance(unmatched, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(unmatched.allowed_methods))
        message = f"method: {request.method} is not allowed here, only {allowed}"
        response = answer(style, 405, "method_not_allowed", message, request)
        response.headers["Allow"] = allowed
        return response
    if isinstance(style, Dialect) and not style.tells_missing:
        return answers.not_found()
    message = f"path: nothing is served at {path[:PATH_SHOWN_MAX]}"
    return answer(style, 404, "not_found", message, request)


def _is_of_a_browser(request: web.Request) -> bool:
    """Whether somebody looks for a page where there is nothing at all."""
    is_wrong_method = isinstance(request.match_info.http_exception, web.HTTPMethodNotAllowed)
    return not is_wrong_method and accepts_pages(request.headers.get("Accept", ""))


async def _other_path(
    request: web.Request, path: str, style: Style | None
) -> web.StreamResponse | None:
    """The way to what is there with a slash at the end of a path, or without it; None for none."""
    is_page = isinstance(style, PageStyle)
    # Nothing but pages ends with a slash; where there are none, nobody looks for them.
    may_lack = is_page or ROOTS in request.app
    ends = path.endswith("/")
    if len(path) == 1 or (is_page if ends else not may_lack):
        return None
    other = request.rel_url.with_path(
        path[:-1] if ends else f"{path}/", encoded=True, keep_query=True
    )
    match = await request.app.router.resolve(request.clone(rel_url=other))
    if match.http_exception is not None:
        return None
    location = str(other) if ends else prefix_of(request) + str(other)
    return answers.redirect(location, keep_method=request.method not in READING)


def _answer_psd(error: PsdError, style: Style, request: web.Request) -> web.StreamResponse:
    """Errors of ours; one that is no outage and not the sender's fault is logged."""
    response = answer_error(error, style, request)
    if response.status == 500:
        log.error(str(error), extra={"code": error.code, "path": request.path})
    return response


def _answer_http(
    error: web.HTTPException, style: Style, request: web.Request
) -> web.StreamResponse:
    """Errors of aiohttp itself (a body too large or too late), in the words of the route."""
    detail = error.text or error.reason
    code = _CODES.get(error.status, "http_error")
    response = answer(style, error.status, code, detail, request)
    # What is left of the body is not read: the connection cannot serve another request.
    response.force_close()
    return response


def _log_request(request: web.Request, response: web.StreamResponse, seconds: float) -> None:
    log.debug(
        "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status,
            "milliseconds": round(seconds * 1000, 3),
        },
    )

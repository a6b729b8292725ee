"""A part of Prometheus's read API, so that Grafana plots psd as it plots Prometheus.

::

    POST /api/v1/query_range   query=increase(steps{uid="7"}[1d])&start=...&end=...&step=86400
    -> {"status":"success","data":{"resultType":"matrix","result":[
           {"metric":{"uid":"7"},"values":[[1460505600,"13158"],...]}]}}

By GET and, where Grafana posts, by a form in the body, which goes before the URL. What is not
answered is 400 ``bad_data`` with the reason. Whoever is restricted to some owners sees the others
as users without data.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from psd.errors import BadQueryError, TooLargeError
from psd.queries.prometheus.api import PrometheusAnswer, PrometheusApi
from server import answers
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.openapi import prometheus as about
from server.openapi.about import FORM_TYPE, About
from server.routes.queries import seen_by
from server.routing import Handler, Route

FIELDS_MAX = 256

MATCH = "match[]"

_encode = msgspec.json.Encoder().encode


class Success(msgspec.Struct, omit_defaults=True):
    """The frame of every answer that is none of an error."""

    status: str
    data: msgspec.Raw
    warnings: list[str] = []


class Fields:
    """Parameters by name, each as often as it comes; the first may count alone."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def all(self, name: str) -> list[str]:
        """Every value of a parameter."""
        return [value for each, value in self._pairs if each == name]

    def first(self, name: str) -> str:
        """The first value, or an empty text."""
        return next(iter(self.all(name)), "")

    def needed(self, name: str) -> str:
        """The first value; raises BadQueryError where there is none."""
        found = self.first(name)
        if not found:
            raise BadQueryError(f"{name}: missing; it is needed")
        return found


Ask = Callable[[web.Request, Fields], Awaitable[PrometheusAnswer]]


class PrometheusRoutes:
    """The routes under /api/v1."""

    def __init__(self, api: PrometheusApi, bodies: BodyReader) -> None:
        self._api = api
        self._bodies = bodies

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [
            *self._both("/api/v1/query", self._query, about.query),
            *self._both("/api/v1/query_range", self._query_range, about.query_range),
            *self._both("/api/v1/series", self._series, about.series),
            *self._both("/api/v1/labels", self._labels, about.labels),
            self._route("GET", "/api/v1/label/{name}/values", self._values, about.VALUES),
            self._route("GET", "/api/v1/metadata", self._metadata, about.METADATA),
            self._route("GET", "/api/v1/status/buildinfo", self._buildinfo, about.BUILDINFO),
        ]

    def _both(self, path: str, ask: Ask, told: Callable[[str], About]) -> list[Route]:
        return [self._route(method, path, ask, told(method)) for method in ("GET", "POST")]

    def _route(self, method: str, path: str, ask: Ask, told: About) -> Route:
        handler = self._handler(method, ask)
        return Route(method, path, handler, "prometheus", "read", about=told)

    def _handler(self, method: str, ask: Ask) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            pairs = await self._form(request) if method == "POST" else []
            fields = Fields([*pairs, *request.query.items()])
            async with StoreDeadline():
                answer = await ask(request, fields)
            body = Success("success", msgspec.Raw(_encode(answer.data)), answer.warnings)
            return answers.json(_encode(body))

        return handle

    async def _form(self, request: web.Request) -> list[tuple[str, str]]:
        body = await self._bodies.read(request)
        if request.content_type != FORM_TYPE:
            return []
        try:
            return parse_qsl(
                body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX
            )
        except ValueError as exc:
            raise TooLargeError(f"form: more than {FIELDS_MAX} fields") from exc

    async def _query(self, request: web.Request, fields: Fields) -> PrometheusAnswer:
        return await self._api.query(
            fields.needed("query"), fields.first("time") or None, seen_by(request)
        )

    async def _query_range(self, request: web.Request, fields: Fields) -> PrometheusAnswer:
        query, start, end, step = map(fields.needed, ("query", "start", "end", "step"))
        return await self._api.query_range(query, start, end, step, seen_by(request))

    async def _series(self, request: web.Request, fields: Fields) -> PrometheusAnswer:
        return await self._api.series(fields.all(MATCH), fields.first("limit"), seen_by(request))

    async def _labels(self, request: web.Request, fields: Fields) -> PrometheusAnswer:
        return await self._api.labels(fields.all(MATCH), fields.first("limit"), seen_by(request))

    async def _values(self, request: web.Request, fields: Fields) -> PrometheusAnswer:
        return await self._api.values(
            request.match_info["name"],
            fields.all(MATCH),
            fields.first("limit"),
            seen_by(request),
        )

    async def _metadata(self, _request: web.Request, fields: Fields) -> PrometheusAnswer:
        return self._api.metadata(fields.first("metric"), fields.first("limit"))

    async def _buildinfo(self, _request: web.Request, _fields: Fields) -> PrometheusAnswer:
        return self._api.buildinfo()

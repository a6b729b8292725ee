"""Sums, series and leaderboards of v3: each by GET with parameters and by POST with JSON.

Both say the same with the same names (psd/queries/requests.py); lists are parameters that come
several times, or with commas::

    GET  /v3/sum?thing=steps&uid=1&uid=2&start=2016-04-12T00:00:00Z
    POST /v3/sum   {"thing": "steps", "uid": ["1", "2"], "start": "2016-04-12T00:00:00Z"}

Whoever is restricted to some owners sees the others as users without data, and boards that are
not lists of users not at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from psd.errors import ForbiddenError
from psd.queries.parsing import from_json
from psd.queries.queries import Queries
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.queries.results import AnyAnswer
from psd.queries.sums import Sees, everybody
from server.access import seen_by
from server.asking import asked
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.formats import asked_format, write_answer
from server.openapi.about import About
from server.openapi.questions import leaderboard_about, series_about, sum_about
from server.routing import Handler, Route

Q = TypeVar("Q", bound=msgspec.Struct)

"""The one parameter that is about the answer and not about the question."""


class QueryResourceRoutes:
    """The routes that answer questions of v3."""

    def __init__(self, queries: Queries, bodies: BodyReader, depth_max: int) -> None:
        self._queries = queries
        self._bodies = bodies
        self._depth_max = depth_max

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [
            *self._both("/v3/sum", SumQuery, self._queries.sum, sum_about),
            *self._both("/v3/series", SeriesQuery, self._queries.series, series_about),
            *self._both("/v3/leaderboard", LeaderboardQuery, self._leaderboard, leaderboard_about),
        ]

    def _both(
        self,
        path: str,
        kind: type[Q],
        ask: Callable[[Q, Sees], Awaitable[AnyAnswer]],
        about: Callable[[str], About],
    ) -> list[Route]:
        return [
            Route(
                method,
                path,
                self._handler(method, kind, ask),
                scope="read",
                about=about(method),
            )
            for method in ("GET", "POST")
        ]

    def _handler(
        self, method: str, kind: type[Q], ask: Callable[[Q, Sees], Awaitable[AnyAnswer]]
    ) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            asked_format(request)
            if method == "GET":
                query = asked(request, kind)
            else:
                query = from_json(await self._bodies.read(request), kind, self._depth_max)
            async with StoreDeadline():
                answer = await ask(query, seen_by(request))
            return await write_answer(request, answer, is_closed=self._queries.is_closed(answer))

        return handle

    async def _leaderboard(self, query: LeaderboardQuery, sees: Sees) -> AnyAnswer:
        if sees is not everybody and query.uid is None:
            raise ForbiddenError("uid: missing; a board of everybody needs a token of all owners")
        return await self._queries.leaderboard(query, sees)

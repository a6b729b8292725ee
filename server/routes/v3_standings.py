"""How a named board stands: at any instant, in head-to-head rounds, and as it was declared final.

::

    GET  /v3/boards/april/standing?as_of=2016-04-20T00:00:00Z&limit=3
    -> {"data":[{"rank":1,"uid":"22","value":900,"reached_at":"2016-04-19T22:00:00Z",...}],...}
    GET  /v3/boards/cup/bracket      -> {"rounds":[{"number":1,"state":"over","matches":[...]}],...}
    POST /v3/boards/april/final      -> 201, the final as it is kept from now on
    GET  /v3/boards/april/final      -> the same, with what the buckets say otherwise by now

The standing is that of ``/v3/leaderboard?board=april``, in the same shape and the same formats.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from psd.queries.boards.challenges import Challenges
from psd.queries.boards.finals import Finals
from psd.queries.boards.requests import BracketQuery, FinalBody, FinalQuery, StandingQuery
from psd.queries.parsing import from_json
from psd.queries.queries import Queries
from server import answers
from server.access import IDENTITY
from server.asking import asked
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.formats import asked_format, write_answer
from server.openapi import boards as about_boards
from server.routing import Route

_encode = msgspec.json.Encoder().encode


class StandingRoutes:
    """The routes that say how boards stand."""

    def __init__(
        self,
        queries: Queries,
        challenges: Challenges,
        finals: Finals,
        bodies: BodyReader,
        depth_max: int,
    ) -> None:
        self._queries = queries
        self._challenges = challenges
        self._finals = finals
        self._bodies = bodies
        self._depth_max = depth_max

    def routes(self) -> list[Route]:
        """What this module serves."""
        one = "/v3/boards/{name}"
        return [
            Route(
                "GET",
                f"{one}/standing",
                self.standing,
                scope="read",
                whole=True,
                about=about_boards.STANDING,
            ),
            Route(
                "GET",
                f"{one}/bracket",
                self.bracket,
                scope="read",
                whole=True,
                about=about_boards.BRACKET,
            ),
            Route(
                "GET",
                f"{one}/final",
                self.final,
                scope="read",
                whole=True,
                about=about_boards.FINAL,
            ),
            Route(
                "POST",
                f"{one}/final",
                self.declare,
                scope="write",
                whole=True,
                about=about_boards.DECLARE,
            ),
        ]

    async def standing(self, request: web.Request) -> web.Response:
        """The standing at an instant, now unless ``as_of`` is given."""
        asked_format(request)
        query = asked(request, StandingQuery).of(request.match_info["name"])
        async with StoreDeadline():
            answer = await self._queries.leaderboard(query)
        return await write_answer(request, answer, is_closed=self._queries.is_closed(answer))

    async def bracket(self, request: web.Request) -> web.Response:
        """The rounds at an instant."""
        query = asked(request, BracketQuery)
        async with StoreDeadline():
            answer = await self._challenges.bracket(request.match_info["name"], query.as_of)
        return answers.json(_encode(answer))

    async def final(self, request: web.Request) -> web.Response:
        """The final as it was declared."""
        query = asked(request, FinalQuery)
        async with StoreDeadline():
            answer = await self._finals.read(request.match_info["name"], query.limit, query.cursor)
        return answers.json(_encode(answer))

    async def declare(self, request: web.Request) -> web.Response:
        """Keep the standing as the final one; the body may be empty."""
        body = await self._bodies.read(request)
        asked = from_json(body, FinalBody, self._depth_max) if body.strip() else FinalBody()
        async with StoreDeadline():
            answer = await self._finals.declare(
                request.match_info["name"],
                request[IDENTITY].name,
                asked.as_of,
                again=asked.replace,
            )
        return answers.json(_encode(answer), 201)

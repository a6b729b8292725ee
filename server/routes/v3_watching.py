"""Sums and boards that are watched: told again whenever something is booked that may change them.

::

    GET /v3/sum/watch?thing=steps&uid=7                 event: sum
    GET /v3/leaderboard/watch?thing=steps&all=true      event: leaderboard
    GET /v3/boards/june/standing/watch                  event: standing

Each is the answer of its path without ``/watch``, in the same token's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from psd.domain.question import Asked, Endpoint, Versioned, Watchable
from psd.errors import BadQueryError, ForbiddenError, NotFoundError
from psd.queries.boards.requests import StandingQuery
from psd.queries.ids import asked_users
from psd.queries.parsing import from_pairs
from psd.queries.requests import LeaderboardQuery, SumQuery
from psd.queries.results import LeaderboardAnswer, SumAnswer
from psd.queries.sums import everybody
from psd.queries.things import asked_thing
from psd.runtime import Runtime
from server.booked_versions import BookedVersions
from server.routing import Route
from server.watching import Watching

BOARD = "a page of a board"


class WatchedRoutes:
    """The routes over a runtime."""

    def __init__(self, runtime: Runtime, watching: Watching) -> None:
        self._queries = runtime.queries
        self._boards = runtime.boards
        self._things = runtime.settings.numbers
        self._versions = BookedVersions(runtime.store, runtime.boards, runtime.clock)
        self._watching = watching

    def routes(self) -> list[Route]:
        """What this module serves."""
        sums = Endpoint(
            path="/v3/sum",
            query=SumQuery,
            read=reader(SumQuery),
            answer=SumAnswer,
            ask=self.sum,
            meaning="sums over any range",
            example=("/v3/sum?thing=steps&uid=1", '{"data":[{"uid":"1",...}],...}'),
            refused=(410, 422),
        )
        board = Endpoint(
            path="/v3/leaderboard",
            query=LeaderboardQuery,
            read=reader(LeaderboardQuery),
            answer=LeaderboardAnswer,
            ask=self.leaderboard,
            meaning=BOARD,
            example=("/v3/leaderboard?thing=steps&all=true", '{"data":[{"rank":1,...}],...}'),
            refused=(404, 410, 422),
        )
        standing = Endpoint(
            path="/v3/boards/{name}/standing",
            query=StandingQuery,
            read=reader(StandingQuery),
            answer=LeaderboardAnswer,
            ask=self.standing,
            meaning=f"{BOARD} of a name",
            example=("/v3/boards/june/standing", '{"data":[{"rank":1,...}],...}'),
            refused=(404, 410, 422),
            whole=True,
        )
        route = self._watching.route
        return [
            route(Watchable(endpoint=sums, event="sum", versioned=self.of_sum), "Queries"),
            route(Watchable(endpoint=board, event="leaderboard", versioned=self.of_any), "Queries"),
            route(
                Watchable(endpoint=standing, event="standing", versioned=self.of_named), "Boards"
            ),
        ]

    async def sum(self, asked: Asked) -> SumAnswer:
        """Sums of things of users."""
        return await self._queries.sum(asked.query, asked.sees)

    async def leaderboard(self, asked: Asked) -> LeaderboardAnswer:
        """Who stands where."""
        check_whose(asked)
        return await self._queries.leaderboard(asked.query, asked.sees)

    async def standing(self, asked: Asked) -> LeaderboardAnswer:
        """The standing of a board."""
        query: StandingQuery = asked.query
        return await self._queries.leaderboard(query.of(asked.path["name"]))

    async def of_sum(self, asked: Asked) -> Versioned:
        """Another one with each booking of one of the users."""
        query: SumQuery = asked.query
        return await self._versions.of_users(
            self._numbers(query.thing), asked_users(query.uid, "uid")
        )

    async def of_any(self, asked: Asked) -> Versioned:
        """Another one with each booking of the thing, or of one of a few users."""
        check_whose(asked)
        query: LeaderboardQuery = asked.query
        if query.board is not None:
            return await self._of_board(query.board)
        if query.thing is None:
            raise BadQueryError("thing: missing; it is needed")
        things = self._numbers(query.thing)
        if query.uid is None:
            return await self._versions.of_things(things)
        return await self._versions.of_users(things, asked_users(query.uid, "uid"))

    async def of_named(self, asked: Asked) -> Versioned:
        """Another one with each booking of its thing, and with the board."""
        return await self._of_board(asked.path["name"])

    async def _of_board(self, name: str) -> Versioned:
        board = await self._boards.board(name)
        if board is None:
            raise NotFoundError(f"board: {name!r} is not known")
        return await self._versions.of_board(name, self._numbers(board.definition.thing)[0])

    def _numbers(self, names: str | list[str]) -> list[int]:
        listed = [names] if isinstance(names, str) else names
        return [asked_thing(each, self._things) for each in listed]


def check_whose(asked: Asked) -> None:
    """Raises ForbiddenError for one who may not see everybody and asks for everybody."""
    if asked.sees is not everybody and asked.query.uid is None:
        raise ForbiddenError("uid: missing; a board of everybody needs a token of all owners")


def reader(kind: type[msgspec.Struct]) -> Callable[[Iterable[tuple[str, str]]], Any]:
    """Reads those parameters of a URL that are fields of this struct."""
    fields = kind.__struct_fields__

    def read(pairs: Iterable[tuple[str, str]]) -> Any:
        return from_pairs([pair for pair in pairs if pair[0] in fields], kind)

    return read

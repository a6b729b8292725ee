"""Sums, series and leaderboards: the questions of v3 with the structs that the server reads.

::

    answer = await psd.sum(thing="steps", uid=["1503960366"], start="2016-04-12", end="2016-04-13")
    answer.data[0].sum                                                   -> 13158
    await psd.ask(SumQuery(thing="steps", uid=["1503960366"]))           the same, from a struct
    await psd.top("steps", limit=3, start="2016-04-12")
    await psd.around("1503960366", "steps", span=2)
    await psd.compare("steps", to="2016-04-12T12:00:00Z")
    async for standing in psd.standings("steps"): ...                    everybody, page by page

Questions go by POST, so that a thousand uids fit; they are asked again when the server is away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypedDict, Unpack, overload

import msgspec
from msgspec import UNSET

from psd.client.paging import When, compared, fixed, moves, pages, second
from psd.client.transport import Request, Resource
from psd.queries.requests import (
    LIMIT_MAX,
    Aggregate,
    By,
    Every,
    Fill,
    Ids,
    LeaderboardQuery,
    Name,
    Names,
    Query,
    SeriesQuery,
    SumQuery,
    Ties,
)
from psd.queries.results import (
    AnyAnswer,
    LeaderboardAnswer,
    SeriesAnswer,
    Standing,
    SumAnswer,
)

KINDS: dict[type[Query], tuple[str, type[AnyAnswer]]] = {
    SumQuery: ("/v3/sum", SumAnswer),
    SeriesQuery: ("/v3/series", SeriesAnswer),
    LeaderboardQuery: ("/v3/leaderboard", LeaderboardAnswer),
}
"""Where each question goes, and what comes back."""


class BoardFields(TypedDict, total=False):
    """Of whom a board is, and what counts: ``uid`` (a list), ``board``, or else everybody."""

    uid: Ids | None
    board: Name | None
    atid: Ids | None
    start: When | None
    end: When | None
    as_of: When | None
    tz: Name | None
    ties: Ties | None


class Questions(Resource):
    """The part of a client that asks for sums."""

    @overload
    async def ask(self, query: SumQuery) -> SumAnswer: ...
    @overload
    async def ask(self, query: SeriesQuery) -> SeriesAnswer: ...
    @overload
    async def ask(self, query: LeaderboardQuery) -> LeaderboardAnswer: ...
    async def ask(self, query: Query) -> AnyAnswer:
        """Ask what a struct says."""
        path, kind = KINDS[type(query)]
        sent = Request("POST", path, msgspec.json.encode(query), is_repeatable=True)
        return (await self._transport.send(sent)).read(kind)

    async def sum(
        self,
        *,
        thing: Names,
        uid: Ids,
        atid: Ids | None = None,
        start: When = 0,
        end: When | None = None,
        as_of: When | None = None,
        aggregates: Aggregate | list[Aggregate] = "sum",
        every: Every = "day",
        tz: Name = "UTC",
    ) -> SumAnswer:
        """Things of users over one range."""
        query = SumQuery(
            thing=thing,
            uid=uid,
            atid=atid,
            start=second(start, "start"),
            end=second(end, "end"),
            as_of=second(as_of, "as_of"),
            aggregates=aggregates,
            every=every,
            tz=tz,
        )
        return await self.ask(query)

    async def series(
        self,
        *,
        thing: Names,
        uid: Ids,
        start: When,
        every: Every,
        atid: Ids | None = None,
        end: When | None = None,
        as_of: When | None = None,
        tz: Name = "UTC",
        fill: Fill = "zero",
        by: By | None = None,
    ) -> SeriesAnswer:
        """Sums by calendar unit."""
        query = SeriesQuery(
            thing=thing,
            uid=uid,
            start=second(start, "start"),
            every=every,
            atid=atid,
            end=second(end, "end"),
            as_of=second(as_of, "as_of"),
            tz=tz,
            fill=fill,
            by=by,
        )
        return await self.ask(query)

    async def leaderboard(
        self,
        thing: Name | None = None,
        *,
        compare_to: When | tuple[When, When] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        around: int | str | None = None,
        span: int | None = None,
        **fields: Unpack[BoardFields],
    ) -> LeaderboardAnswer:
        """A page of a board; a named one brings its own thing."""
        query = LeaderboardQuery(
            thing=thing,
            uid=fields.get("uid"),
            board=fields.get("board"),
            atid=fields.get("atid"),
            start=second(fields.get("start"), "start"),
            end=second(fields.get("end"), "end"),
            as_of=second(fields.get("as_of"), "as_of"),
            compare_to=compared(compare_to, "compare_to"),
            tz=fields.get("tz"),
            ties=fields.get("ties"),
            limit=limit,
            cursor=cursor,
            around=around,
            span=span,
        )
        return await self.ask(query)

    async def top(
        self, thing: Name | None = None, *, limit: int = 10, **fields: Unpack[BoardFields]
    ) -> LeaderboardAnswer:
        """The first of a board."""
        return await self.leaderboard(thing, limit=limit, **fields)

    async def around(
        self,
        user: int | str,
        thing: Name | None = None,
        *,
        span: int = 5,
        **fields: Unpack[BoardFields],
    ) -> LeaderboardAnswer:
        """A user with those before and behind."""
        return await self.leaderboard(thing, around=user, span=span, **fields)

    async def compare(
        self,
        thing: Name | None = None,
        *,
        to: When | tuple[When, When],
        limit: int = 10,
        **fields: Unpack[BoardFields],
    ) -> LeaderboardAnswer:
        """The first of a board, and how they stood at an instant or in another range."""
        return await self.leaderboard(thing, compare_to=to, limit=limit, **fields)

    async def standings(
        self,
        thing: Name | None = None,
        *,
        compare_to: When | tuple[When, When] | None = None,
        **fields: Unpack[BoardFields],
    ) -> AsyncIterator[Standing]:
        """Everybody on a board, in order; without ``as_of`` as it stood at the first page.

        What is relative to now counts from the first page, too.
        """
        asked: list[When | tuple[When, When] | None] = [compare_to]

        async def ask(cursor: str | None) -> LeaderboardAnswer:
            page = await self.leaderboard(
                thing, compare_to=asked[0], limit=LIMIT_MAX, cursor=cursor, **fields
            )
            if fields.get("as_of") is None or moves(fields["as_of"]):
                fields["as_of"] = page.range.end
            fields["start"] = fixed(fields.get("start"), page.range.start)
            if moves(asked[0]) and page.previous_range is not UNSET:
                asked[0] = (page.previous_range.start, page.previous_range.end)
            return page

        async for page in pages(ask):
            for standing in page.data:
                yield standing

"""The queries of section q, asked of psd, of the original's layout and of PostgreSQL.

All answer in one shape: sums as integers, a series as a list of them, a board as (uid, sum) pairs,
and what is around a user as (rank, uid, sum). The original knows nothing but sums: a series is one
request a point, and a board is everybody's sum, sorted by the client.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, Protocol

from bench.peers.original import OriginalLayout
from bench.peers.postgres import SYSTEM_USER, Postgres, postgres
from bench.psd_system import settings_for
from bench.workloads import batches
from psd.engine.events import Report
from psd.engine.plan import Range
from psd.queries.requests import Every, LeaderboardQuery, SeriesQuery, SumQuery
from psd.runtime import Runtime, open_runtime

if TYPE_CHECKING:
    import psycopg

PLACES = 10
SPAN = 5
EVERY: dict[int, Every] = {3600: "hour", 86_400: "day"}

Board = list[tuple[int, int]]
Around = list[tuple[int, int, int]]


class QuerySystem(Protocol):
    """What is measured; ``users`` are all of a thing, numbered from 1."""

    name: str

    async def load(self, reports: Sequence[Report]) -> None:
        """Take all events."""
        ...

    async def sums(
        self, things: Sequence[int], uids: Sequence[int], range_: Range
    ) -> list[list[int]]:
        """For each user the sums of the things."""
        ...

    async def series(self, thing: int, uid: int, range_: Range, step_s: int) -> list[int]:
        """Sums of steps from the range's start on."""
        ...

    async def top(self, thing: int, users: int, range_: Range, as_of: int | None = None) -> Board:
        """The ten largest sums; ``as_of`` cuts the range."""
        ...

    async def around(self, thing: int, users: int, range_: Range, uid: int) -> Around:
        """A user, and five places on both sides."""
        ...


class PsdQueries:
    """The query functions on which HTTP, the client and the command line sit."""

    name = "psd"

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._queries = runtime.queries
        self._names = {thing.id: name for name, thing in runtime.settings.things.items()}

    @classmethod
    @asynccontextmanager
    async def open(cls, socket: Path) -> AsyncIterator[PsdQueries]:
        """On the Redis at a socket."""
        runtime = await open_runtime(settings_for(socket))
        try:
            yield cls(runtime)
        finally:
            await runtime.close()

    async def load(self, reports: Sequence[Report]) -> None:
        """Book."""
        for batch in batches(reports):
            await self._runtime.engine.book(batch)

    async def sums(
        self, things: Sequence[int], uids: Sequence[int], range_: Range
    ) -> list[list[int]]:
        """POST /v3/sum."""
        query = SumQuery(
            thing=[self._names[thing] for thing in things],
            uid=[*uids],
            start=range_.start,
            end=range_.end,
        )
        rows = iter((await self._queries.sum(query)).data)
        return [[_number(next(rows).sum) for _ in things] for _ in uids]

    async def series(self, thing: int, uid: int, range_: Range, step_s: int) -> list[int]:
        """POST /v3/series."""
        query = SeriesQuery(
            thing=self._names[thing],
            uid=uid,
            start=range_.start,
            end=range_.end,
            every=EVERY[step_s],
        )
        return [_number(point.sum) for point in (await self._queries.series(query)).data]

    async def top(self, thing: int, users: int, range_: Range, as_of: int | None = None) -> Board:
        """POST /v3/leaderboard; those without anything in the range are left out, as elsewhere."""
        query = LeaderboardQuery(
            thing=self._names[thing],
            start=range_.start,
            end=range_.end,
            as_of=as_of,
            limit=PLACES,
        )
        data = (await self._queries.leaderboard(query)).data
        return [(int(row.uid), row.value) for row in data if row.value]

    async def around(self, thing: int, users: int, range_: Range, uid: int) -> Around:
        """POST /v3/leaderboard with ``around``."""
        query = LeaderboardQuery(
            thing=self._names[thing],
            start=range_.start,
            end=range_.end,
            around=uid,
            span=SPAN,
        )
        data = (await self._queries.leaderboard(query)).data
        return [(row.rank, int(row.uid), row.value) for row in data]


class OriginalQueries:
    """The original's layout and its one kind of question; all users of a page in one Lua call."""

    name = "original"

    def __init__(self, layout: OriginalLayout) -> None:
        self._layout = layout

    async def load(self, reports: Sequence[Report]) -> None:
        """Book."""
        for batch in batches(reports):
            await self._layout.book(batch)

    async def sums(
        self, things: Sequence[int], uids: Sequence[int], range_: Range
    ) -> list[list[int]]:
        """One call."""
        answers = await self._layout.sums(uids, things, range_)
        return [[answer.sums[thing] for thing in things] for answer in answers]

    async def series(self, thing: int, uid: int, range_: Range, step_s: int) -> list[int]:
        """A call for each point."""
        steps = range(range_.start, range_.end, step_s)
        return [(await self.sums([thing], [uid], Range(at, at + step_s)))[0][0] for at in steps]

    async def top(self, thing: int, users: int, range_: Range, as_of: int | None = None) -> Board:
        """Everybody's sum."""
        pairs = await self._everybody(thing, users, cut(range_, as_of))
        return sorted(pairs, key=_descending)[:PLACES]

    async def around(self, thing: int, users: int, range_: Range, uid: int) -> Around:
        """Everybody's sum."""
        return around(await self._everybody(thing, users, range_), uid)

    async def _everybody(self, thing: int, users: int, range_: Range) -> Board:
        uids = range(1, users + 1)
        found = await self.sums([thing], uids, range_)
        return [(uid, row[0]) for uid, row in zip(uids, found, strict=True) if row[0]]


SERIES = (
    "SELECT (ts - %s) / %s, sum(delta) FROM events "
    "WHERE thing = %s AND uid = %s AND ts >= %s AND ts < %s GROUP BY 1"
)
AROUND = (
    "WITH board AS (SELECT uid, sum(delta) AS value, rank() OVER (ORDER BY sum(delta) DESC) "
    "FROM events WHERE thing = %s AND ts >= %s AND ts < %s GROUP BY uid) "
    "SELECT board.rank, board.uid, board.value FROM board, board AS own "
    "WHERE own.uid = %s AND board.rank BETWEEN own.rank - %s AND own.rank + %s ORDER BY board.rank"
)


class PostgresQueries:
    """One table and one index, by prepared statements."""

    name = Postgres.name

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._plain = Postgres(connection)

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[PostgresQueries]:
        """A private cluster; raises NotInstalledError."""
        async with postgres(folder):
            psycopg = importlib.import_module("psycopg")
            where = f"host={folder} user={SYSTEM_USER} dbname=postgres"
            connecting = psycopg.AsyncConnection.connect(where, autocommit=True)
            async with await connecting as connection:
                yield cls(connection)

    async def load(self, reports: Sequence[Report]) -> None:
        """COPY."""
        await self._plain.load(reports)

    async def sums(
        self, things: Sequence[int], uids: Sequence[int], range_: Range
    ) -> list[list[int]]:
        """One statement."""
        answers = await self._plain.sums(uids, things, range_)
        return [[answer.sums[thing] for thing in things] for answer in answers]

    async def series(self, thing: int, uid: int, range_: Range, step_s: int) -> list[int]:
        """One statement; points without events are filled here."""
        asked = (range_.start, step_s, thing, uid, range_.start, range_.end)
        found = {int(step): int(total) for step, total in await self._rows(SERIES, asked)}
        return [found.get(step, 0) for step in range((range_.end - range_.start) // step_s)]

    async def top(self, thing: int, users: int, range_: Range, as_of: int | None = None) -> Board:
        """One statement."""
        rows = await self._plain.top(PLACES, thing, cut(range_, as_of))
        return [(uid, total) for total, uid in rows]

    async def around(self, thing: int, users: int, range_: Range, uid: int) -> Around:
        """One statement."""
        rows = await self._rows(AROUND, (thing, range_.start, range_.end, uid, SPAN, SPAN))
        return [(int(rank), int(other), int(value)) for rank, other, value in rows]

    async def _rows(self, query: LiteralString, arguments: Sequence[Any]) -> list[Any]:
        cursor = await self._connection.execute(query, arguments, prepare=True)
        return await cursor.fetchall()


def cut(range_: Range, as_of: int | None) -> Range:
    """The part of a range before an instant."""
    return range_ if as_of is None else Range(range_.start, min(range_.end, as_of))


def around(pairs: Board, uid: int) -> Around:
    """A user's surroundings, where everybody's sum is known; no two are equal."""
    ordered = sorted(pairs, key=_descending)
    at = next(at for at, pair in enumerate(ordered) if pair[0] == uid)
    first = max(at - SPAN, 0)
    rows = enumerate(ordered[first : at + SPAN + 1], start=first + 1)
    return [(rank, other, value) for rank, (other, value) in rows]


def _descending(pair: tuple[int, int]) -> tuple[int, int]:
    return -pair[1], pair[0]


def _number(value: Any) -> int:
    assert isinstance(value, int)
    return value

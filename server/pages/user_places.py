"""Where a user stands on named boards: the rank now, and the best one ever.

A rank gets better by a user's own bookings, so it is looked at after each of these, at the ends of
days, and now; each time by the window that the board had then::

    april    12 members, 40 own bookings in April, 30 days
    -> one question about 12 users and 70 seconds: rank 4 now, the best 2 at 2016-04-12T10:31:07Z
    rolling  12 members, 40 own bookings, 90 days since the first: 130 windows of a week

Of a user with more bookings than SECONDS_MAX the first are looked at, and ends of days up to now,
spread evenly where they are more: a better rank between two of these is not seen. Windows that move
are half as many, because each has two ends. The boards of a page share SUMS_MAX sums of a member
between two edges, so that many large ones are looked at in fewer seconds::

    1 board of 12 members       300 own bookings and 300 ends of days, 7,200 sums
    2 boards of 500 members     30 and 30 on each, 30,000 sums a board
    50 boards of 500 members    1 and 1 on each

A board with more members than MEMBERS_MAX has no best rank, because nobody waits for it, and none
of which the detail has expired.
"""

from __future__ import annotations

import asyncio

import msgspec

from psd.clock import utc_text
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.series import BucketQuestion
from psd.errors import DetailExpiredError
from psd.queries.boards.board_reads import BoardReads, NamedBoard
from psd.queries.boards.board_windows import (
    BoardWindow,
    FixedWindow,
    standing_range,
    window_at,
)
from psd.queries.queries import Queries
from psd.queries.requests import LeaderboardQuery
from psd.zones import DATE_S
from server.pages.best_ranks import best_of, edges_of_windows

BOARDS_MAX = 50
MEMBERS_MAX = 500
SECONDS_MAX = 300
SUMS_MAX = 60_000


class BestRank(msgspec.Struct, frozen=True):
    """The best rank that somebody ever had, and since when."""

    rank: int
    at: str


class PlaceOnBoard(msgspec.Struct, frozen=True):
    """How a user stands on a board; ``best`` is None where it was not looked for."""

    name: str
    title: str
    thing: str
    rank: int
    total: int
    value: str
    best: BestRank | None


class UserPlaces:
    """Finds the boards that a user is on."""

    def __init__(
        self, engine: Reads, queries: Queries, boards: BoardReads, numbers: dict[str, int]
    ) -> None:
        self._engine = engine
        self._queries = queries
        self._boards = boards
        self._numbers = numbers

    async def of(self, uid: int, now_s: int) -> list[PlaceOnBoard]:
        """The places on the first boards by name."""
        stored = await self._boards.page("", BOARDS_MAX)
        boards = await asyncio.gather(*(self._boards.board(each.name) for each in stored))
        own = [each for each in boards if each is not None and uid in each.members]
        asked = [each for each in own if len(each.members) <= MEMBERS_MAX]
        share = SUMS_MAX // max(len(asked), 1)
        return [*await asyncio.gather(*(self._place(each, uid, now_s, share) for each in own))]

    async def _place(self, board: NamedBoard, uid: int, now_s: int, share: int) -> PlaceOnBoard:
        asked = LeaderboardQuery(board=board.name, around=uid, span=0)
        answer = await self._queries.leaderboard(asked)
        own = next(row for row in answer.data if row.rank)
        return PlaceOnBoard(
            board.name,
            board.definition.title or board.name,
            board.definition.thing,
            own.rank,
            answer.total,
            f"{own.value:,}",
            await self._best(board, uid, now_s, share),
        )

    async def _best(self, board: NamedBoard, uid: int, now_s: int, share: int) -> BestRank | None:
        """The best rank in any window that the board ever had, by its share of sums. 3 trips."""
        thing = self._numbers.get(board.definition.thing)
        if thing is None or len(board.members) > MEMBERS_MAX:
            return None
        window = board.definition.window
        try:
            most = seconds_of(share, len(board.members))
            seconds = await self._seconds(uid, thing, window, now_s, most)
            windows = [standing_range(window, second) for second in seconds]
            edges = edges_of_windows(windows)
            if len(edges) <= 1:
                return None
            question = BucketQuestion(thing, edges, board.definition.atids())
            found = await self._engine.series(board.members, question)
        except DetailExpiredError:
            return None
        nothing = [0] * (len(edges) - 1)
        sums = [each[None].sums if None in each else nothing for each in found]
        best = best_of(edges, sums, windows, board.members.index(uid))
        return None if best is None else BestRank(best[0], utc_text(seconds[best[1]]))

    async def _seconds(
        self, uid: int, thing: int, window: BoardWindow, now_s: int, most: int
    ) -> list[int]:
        """Seconds at which a rank is looked at, in order; none before the user's first booking."""
        whole = Range(0, now_s + 1)
        if isinstance(window, FixedWindow):
            board = window_at(window, now_s)
            whole = Range(board.start, min(board.end, now_s + 1))
        else:
            most = max(most // 2, 1)
        if whole.end <= whole.start:
            return []
        bookings, _ = await self._engine.first_bookings(uid, thing, whole, most)
        if not bookings:
            return []
        own = [second + 1 for second, *_ in bookings][:most]
        days = range(own[0] // DATE_S * DATE_S + DATE_S, whole.end, DATE_S)
        ends = days[:: max(-(-len(days) // most), 1)]
        return sorted({*own, *ends, whole.end})


def seconds_of(sums: int, members: int) -> int:
    """How many own bookings, and how many ends of days, so many sums are enough for.

    >>> seconds_of(60_000, 12), seconds_of(30_000, 500), seconds_of(1_200, 500)
    (300, 30, 1)
    """
    return min(max(sums // (2 * members), 1), SECONDS_MAX)

"""Where a user stands on named boards: the rank now, and the best one ever.

A rank gets better by a user's own bookings, so it is looked at after each of these, at the ends of
days, and now::

    april  12 members, 40 own bookings in April, 30 days
    -> one question about 12 users and 70 seconds: rank 4 now, the best 2 at 2016-04-12T10:31:07Z

Of a user with more bookings in the window than SECONDS_MAX the first are looked at, and ends of
days up to now: a better rank between two of these is not seen. A board with more members than
MEMBERS_MAX has no best rank, because nobody waits for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from psd.clock import utc_text
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.series import BucketQuestion
from psd.queries.boards.board_reads import BoardReads, NamedBoard
from psd.queries.boards.board_windows import RollingWindow, window_at
from psd.queries.queries import Queries
from psd.queries.requests import LeaderboardQuery
from psd.zones import DATE_S

BOARDS_MAX = 50
MEMBERS_MAX = 500
SECONDS_MAX = 300


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
        found = []
        for stored in await self._boards.page("", BOARDS_MAX):
            board = await self._boards.board(stored.name)
            if board is not None and uid in board.members:
                found.append(await self._place(board, uid, now_s))
        return found

    async def _place(self, board: NamedBoard, uid: int, now_s: int) -> PlaceOnBoard:
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
            await self._best(board, uid, now_s),
        )

    async def _best(self, board: NamedBoard, uid: int, now_s: int) -> BestRank | None:
        """The best rank in the window as it is now."""
        thing = self._numbers.get(board.definition.thing)
        window = window_at(board.definition.window, now_s)
        whole = Range(window.start, min(window.end, now_s + 1))
        is_rolling = isinstance(board.definition.window, RollingWindow)
        if (
            thing is None
            or is_rolling
            or len(board.members) > MEMBERS_MAX
            or whole.end <= whole.start
        ):
            return None
        seconds = await self._seconds(uid, thing, whole)
        question = BucketQuestion(thing, [whole.start, *seconds], board.definition.atids())
        found = await self._engine.series(board.members, question)
        upto = [
            [*accumulate(each[None].sums)] if None in each else [0] * len(seconds) for each in found
        ]
        own = upto[board.members.index(uid)]
        ranks = [1 + sum(each[at] > own[at] for each in upto) for at in range(len(seconds))]
        at = min(range(len(seconds)), key=ranks.__getitem__)
        return BestRank(ranks[at], utc_text(seconds[at]))

    async def _seconds(self, uid: int, thing: int, whole: Range) -> list[int]:
        """Seconds at which a rank is looked at: in order, the last one is the end."""
        bookings, _ = await self._engine.first_bookings(uid, thing, whole, SECONDS_MAX)
        own = [second + 1 for second, *_ in bookings][:SECONDS_MAX]
        days = range(whole.start + DATE_S, whole.end, DATE_S)
        ends = days[:: max(len(days) // SECONDS_MAX, 1)]
        return _within({*own, *ends, whole.end}, whole)


def _within(seconds: set[int], whole: Range) -> list[int]:
    listed: Sequence[int] = sorted(seconds)
    return [*listed[bisect_right(listed, whole.start) :]]

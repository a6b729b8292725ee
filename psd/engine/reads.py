"""What the engine is asked: sums of ranges, activities, scores, rankings, who has bookings.

:class:`Reads` is the half of the engine that never writes; each method is one question, and queries
need nothing else of an engine. Sums are in psd/engine/range_sums.py; who has bookings is told by
psd/engine/owner_index.py. A ``newest`` that is given takes the newest second of those who are asked
(psd/engine/newest.py). Who has the most of thing 1 in April 2016, and who has bookings of it::

    await reads.top(1, APRIL, 2)   -> [(1503960366, 374546), (1624580081, 243189)]
    await reads.population(1)      -> [1503960366, 1624580081, ...]
"""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from psd.clock import Clock
from psd.columns.column_reader import Spend
from psd.columns.vector import Vector
from psd.config import Settings
from psd.engine.activities import ScoreQuestion
from psd.engine.activity_pages import ActivityPage, ActivityPages, Place, place_of
from psd.engine.everybody import EverybodyReader
from psd.engine.leaves import leaves
from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.engine.range_sums import RangeSums
from psd.engine.standing_reports import ReportReader
from psd.engine.standings import NOT_BOOKED, StandingsReader, Upper
from psd.engine.tallies import ActivitySum
from psd.engine.windows import StandingReport, Window
from psd.engine.withdrawal import LogEntry, log_command, log_entries
from psd.slices import beside_the_loop, in_slices
from psd.store.redis import Store

T = TypeVar("T")

Booking = tuple[int, int, int, int]
"""(second, atid, aid, what was booked)."""

LISTED_BOOKINGS_MAX = 5_000
"""Bookings of a range of which all activities are told at once: 5 ms of Python."""


class Reads(RangeSums):
    """Questions about owners; raises what the engine raises."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        super().__init__(store, settings, clock)
        self._activity_pages = ActivityPages(store, self._listed)
        self._standings = StandingsReader(self._owners)
        self._reports = ReportReader(store)
        self._everybody = EverybodyReader(store)

    async def activities(
        self,
        uid: int,
        things: Sequence[int],
        range_: Range,
        *,
        atids: frozenset[int] | None = None,
        newest: Newest | None = None,
    ) -> list[ActivitySum]:
        """One owner's activities with bookings in the range, by aid; reads each booking."""
        found = await self._bookings.activities(uid, things, range_.clamped(), atids, newest)
        assert found is not None, "without a limit it is found or refused"
        return found

    async def activity_page(
        self,
        uid: int,
        things: Sequence[int],
        range_: Range,
        limit: int,
        *,
        after: Place | None = None,
        atids: frozenset[int] | None = None,
        newest: Newest | None = None,
    ) -> ActivityPage:
        """One owner's activities by their first bookings in the range, from behind a place on.

        Of one moment where the range has few bookings or activities are not kept for ever, else
        each activity is; then a page costs what stands on it, and may hold fewer than ``limit``.
        """
        within = range_.clamped()
        expire = (await self._known_levels()).activities_end(things)
        most = None if expire else LISTED_BOOKINGS_MAX
        found = await self._bookings.activities(uid, things, within, atids, newest, most)
        if found is None:
            root = (await self._store.placed()).owner_root(uid)
            return await self._activity_pages.page(root, things, within, atids, after, limit)
        found.sort(key=place_of)
        rest = [each for each in found if after is None or place_of(each) > after]
        has_more = len(rest) > limit
        return ActivityPage(rest[:limit], place_of(rest[limit - 1]) if has_more else None)

    async def first_bookings(
        self, uid: int, thing: int, range_: Range, most: int
    ) -> tuple[list[Booking], int | None]:
        """An owner's first bookings in a range, in order: ``most``, or few more or less.

        Complete up to the second that is told, None for the range's end. 1 trip.
        """
        root = (await self._store.placed()).owner_root(uid)
        return await self.first_bookings_under(root, thing, range_, most)

    async def first_bookings_under(
        self, root: str, thing: int, range_: Range, most: int
    ) -> tuple[list[Booking], int | None]:
        """The same of whoever has this root, an owner or a count."""
        held = await self._listed.first_of(root, [thing], range_, most)
        found = [
            (leaf.start + (high << 16) + low, atid, aid, value)
            for leaf in leaves(held.parts[thing])
            for high, low, atid, aid, value in leaf.rows_of(None)
        ]
        return sorted(found), held.until

    async def withdrawals(self, uid: int, limit: int, before: str | None = None) -> list[LogEntry]:
        """An owner's log, newest first; ``before`` is the id of an entry."""
        root = (await self._store.placed()).owner_root(uid)
        return log_entries(await self._store.reads.call(log_command(root, limit, before)))

    async def reported(self, windows: Sequence[Window]) -> list[StandingReport]:
        """What reports stand in these windows, by position; one script call an owner."""
        return await self._reports.standing(windows)

    async def reached(self, questions: Sequence[ScoreQuestion]) -> list[int | None]:
        """When each running sum first was its score or more, by position.

        Counted from the range's start, at the end of a second with a booking; None for never, and
        for an owner without bookings in the range. O(bookings up to the answer), 0.2 us each.
        """
        return await self._bookings.reached(questions)

    async def newest(self, uids: Sequence[int], things: Sequence[int]) -> int | None:
        """The newest second that these owners have booked of these things, None for none."""
        newest = Newest()
        await self._bookings.newest(uids, things, newest)
        return newest.second

    async def population(self, thing: int, most: int | None = None) -> list[int]:
        """Everybody who has bookings of a thing, ascending.

        Two trips, three where some are new since this process asked before. Raises TooLargeError
        where more than ``most`` may have some.
        """
        return await self._index.population(thing, most)

    async def indexed(self, thing: int) -> list[int]:
        """Everybody who may have bookings of a thing, or had some that were taken back."""
        return await self._index.indexed(thing)

    async def reports_end(self, thing: int) -> bool:
        """Whether reports of a thing may have ended by a lifetime."""
        return (await self._known_levels()).activities_end([thing])

    async def booked_of(
        self, root: str, thing: int, aid: int, within: Range, *, increments: bool = False
    ) -> dict[tuple[int, int], int]:
        """What an activity has booked by (second, atid), or what its increments have. 1 trip."""
        return await self._activity_pages.booked_of(root, thing, aid, within, increments=increments)

    async def of_everybody(
        self,
        thing: int,
        ask: Callable[[Sequence[int]], Awaitable[T]],
        most: int | None = None,
    ) -> list[T]:
        """What is answered about everybody who may have bookings, in one part or two.

        Raises TooLargeError where there are more than ``most``.

        ``ask`` leaves those out who have none, as :meth:`booked_top` does.
        No trip but those of ``ask`` where nobody is new since this process asked before.
        """
        return await self._index.of_everybody(thing, ask, most)

    async def everybody(self, thing: int, range_: Range, spend: Spend) -> Vector | None:
        """The sums of all who have bookings of a thing, None where columns do not tell them.

        ``spend`` is told the bytes that are read, and may refuse. One trip where that is little.
        """
        return await self._everybody.vector(thing, range_, await self._known_levels(), spend)

    async def standings(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        *,
        atids: frozenset[int] | None = None,
        newest: Newest | None = None,
    ) -> array[int]:
        """Each owner's sum by position, 8 bytes each."""
        levels = await self._known_levels()
        return await self._standings.standings(uids, thing, range_, atids, levels, newest)

    async def top(
        self,
        thing: int,
        range_: Range,
        limit: int,
        *,
        atids: frozenset[int] | None = None,
        uids: Sequence[int] | None = None,
        newest: Newest | None = None,
    ) -> list[tuple[int, int]]:
        """(uid, sum) of the ``limit`` largest of everybody, and of all who tie with the last.

        Largest first, at equal sums by uid. Who has no bookings in the range has 0; of everybody
        are those who have bookings of the thing at all.
        """
        if uids is None:
            vector = await self.everybody(thing, range_, _unlimited) if atids is None else None
            if vector is not None:
                if newest is not None:
                    newest.note(vector.newest_s)
                return await beside_the_loop(vector.total, partial(vector.largest, limit))
            asked = await self._index.indexed(thing)
            upper = await self.booked_top(asked, thing, range_, limit, atids=atids, newest=newest)
        else:
            levels = await self._known_levels()
            upper = await self._standings.top(uids, thing, range_, limit, atids, levels, newest)
        return upper.standings

    async def booked_standings(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        *,
        atids: frozenset[int] | None = None,
        newest: Newest | None = None,
    ) -> list[tuple[int, int]]:
        """(uid, sum) of those of these owners who have bookings of the thing, in their order."""
        levels = await self._known_levels()
        sums = await self._standings.standings(
            uids, thing, range_, atids, levels, newest, tells_booked=True
        )

        def booked(some: Sequence[int]) -> list[tuple[int, int]]:
            return [(uids[at], sums[at]) for at in some if sums[at] != NOT_BOOKED]

        return await in_slices(range(len(uids)), booked)

    async def booked_top(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        limit: int,
        *,
        atids: frozenset[int] | None = None,
        newest: Newest | None = None,
    ) -> Upper:
        """The largest of those of these owners who have bookings of the thing, and how many do."""
        levels = await self._known_levels()
        return await self._standings.top(
            uids, thing, range_, limit, atids, levels, newest, only_booked=True
        )


def _unlimited(_bytes: int) -> None:
    """Whoever asks the engine itself has no budget."""

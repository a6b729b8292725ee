"""Sums of many owners over one range, for ranking: all of them packed, or the largest.

With users 7, 8 and 9 at 50, 20 and 50 points, the largest is ``[(7, 50), (9, 50)]`` (ties are all
there), and the standings of all are ``array("q", [50, 20, 50])``. Who is asked about because of
the index alone may have no bookings of the thing (psd/engine/owner_index.py): with user 6 such a
one, who has are ``[(7, 50), (8, 20), (9, 50)]``. To tell costs nothing: the field that says it
stands beside the totals of the years.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from psd.engine.newest import Newest, asks
from psd.engine.owner_reads import OwnerReader
from psd.engine.plan import Levels, Range, plan_range
from psd.engine.sums import packed_atids
from psd.slices import Stretch, give_way, sorted_in_slices
from psd.store.scripts import Script

PAGE_OWNERS_MAX = 250
"""Owners of one call: some 5 ms of Redis. 100 take 12 % longer in all, 1,000 are no faster."""

NOT_BOOKED = -(2**63)
"""Stands in the place of a sum of one who has no bookings; sums are within 53 bits."""


PAGES_AT_ONCE = 20
"""Pages of a reply whose rows are taken before others have their turn: 5,000 rows."""

PARTED_MAX = 600
"""Calls of one ranking that may end before all of their owners are answered, each 1 to 3 ms of
Redis. A range of 50 years parts each page once: 240 of 100,000 owners."""


class Upper(msgspec.Struct, frozen=True):
    """A ranking of ``total`` owners, or its upper part with all that tie with the last of it."""

    total: int
    standings: list[tuple[int, int]]

    def together(self, other: Upper, limit: int) -> Upper:
        """Both rankings in one: whole if both are, else its ``limit`` largest."""
        total = self.total + other.total
        standings = [*self.standings, *other.standings]
        return Upper(total, standings if len(standings) == total else largest(standings, limit))


class StandingsReader:
    """The two scripts that sum a page of owners for a ranking."""

    def __init__(self, reader: OwnerReader) -> None:
        self._reader = reader
        self._standings = Script("engine.standings")
        self._top = Script("engine.top")

    async def standings(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        atids: frozenset[int] | None,
        levels: Levels,
        newest: Newest | None = None,
        *,
        tells_booked: bool = False,
    ) -> array[int]:
        """Each owner's sum, by position; ``tells_booked`` puts NOT_BOOKED where nothing is."""
        plan = plan_range(range_.clamped(), levels)
        told = "1" if tells_booked else ""
        asked = (plan, thing, packed_atids(atids), asks(newest), told)
        pages = await self._reader.of_owners(
            self._standings, uids, asked, PAGE_OWNERS_MAX, newest, PARTED_MAX
        )
        sums, stretch = array("q", bytes(8 * len(uids))), Stretch(PAGES_AT_ONCE * PAGE_OWNERS_MAX)
        for places, [packed] in pages:
            page = array("q", packed)
            if sys.byteorder == "little":
                page.byteswap()
            if places[-1] - places[0] == len(places) - 1:
                sums[places[0] : places[-1] + 1] = page
            else:
                # Of several servers the places of a page are scattered over all who are asked.
                await stretch.after(len(places))
                for place, number in zip(places, page, strict=True):
                    sums[place] = number
        return sums

    async def top(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        limit: int,
        atids: frozenset[int] | None,
        levels: Levels,
        newest: Newest | None = None,
        *,
        only_booked: bool = False,
    ) -> Upper:
        """(uid, sum) of the ``limit`` largest sums and all that tie with the last of them.

        Largest first, at equal sums by uid; ``only_booked`` ranks those who have bookings.
        """
        plan = plan_range(range_.clamped(), levels)
        ranks = "1" if only_booked else ""
        asked = (plan, thing, packed_atids(atids), limit, asks(newest), ranks)
        pages = await self._reader.of_owners(
            self._top, uids, asked, PAGE_OWNERS_MAX, newest, PARTED_MAX
        )
        orders: list[tuple[int, int]] = []
        for number, (places, [_, *flat]) in enumerate(pages):
            if number % PAGES_AT_ONCE == PAGES_AT_ONCE - 1:
                await give_way()
            orders += [(-flat[at + 1], uids[places[flat[at]]]) for at in range(0, len(flat), 2)]
        ranked = sum(ranked for _, [ranked, *_] in pages)
        return Upper(ranked, upper_of(await sorted_in_slices(orders), limit))


def largest(standings: Iterable[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """The ``limit`` largest, and all that tie with the last: largest first, then by uid."""
    return upper_of(sorted((-value, uid) for uid, value in standings), limit)


def upper_of(orders: Sequence[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """The same of (minus the sum, uid) in ascending order."""
    stop = len(orders)
    if stop > limit:
        stop = bisect_right(orders, orders[limit - 1][0], key=lambda order: order[0])
    return [(uid, -negated) for negated, uid in orders[:stop]]

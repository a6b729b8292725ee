"""Sums of many owners over one range, for ranking: all of them packed, or the largest.

With users 7, 8 and 9 at 50, 20 and 50 points, the largest is ``[(7, 50), (9, 50)]`` (ties are all
there), and the standings of all are ``array("q", [50, 20, 50])``.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence

from psd.engine.newest import Newest, asks
from psd.engine.owner_reads import OwnerReader
from psd.engine.plan import Levels, Range, plan_range
from psd.engine.sums import packed_atids
from psd.store.scripts import load_script

PAGE_OWNERS_MAX = 250
"""Owners of one call: some 5 ms of Redis. 100 take 12 % longer in all, 1,000 are no faster."""


class StandingsReader:
    """The two scripts that sum a page of owners for a ranking."""

    def __init__(self, reader: OwnerReader) -> None:
        self._reader = reader
        self._standings = load_script("engine.standings")
        self._top = load_script("engine.top")

    async def standings(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        atids: frozenset[int] | None,
        levels: Levels,
        newest: Newest | None = None,
    ) -> array[int]:
        """Each owner's sum, by position."""
        plan = plan_range(range_.clamped(), levels)
        asked = (plan, thing, packed_atids(atids), asks(newest))
        pages = await self._reader.of_owners(self._standings, uids, asked, PAGE_OWNERS_MAX, newest)
        sums = array("q", bytes(8 * len(uids)))
        for places, [packed] in pages:
            page = array("q", packed)
            if sys.byteorder == "little":
                page.byteswap()
            if places[-1] - places[0] == len(places) - 1:
                sums[places[0] : places[-1] + 1] = page
            else:
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
    ) -> list[tuple[int, int]]:
        """(uid, sum) of the ``limit`` largest sums and all that tie with the last of them.

        Largest first, at equal sums by uid.
        """
        plan = plan_range(range_.clamped(), levels)
        asked = (plan, thing, packed_atids(atids), limit, asks(newest))
        pages = await self._reader.of_owners(self._top, uids, asked, PAGE_OWNERS_MAX, newest)
        found = [
            (uids[places[flat[at]]], flat[at + 1])
            for places, flat in pages
            for at in range(0, len(flat), 2)
        ]
        return largest(found, limit)


def largest(standings: Iterable[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """The ``limit`` largest, and all that tie with the last: largest first, then by uid."""
    ordered = sorted(standings, key=lambda standing: (-standing[1], standing[0]))
    if len(ordered) <= limit:
        return ordered
    last = ordered[limit - 1][1]
    return [standing for standing in ordered if standing[1] >= last]

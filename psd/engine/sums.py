"""Reading sums: from totals and the two edges of a range, or from every booking in it.

Owners that ask for one range share their calls; psd/engine/owner_reads.py says how many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgpack
import msgspec

from psd.engine.bookings import BookingsReader, Held
from psd.engine.leaves import ReadingPace
from psd.engine.newest import Newest, asks
from psd.engine.owner_reads import OwnerCall, OwnerPage, OwnerReader
from psd.engine.plan import Levels, Range, plan_range
from psd.engine.tallies import AtidSum, Tally, summed, summed_by_atid, tallied
from psd.store.codec import pack_id
from psd.store.scripts import Script

PAGE_OWNERS_MAX = 100
"""Owners of one script call, so that a call holds Redis for a few milliseconds."""

NAMED_AT_ONCE = 400
"""Things times atids that a call names for one owner, each with up to 50 units; more things are
asked for by another call."""


class OwnerSums(msgspec.Struct, frozen=True):
    """Sums by thing number; ``activities`` maps aid to the atid of its earliest booking."""

    sums: dict[int, int]
    activities: dict[int, int]


class SumReader:
    """Sums of many owners."""

    def __init__(self, reader: OwnerReader, bookings: BookingsReader) -> None:
        self._reader = reader
        self._bookings = bookings
        self._sum = Script("engine.sum")

    async def of_roots(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        ranges: Sequence[Range],
        atids: frozenset[int] | None,
        levels: Levels,
        newest: Newest | None = None,
    ) -> list[OwnerSums]:
        """Sums for each root over its range from totals, by position.

        ``levels`` are those that may have lost keys.
        """
        if len(roots) == 1 and len(things) * (len(atids) if atids else 1) <= NAMED_AT_ONCE:
            return [await self._of_one(roots[0], things, ranges[0], atids, levels, newest)]
        sums: list[dict[int, int]] = [{} for _ in roots]
        places_by_range: dict[Range, list[int]] = defaultdict(list)
        for place, range_ in enumerate(ranges):
            places_by_range[range_.clamped()].append(place)

        async def read() -> None:
            for part in _parts_of(things, atids):

                async def take(
                    places: list[int], rest: list[Any], part: Sequence[int] = part
                ) -> None:
                    for number, place in enumerate(places):
                        row = rest[number * len(part) : (number + 1) * len(part)]
                        sums[place].update(zip(part, row, strict=True))

                await self._reader.take_pages(pages(part), take, newest)

        def pages(part: Sequence[int]) -> Iterator[OwnerPage]:
            packed: bytes = msgpack.packb(list(part))
            for range_, places in places_by_range.items():
                plan = plan_range(range_, levels)
                arguments = (plan, packed, packed_atids(atids), asks(newest))
                asked = OwnerCall(self._sum, arguments, PAGE_OWNERS_MAX)
                owners = [roots[place] for place in places]
                yield from self._reader.pages(asked, places, owners)

        await read()
        return [OwnerSums(each, {}) for each in sums]

    async def _of_one(
        self,
        root: str,
        things: Sequence[int],
        range_: Range,
        atids: frozenset[int] | None,
        levels: Levels,
        newest: Newest | None,
    ) -> OwnerSums:
        """What is asked most: one owner, in one call, without the pages that many need."""
        plan, packed = plan_range(range_.clamped(), levels), msgpack.packb(list(things))
        arguments = (plan, packed, packed_atids(atids), asks(newest))
        row = await self._reader.of_one(self._sum, root, arguments, newest)
        return OwnerSums(dict(zip(things, row, strict=True)), {})

    async def with_activities(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        ranges: Sequence[Range],
        atids: frozenset[int] | None,
    ) -> list[OwnerSums]:
        """The same from every booking, with the activities that have any."""
        found: list[OwnerSums] = [OwnerSums({}, {})] * len(roots)

        async def take(page: Mapping[int, Held], pace: ReadingPace) -> None:
            for place, held in page.items():
                kinds: dict[int, int] = {}
                sums = {
                    thing: await summed(parts, atids, pace, kinds)
                    for thing, parts in held.parts.items()
                }
                found[place] = OwnerSums(sums, kinds)

        await self._bookings.read(roots, things, ranges, take)
        return found

    async def tallies(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        range_: Range,
        boundaries: Sequence[int],
        atids: frozenset[int] | None,
        newest: Newest | None = None,
    ) -> list[dict[int, Tally]]:
        """All that bookings tell of each owner's things, by position."""
        found: list[dict[int, Tally]] = [{}] * len(roots)

        async def take(page: Mapping[int, Held], pace: ReadingPace) -> None:
            for place, held in page.items():
                found[place] = {
                    thing: await tallied(parts, atids, boundaries, pace)
                    for thing, parts in held.parts.items()
                }

        await self._bookings.read(roots, things, [range_] * len(roots), take, newest)
        return found

    async def by_atid(self, root: str, thing: int, within: Range) -> dict[int, AtidSum]:
        """Bookings by atid, in the order in which they first come. One script call."""
        found: dict[int, AtidSum] = {}

        async def take(page: Mapping[int, Held], pace: ReadingPace) -> None:
            for held in page.values():
                found.update(await summed_by_atid(held.parts[thing], pace))

        await self._bookings.read([root], [thing], [within], take)
        return found


def _parts_of(things: Sequence[int], atids: frozenset[int] | None) -> list[Sequence[int]]:
    """The things of one call after another: all, unless many atids are named of each."""
    each = NAMED_AT_ONCE // (len(atids) if atids else 1) or 1
    if len(things) <= each:
        return [things]
    return [things[at : at + each] for at in range(0, len(things), each)]


def packed_atids(atids: frozenset[int] | None) -> bytes:
    """A set of atids as the scripts take it; None is all."""
    if atids is None:
        return b""
    packed: bytes = msgpack.packb([pack_id(atid) for atid in sorted(atids)], use_bin_type=False)
    return packed

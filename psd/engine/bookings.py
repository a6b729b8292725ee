"""Bookings of owners' things in a range, handed over packed and read here.

One script call hands over all that one owner has of the things, so what is told of an owner is of
one moment. How many bookings those are is known from the totals before any is read: past what a
call may hold Redis for (USER_BOOKINGS_MAX, or some 2,500 days and hours with bookings), and past
``server.bookings_max`` in all, a question is refused and told of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import msgpack
import msgspec

from psd.engine.leaves import Parts, ReadingPace
from psd.engine.newest import Newest, asks
from psd.engine.owner_reads import OwnerCall, OwnerPage, OwnerReader
from psd.engine.plan import Range
from psd.errors import TooLargeError
from psd.store.scripts import Script

USER_BOOKINGS_MAX = 200_000
"""Bookings of one owner that a call hands over: 5 to 10 ms of Redis."""

PAGE_OWNERS_MAX = 100

WAVE_CALLS = 2
"""A call about one owner may take 15 ms, and nobody else is answered between those of a trip."""

OWNER_RECORDS = 25
"""What an owner's thing takes beside its bookings: 5 us, as much as to read so many."""


class Held(msgspec.Struct, frozen=True):
    """One owner's bookings by thing; ``until`` is where they were cut, None for the range's end."""

    parts: dict[int, Parts]
    until: int | None


class TooMany(msgspec.Struct, frozen=True):
    """An owner has more than one call hands over: so many bookings, or in too many leaves (0)."""

    bookings: int

    def error(self, most: int) -> TooLargeError:
        """The refusal."""
        if self.bookings:
            return TooLargeError(
                f"range: {self.bookings} bookings of one user in it, at most {most} are read at "
                "once; ask for a narrower range, or list the user's activities page by page"
            )
        return TooLargeError(
            "range: the bookings of one user stand in more days and hours than are read at once "
            "(some 2500); ask for a narrower range, or list the user's activities page by page"
        )


Take = Callable[[Mapping[int, Held], ReadingPace], Awaitable[None]]
"""Takes what a page of owners has, by position, and reads it at the pace of the question."""


class BookingsReader:
    """The script that hands over."""

    def __init__(self, reader: OwnerReader, bookings_max: int) -> None:
        self._reader = reader
        self._bookings_max = bookings_max
        self._most = min(USER_BOOKINGS_MAX, bookings_max)
        self._script = Script("engine.bookings")

    def pace(self) -> ReadingPace:
        """The pace of one question."""
        return ReadingPace(self._bookings_max)

    async def read(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        ranges: Sequence[Range],
        take: Take,
        newest: Newest | None = None,
        passed_over: list[int] | None = None,
        most: int | None = None,
    ) -> None:
        """Hand what each owner has in its range to ``take``, which may be told of one twice.

        Raises TooLargeError for an owner with too many, or notes its position in ``passed_over``;
        and DetailExpiredError.
        """
        places_by_range: dict[Range, list[int]] = defaultdict(list)
        for place, range_ in enumerate(ranges):
            places_by_range[range_].append(place)

        most = self._most if most is None else min(most, self._most)

        async def read() -> None:
            pace = self.pace()

            async def taken(places: list[int], rest: list[Any]) -> None:
                page: dict[int, Held] = {}
                for place, reply in zip(places, rest, strict=True):
                    await pace.spend(OWNER_RECORDS * len(things))
                    held = held_of(reply, things)
                    if isinstance(held, Held):
                        page[place] = held
                    elif passed_over is None:
                        raise held.error(most)
                    else:
                        passed_over.append(place)
                await take(page, pace)

            await self._reader.take_pages(pages(), taken, newest)

        def pages() -> Iterator[OwnerPage]:
            for range_, places in places_by_range.items():
                asked = self._asked(things, range_, most, newest, may_cut=False)
                owners = [roots[place] for place in places]
                yield from self._reader.pages(asked, places, owners)

        await read()

    async def first_of(self, root: str, things: Sequence[int], range_: Range, most: int) -> Held:
        """An owner's first bookings in a range: at least one if there is any, ``most`` or few more.

        Complete up to ``until``. One call.
        """
        found: list[Held] = []

        async def taken(_places: list[int], rest: list[Any]) -> None:
            held = held_of(rest[0], things)
            assert isinstance(held, Held), "who is cut never has too many"
            found[:] = [held]

        async def read() -> None:
            asked = self._asked(things, range_, most, None, may_cut=True)
            await self._reader.take_pages(self._reader.pages(asked, [0], [root]), taken)

        await read()
        return found[0]

    def _asked(
        self,
        things: Sequence[int],
        range_: Range,
        most: int,
        newest: Newest | None,
        *,
        may_cut: bool,
    ) -> OwnerCall:
        within, packed = range_.clamped(), msgpack.packb(list(things))
        cut = "1" if may_cut else ""
        arguments = (within.start, within.end, packed, most, cut, asks(newest))
        return OwnerCall(self._script, arguments, PAGE_OWNERS_MAX, WAVE_CALLS, reads_bookings=True)


def held_of(reply: int | list[Any], things: Sequence[int]) -> Held | TooMany:
    """What a reply says of one owner."""
    if isinstance(reply, int):
        return TooMany(reply)
    until, *parts = reply
    return Held(dict(zip(things, parts, strict=True)), until)

"""What only bookings tell: activities of a range, when a score was reached, the newest second.

A running sum may rise and fall, so its total does not tell how high it went::

    +10 at 100, -4 at 200, +3 at 300     reached 10 at 100 although 9 is the sum
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgpack
import msgspec

from psd.engine.newest import Newest
from psd.engine.owner_reads import OwnerReader
from psd.engine.plan import Range
from psd.engine.sums import check_whole, packed_atids, sum_error
from psd.errors import StoreError
from psd.store.keys import owner_root
from psd.store.owner_calls import Page, owner_call
from psd.store.redis import Store
from psd.store.scripts import load_script

REACHED_OWNERS_MAX = 25
"""Owners of one call, each of which reads its bookings: 1,000 of them take 0.2 ms."""

NEWEST_OWNERS_MAX = 500


class ActivitySum(msgspec.Struct, frozen=True):
    """An activity's bookings in a range.

    ``atid`` is that of its earliest booking of the first thing that has one, ``sums`` are by
    thing, ``bookings`` and the seconds are those of all things.
    """

    aid: int
    atid: int
    sums: dict[int, int]
    first_s: int
    last_s: int
    bookings: int


class ScoreQuestion(msgspec.Struct, frozen=True):
    """When did this owner's sum from the range's start on reach a score?"""

    uid: int
    thing: int
    range: Range
    score: int
    atids: frozenset[int] | None = None


class BookingReader:
    """The scripts that read single bookings."""

    def __init__(self, store: Store, reader: OwnerReader) -> None:
        self._store = store
        self._reader = reader
        self._activities = load_script("engine.activities")
        self._reached = load_script("engine.reached")
        self._newest = load_script("engine.newest")

    async def activities(
        self,
        uid: int,
        things: Sequence[int],
        within: Range,
        atids: frozenset[int] | None,
        newest: Newest | None = None,
    ) -> list[ActivitySum]:
        """One owner's activities by aid. One script call, 0.4 us a booking."""
        asked = (within.start, within.end, msgpack.packb(list(things)), packed_atids(atids))
        try:
            reply = await self._store.run(self._activities, owner_root(uid), *asked)
        except StoreError as exc:
            raise sum_error(exc) from exc
        if newest is not None:
            newest.note(reply[1])
        check_whole(reply[0], activities=True)
        width = 5 + len(things)
        found = [reply[at : at + width] for at in range(2, len(reply), width)]
        sums = [
            ActivitySum(
                aid=int.from_bytes(aid, "big", signed=True),
                atid=int.from_bytes(atid, "big", signed=True),
                sums=dict(zip(things, values, strict=True)),
                first_s=first_s,
                last_s=last_s,
                bookings=bookings,
            )
            for aid, atid, bookings, first_s, last_s, *values in found
        ]
        return sorted(sums, key=lambda activity: activity.aid)

    async def reached(self, questions: Sequence[ScoreQuestion]) -> list[int | None]:
        """Seconds by position, None for never. O(bookings up to the answer), 0.2 us each."""
        found: list[int | None] = [None] * len(questions)
        replies = await self._reader.of_pages(lambda: self._score_pages(questions))
        for places, seconds in replies:
            for place, second in zip(places, seconds, strict=True):
                found[place] = second
        return found

    def _score_pages(self, questions: Sequence[ScoreQuestion]) -> Iterator[Page]:
        placement = self._reader.placement
        roots = [owner_root(question.uid) for question in questions]
        for group in placement.groups(roots):
            for start in range(0, len(group), REACHED_OWNERS_MAX):
                places = group[start : start + REACHED_OWNERS_MAX]
                asked = [_asked(questions[place]) for place in places]
                packed: bytes = msgpack.packb(asked, use_bin_type=False)
                page = [roots[place] for place in places]
                yield places, owner_call(placement, self._reached, page, (packed,))

    async def newest(self, uids: Sequence[int], things: Sequence[int], newest: Newest) -> None:
        """The newest second that any of the owners has booked of any of the things."""
        asked = (msgpack.packb(list(things)),)
        await self._reader.of_owners(self._newest, uids, asked, NEWEST_OWNERS_MAX, newest)


def _asked(question: ScoreQuestion) -> list[int | bytes]:
    within = question.range.clamped()
    packed = packed_atids(question.atids)
    return [question.thing, within.start, within.end, question.score, packed]

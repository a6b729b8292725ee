"""What only bookings tell: activities of a range, when a score was reached, the newest second.

A running sum may rise and fall, so its total does not tell how high it went::

    +10 at 100, -4 at 200, +3 at 300     reached 10 at 100 although 9 is the sum
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgpack
import msgspec

from psd.engine.bookings import BookingsReader, Held
from psd.engine.leaves import ReadingPace
from psd.engine.newest import Newest
from psd.engine.owner_reads import OwnerReader
from psd.engine.plan import Range
from psd.engine.tallies import ActivitySum, listed, reached_at
from psd.engine.whole import sum_error
from psd.errors import StoreError, TooLargeError
from psd.store.codec import pack_id
from psd.store.redis import Store
from psd.store.scripts import Script

NEWEST_OWNERS_MAX = 500


class ScoreQuestion(msgspec.Struct, frozen=True):
    """When did this owner's sum from the range's start on reach a score?"""

    uid: int
    thing: int
    range: Range
    score: int
    atids: frozenset[int] | None = None


class BookingReader:
    """What is read of single bookings."""

    def __init__(self, store: Store, reader: OwnerReader, bookings: BookingsReader) -> None:
        self._store = store
        self._reader = reader
        self._bookings = bookings
        self._newest = Script("engine.newest")
        self._activity_sum = Script("engine.activity_sum")

    async def activities(
        self,
        uid: int,
        things: Sequence[int],
        within: Range,
        atids: frozenset[int] | None,
        newest: Newest | None = None,
        most: int | None = None,
    ) -> list[ActivitySum] | None:
        """One owner's activities by aid, all of one moment. One script call.

        None where there are more than ``most`` bookings, if that is given.
        """
        found: dict[int, ActivitySum] = {}
        passed_over: list[int] = []
        root = (await self._store.placed()).owner_root(uid)

        async def take(page: Mapping[int, Held], pace: ReadingPace) -> None:
            for held in page.values():
                found.clear()
                found.update(await listed(held.parts, atids, pace))

        await self._bookings.read(
            [root],
            things,
            [within],
            take,
            newest,
            passed_over=None if most is None else passed_over,
            most=most,
        )
        return None if passed_over else sorted(found.values(), key=lambda activity: activity.aid)

    async def reached(self, questions: Sequence[ScoreQuestion]) -> list[int | None]:
        """Seconds by position; None for never, and where an owner has too many bookings to read."""
        found: list[int | None] = [None] * len(questions)
        places_by_thing: dict[int, list[int]] = defaultdict(list)
        for place, question in enumerate(questions):
            places_by_thing[question.thing].append(place)
        for thing, places in places_by_thing.items():
            asked = [questions[place] for place in places]

            seconds = await self._seconds(thing, asked)
            for place, second in zip(places, seconds, strict=True):
                found[place] = second
        return found

    async def _seconds(self, thing: int, asked: Sequence[ScoreQuestion]) -> list[int | None]:
        """The seconds of questions about one thing."""
        found: list[int | None] = [None] * len(asked)

        async def take(page: Mapping[int, Held], pace: ReadingPace) -> None:
            for place, held in page.items():
                question = asked[place]
                # A board is answered, whatever somebody on it has booked.
                with contextlib.suppress(TooLargeError):
                    found[place] = await reached_at(
                        held.parts[thing], question.score, question.atids, pace
                    )

        roots = (await self._store.placed()).owner_roots([question.uid for question in asked])
        ranges = [question.range for question in asked]
        await self._bookings.read(roots, [thing], ranges, take, passed_over=[])
        return found

    async def of_activity(
        self, uid: int, thing: int, aid: int, within: Range, atid: int | None
    ) -> int:
        """Sum of one activity. One script call."""
        root = (await self._store.placed()).owner_root(uid)
        packed_atid = b"" if atid is None else pack_id(atid)
        arguments = (thing, pack_id(aid), within.start, within.end, packed_atid)
        try:
            reply = await self._store.run(self._activity_sum, root, *arguments)
        except StoreError as exc:
            raise sum_error(exc) from exc
        return int(reply)

    async def newest(self, uids: Sequence[int], things: Sequence[int], newest: Newest) -> None:
        """The newest second that any of the owners has booked of any of the things."""
        asked = (msgpack.packb(list(things)),)
        await self._reader.of_owners(self._newest, uids, asked, NEWEST_OWNERS_MAX, newest)

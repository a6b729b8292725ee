"""One owner's activities page by page, whatever their number: a page costs what stands on it.

Where a range has few bookings they are all read (psd/engine/activities.py). Else a page walks the
bookings from its cursor on, a window at a time, and asks what was booked of the activities that it
meets: those whose first booking in the range is there are on the page. Each activity's numbers are
of one moment. With a first booking at 12:00 of 41, at 12:05 of 7 and 9, and one of 41 at 12:03::

    after (12:00, 41)     window 12:00 to 12:10 has 41, 7 and 9; of these 41 began before
    -> 7 and 9

A page may hold fewer than were asked for where many windows have few that begin there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgpack
import msgspec

from psd.engine.bookings import BookingsReader
from psd.engine.events import ID_MAX
from psd.engine.leaves import Atids, ReadingPace, crowd_records, leaves
from psd.engine.plan import Range
from psd.engine.tallies import ActivitySum
from psd.engine.whole import checked_sum
from psd.errors import TooLargeError
from psd.store.codec import pack_id
from psd.store.keys import crowd_key
from psd.store.redis import Store
from psd.store.scripts import Script

WINDOW_BOOKINGS = 500
"""Bookings of a thing in a window at least; twice as many as activities are asked for, if more."""

WINDOWS_MAX = 8
"""Windows of one page."""

CHUNK_ACTIVITIES = 32
"""Activities whose records are asked for together at least."""

PAGE_RECORDS_MAX = 2_000_000
"""Bookings that a page looks at: only a second that has as many comes near."""

ACTIVITY_RECORDS = 50
"""What an activity takes beside its records: 10 us, as much as to read so many."""

RECORDS_MAX = 50_000
"""Records of one activity and thing that a page reads."""

SCANNED_AT_ONCE = 1_000
"""Activities of a crowded second of one command: 0.5 ms."""

Place = tuple[int, int]
"""(second of the first booking in the range, aid): activities stand in this order."""


class ActivityPage(msgspec.Struct, frozen=True):
    """Activities in their order; ``last`` is the place behind which others may follow."""

    activities: list[ActivitySum]
    last: Place | None


class ActivityPages:
    """Reads pages."""

    def __init__(self, store: Store, bookings: BookingsReader) -> None:
        self._store = store
        self._bookings = bookings
        self._records = Script("engine.records")

    async def page(
        self,
        root: str,
        things: Sequence[int],
        range_: Range,
        atids: Atids,
        after: Place | None,
        limit: int,
    ) -> ActivityPage:
        """The activities behind a place. Two trips a window, most often one window."""
        pace = ReadingPace(PAGE_RECORDS_MAX, "of one page of activities")
        place = (range_.start - 1, ID_MAX) if after is None else after
        start, found = max(range_.start, place[0]), list[ActivitySum]()
        for _ in range(WINDOWS_MAX):
            met, until = await self._met(root, things, Range(start, range_.end), atids, limit, pace)
            ordered = sorted((second, aid) for aid, second in met.items())
            waiting = [each for each in ordered if each > place]
            while waiting and len(found) <= limit:
                most = max(limit + 1 - len(found), CHUNK_ACTIVITIES)
                chunk, waiting = waiting[:most], waiting[most:]
                found += await self._beginning(root, things, range_, atids, chunk, pace)
            if len(found) > limit:
                return ActivityPage(found[:limit], place_of(found[limit - 1]))
            if until is None:
                return ActivityPage(found, None)
            start, place = until, (until - 1, ID_MAX)
        return ActivityPage(found, place)

    async def booked_of(
        self, root: str, thing: int, aid: int, within: Range, *, increments: bool = False
    ) -> dict[tuple[int, int], int]:
        """What an activity has booked by (second, atid), or what its increments have. 1 trip.

        Raises TooLargeError for more than RECORDS_MAX reports.
        """
        found: dict[tuple[int, int], int] = defaultdict(int)
        [by_thing] = await self._records_of(root, [thing], within, [(within.start, aid)])
        for packed in by_thing[thing]:
            unpacker = msgpack.Unpacker(raw=True)
            unpacker.feed(packed)
            values = list(unpacker)
            for at in range(0, len(values), 4):
                second, window, atid, booking = values[at : at + 4]
                if within.start <= second < within.end and (window == -1 or not increments):
                    found[second, _unpacked(atid)] += booking
        return dict(found)

    async def _met(
        self,
        root: str,
        things: Sequence[int],
        range_: Range,
        atids: Atids,
        limit: int,
        pace: ReadingPace,
    ) -> tuple[dict[int, int], int | None]:
        """Activities with bookings in the next window, by their first there; where it ends."""
        most = max(WINDOW_BOOKINGS, 2 * limit)
        held = await self._bookings.first_of(root, things, range_, most)
        if held.until == range_.start:
            return await self._of_crowd(root, things, range_, atids, pace)
        met: dict[int, int] = {}
        for parts in held.parts.values():
            for leaf in leaves(parts):
                await pace.take(len(leaf))
                for high, low, _, aid, _ in leaf.rows_of(atids):
                    second = leaf.start + (high << 16) + low
                    if second < met.get(aid, second + 1):
                        met[aid] = second
        return met, held.until

    async def _of_crowd(
        self, root: str, things: Sequence[int], range_: Range, atids: Atids, pace: ReadingPace
    ) -> tuple[dict[int, int], int | None]:
        """The same of a second that has too many bookings to hand over: its hashes are scanned."""
        second = range_.start
        met: dict[int, int] = {}
        for thing in things:
            held = await self._bookings.first_of(root, [thing], Range(second, second + 1), 1)
            for leaf in leaves(held.parts[thing]):
                await pace.take(len(leaf))
                met |= {aid: second for *_, aid, _ in leaf.rows_of(atids)}
            cursor = b"0" if held.until == second else None
            while cursor is not None:
                key = crowd_key(root, thing, second)
                cursor, fields = await self._store.reads.call(
                    ("HSCAN", key, cursor, "COUNT", SCANNED_AT_ONCE)
                )
                await pace.take(len(fields) // 2)
                for atid, aid in crowd_records(fields[1::2]):
                    if atids is None or atid in atids:
                        met[aid] = second
                cursor = None if cursor == b"0" else cursor
        return met, second + 1 if second + 1 < range_.end else None

    async def _beginning(
        self,
        root: str,
        things: Sequence[int],
        range_: Range,
        atids: Atids,
        places: Sequence[Place],
        pace: ReadingPace,
    ) -> list[ActivitySum]:
        """Those of the activities whose first booking in the range is at their place."""
        found: list[ActivitySum] = []
        for (second, aid), by_thing in zip(
            places, await self._records_of(root, things, range_, places), strict=True
        ):
            await pace.spend(ACTIVITY_RECORDS)
            activity = await activity_of(aid, by_thing, range_, atids, pace)
            if activity is not None and activity.first_s == second:
                found.append(activity)
        return found

    async def _records_of(
        self, root: str, things: Sequence[int], range_: Range, places: Sequence[Place]
    ) -> list[dict[int, list[bytes]]]:
        """What was booked of each activity: packed records by thing."""
        found: list[dict[int, list[bytes]]] = []
        packed_things: bytes = msgpack.packb(list(things))
        while len(found) < len(places):
            aids = [pack_id(aid) for _, aid in places[len(found) :]]
            packed: bytes = msgpack.packb(aids, use_bin_type=False)
            within = (range_.start, range_.end)
            answered, *told = await self._store.run(
                self._records, root, packed_things, packed, *within, RECORDS_MAX
            )
            assert answered == len(told) > 0, "a call answers about one activity at least"
            for (_, aid), by_thing in zip(places[len(found) :], told, strict=False):
                found.append(
                    {
                        thing: _checked(aid, records)
                        for thing, records in zip(things, by_thing, strict=True)
                    }
                )
        return found


def place_of(activity: ActivitySum) -> Place:
    """Where an activity stands among others."""
    return activity.first_s, activity.aid


async def activity_of(
    aid: int,
    by_thing: Mapping[int, Sequence[bytes]],
    range_: Range,
    atids: Atids,
    pace: ReadingPace,
) -> ActivitySum | None:
    """What an activity has in the range, from its records; None where it has nothing.

    A booking is what records of one second and atid add up to, unless it is 0.
    """
    found = ActivitySum(aid, 0, dict.fromkeys(by_thing, 0), range_.end, -1, 0)
    has_kind = False
    for thing, strings in by_thing.items():
        cells = await _cells(strings, range_, pace)
        counted = {
            cell: delta
            for cell, delta in cells.items()
            if delta and (atids is None or _unpacked(cell[2]) in atids)
        }
        if not counted:
            continue
        first = min(counted)
        if not has_kind:
            found.atid, has_kind = _unpacked(first[2]), True
        found.first_s = min(found.first_s, first[0])
        found.last_s = max(found.last_s, *(cell[0] for cell in counted))
        found.bookings += len(counted)
        found.sums[thing] = checked_sum(sum(counted.values()))
    return found if has_kind else None


async def _cells(
    strings: Sequence[bytes], range_: Range, pace: ReadingPace
) -> dict[tuple[int, int, bytes], int]:
    """What is booked by second and atid, in the order of leaves: shorter atids first, then by byte.

    Records are (second, window, packed atid, booking) side by side (lua/lib/activity.lua).
    """
    cells: dict[tuple[int, int, bytes], int] = defaultdict(int)
    for packed in strings:
        unpacker = msgpack.Unpacker(raw=True)
        unpacker.feed(packed)
        values = list(unpacker)
        await pace.take(len(values) // 4)
        for at in range(0, len(values), 4):
            second, atid = values[at], values[at + 2]
            if range_.start <= second < range_.end:
                cells[second, len(atid), atid] += values[at + 3]
    return cells


def _unpacked(packed: bytes) -> int:
    return int.from_bytes(packed, "big", signed=True)


def _checked(aid: int, records: list[bytes] | int) -> list[bytes]:
    if isinstance(records, int):
        raise TooLargeError(
            f"range: activity {aid} has {records} reports there, at most {RECORDS_MAX} of one "
            "activity are read; ask for a narrower range"
        )
    return records

"""Bookings from the leaves, for what has no reports any more; and the names of counts.

A window of bookings is read by one call, and told as what books them again at their own seconds
(psd/audit/placed_records.py)::

    first bookings from 1460419200 on: +373 of aid 41 at 1460419201, ... until 1460505600
    -> {41: [PlacedReport(0, "total", 1460419201, 1460419201, 373, 373)]}, 1460505600
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping

from psd.audit.placed_records import PlacedReport, at_seconds
from psd.audit.shapes import crowd_bookings
from psd.engine.plan import Range
from psd.engine.reads import Booking, Reads
from psd.store.keys import COUNTS_PATTERN, crowd_key
from psd.store.redis import Store

WINDOW_BOOKINGS = 5_000
SCANNED = 1_000


class LeafWalk:
    """Reads what bookings and names of keys tell."""

    def __init__(self, reads: Reads, store: Store) -> None:
        self._reads = reads
        self._store = store

    async def placed(
        self, root: str, thing: int, within: Range
    ) -> AsyncIterator[tuple[Mapping[int, list[PlacedReport]], int]]:
        """What books a window by activity, and where the next one begins.

        Raises DetailExpiredError where bookings have ended as well.
        """
        start = within.start
        while start < within.end:
            window = Range(start, within.end)
            found, until = await self._reads.first_bookings_under(
                root, thing, window, WINDOW_BOOKINGS
            )
            if until == start:
                found, until = await self._of_crowd(root, thing, start), start + 1
            by_aid: defaultdict[int, dict[tuple[int, int], int]] = defaultdict(dict)
            for second, atid, aid, delta in found:
                by_aid[aid][second, atid] = delta
            start = within.end if until is None else until
            yield {aid: [*at_seconds(by_aid[aid])] for aid in sorted(by_aid)}, start

    async def _of_crowd(self, root: str, thing: int, second: int) -> list[Booking]:
        """The bookings of a second that has too many for one call."""
        key, cursor = crowd_key(root, thing, second), b"0"
        found: set[Booking] = set()
        while True:
            cursor, flat = await self._store.reads.call(("HSCAN", key, cursor, "COUNT", SCANNED))
            for field, value in zip(flat[::2], flat[1::2], strict=True):
                for booking in crowd_bookings(field, value):
                    found.add((second, booking.atid, booking.aid, booking.delta))
            if cursor == b"0":
                return sorted(found)

    async def count_names(self) -> list[str]:
        """Names of all counts, in order; looks through all names of keys, SCANNED at a time."""
        found: set[str] = set()
        async with self._store.lane_to_anyone() as lanes:
            for lane in await lanes.lanes():
                cursor = b"0"
                while True:
                    asked = ("SCAN", cursor, "MATCH", COUNTS_PATTERN, "COUNT", SCANNED)
                    cursor, keys = await lane.call(asked)
                    found.update(_unescaped(key.decode()) for key in keys)
                    if cursor == b"0":
                        break
        return sorted(found)


def _unescaped(key: str) -> str:
    """The name of a count, from its key of years."""
    name = key[key.index("{") + 1 : key.index("}")]
    return name.replace("%7D", "}").replace("%7B", "{").replace("%25", "%")

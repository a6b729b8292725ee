"""From an activity's records to reports that make the same records again. Pure.

A record is the booking that a report made; the report's value is what is booked in its window up to
it (docs/architecture.md). Of three reports of one activity, all from second 0::

    kept      +4 at 5, window 5   +3 at 7, window 7   +3 at 9, window 9
    sent        4 from 0 to 5       7 from 0 to 7      10 from 0 to 9

Of a range each report is told with what is booked in its window since the range began, so that
the rows alone make what is in the range. Where a window begins before it, the activity's bookings
are told as reports of their own seconds: a window that is cut may be that of another report.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from psd.audit.shapes import ReportRecord, records_of
from psd.engine.plan import Range

INCREMENT = "increment"
TOTAL = "total"


class PlacedReport(NamedTuple):
    """A report, or an increment, and what is booked of it."""

    atid: int
    mode: str
    ts1: int
    ts2: int
    value: int
    booked: int


def placed(packed: Sequence[bytes], within: Range) -> Iterator[PlacedReport]:
    """What makes the records in a range; they come packed, in their order."""
    if any(_is_cut(record, within) for record in _records(packed)):
        bookings: dict[tuple[int, int], int] = {}
        for record in _records(packed):
            if within.start <= record.second < within.end:
                spot = (record.second, record.atid)
                bookings[spot] = bookings.get(spot, 0) + record.booking
        yield from at_seconds(bookings)
        return
    seconds, sums, total = array("q"), array("q", [0]), 0
    for record in _records(packed):
        total += record.booking
        seconds.append(record.second)
        sums.append(total)
        if not within.start <= record.second < within.end:
            continue
        second, window, atid, booking = record
        if window < 0:
            yield PlacedReport(atid, INCREMENT, second, second, booking, booking)
            continue
        before = bisect_left(seconds, second - window)
        value = total - sums[before]
        yield PlacedReport(atid, TOTAL, second - window, second, value, booking)


def at_seconds(bookings: Mapping[tuple[int, int], int]) -> Iterator[PlacedReport]:
    """What books exactly this by (second, atid), in their order; of one activity.

    A second has one report, whose value is all of it; what else there is of other atids are
    increments, which it counts in.
    """
    by_second: dict[int, list[tuple[int, int]]] = {}
    for (second, atid), booked in sorted(bookings.items()):
        if booked:
            by_second.setdefault(second, []).append((atid, booked))
    for second, parts in by_second.items():
        (atid, booked), *others = parts
        for other, more in others:
            yield PlacedReport(other, INCREMENT, second, second, more, more)
        whole = sum(part for _, part in parts)
        yield PlacedReport(atid, TOTAL, second, second, whole, booked)


def _records(packed: Iterable[bytes]) -> Iterator[ReportRecord]:
    for part in packed:
        yield from records_of(part)


def _is_cut(record: ReportRecord, within: Range) -> bool:
    """Whether a report of the range begins before it."""
    begins = record.second - max(record.window, 0)
    return begins < within.start <= record.second < within.end

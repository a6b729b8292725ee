"""Sums by calendar unit, for people's calendars: an hour, a day, a month of a time zone.

A point stands for a unit, or for the part of it that lies in the range. Two days in Berlin, around
the night in which the clocks go forward, are 23 and 24 hours long::

    {"data": [{"start": "2017-03-25T23:00:00Z", "end": "2017-03-26T22:00:00Z", "thing": "steps",
               "sum": 8000},
              {"start": "2017-03-26T22:00:00Z", "end": "2017-03-27T22:00:00Z", "thing": "steps",
               "sum": 0}], ...}

A point that is no whole unit, because the range begins or ends inside of it, has
``"partial": true``. A unit in which nothing was booked is a gap; one whose bookings cancel out is
not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, repeat
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from psd.clock import utc_texts
from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.series import BucketQuestion
from psd.engine.series_columns import Series
from psd.queries.calendar import bounds, is_whole
from psd.queries.freshness import UTC, Level, QueueDepth, answered, coarsest, watermark, with_depth
from psd.queries.questions import SeriesQuestion, check_points
from psd.queries.requests import Every
from psd.queries.results import AnsweredRange, SeriesAnswer, SeriesPoint
from psd.queries.sums import Sees, everybody
from psd.slices import Stretch

POINTS_AT_ONCE = 5_000
"""Points that are made before the event loop has its turn: 1 ms."""

Group = tuple[str, int | None, Series]
"""The thing, the uid or atid of the group, and its numbers."""


class Units(msgspec.Struct, frozen=True):
    """The calendar units of a series, by where they begin and where the last ends."""

    bounds: Sequence[int]
    every: Every
    tz: ZoneInfo

    def __len__(self) -> int:
        return max(len(self.bounds) - 1, 0)

    def told(self) -> tuple[list[str], list[str], list[bool]]:
        """The texts of where they begin and end, and which are no whole units."""
        texts = utc_texts(self.bounds)
        partial = [False] * len(self)
        # All between the first and the last are whole.
        for at in (0, -1):
            unit = Range(self.bounds[:-1][at], self.bounds[1:][at])
            partial[at] = not is_whole(unit, self.every, self.tz)
        return texts[:-1], texts[1:], partial


async def answer_series(
    engine: Reads, question: SeriesQuestion, depth: QueueDepth, sees: Sees = everybody
) -> SeriesAnswer:
    """The points of each thing and group; one script call for each thing and page of users.

    Raises TooLargeError when there are more atids than ``points_max`` has room for.
    """
    seen = [uid for uid in question.uids if sees(uid)]
    newest = Newest()

    async def points(range_: Range, level: Level | None) -> list[SeriesPoint]:
        units = Units(question.bounds, question.every, question.tz)
        if level is not None:
            every = coarser_unit(question.every, level)
            units = Units(bounds(range_, every, UTC, question.points_max), every, UTC)
        if not units.bounds:
            newest.note(await engine.newest(seen, list(question.things.values())))
            return []
        parts = await asyncio.gather(
            *(
                _groups(engine, question, name, units.bounds, seen, newest)
                for name in question.things
            )
        )
        groups = [group for part in parts for group in part]
        check_points(len(units), len(groups), question.points_max)
        starts, ends, partial = units.told()
        told: list[SeriesPoint] = []
        stretch = Stretch(POINTS_AT_ONCE)
        for group in groups:
            await stretch.after(len(units))
            told += _points(question, group, starts, ends, partial)
        return told

    found, waiting = await with_depth(answered(question.range_, points), depth)
    resolution = coarsest([found.resolution])
    return SeriesAnswer(
        data=found.value,
        exact=resolution is UNSET,
        resolution=resolution,
        range=AnsweredRange.of(found.range_),
        watermark=watermark(newest.second, waiting),
    )


def coarser_unit(every: Every, level: Level) -> Every:
    """The unit of UTC's calendar that takes the place of one that is finer than a level."""
    if level == "year":
        return "year"
    if level == "month":
        return every if every in ("quarter", "year") else "month"
    if every == "issuance_week":
        return "week"
    return "day" if every in ("minute", "hour") else every


async def _groups(
    engine: Reads,
    question: SeriesQuestion,
    name: str,
    cuts: Sequence[int],
    seen: Sequence[int],
    newest: Newest,
) -> list[Group]:
    """The columns of one thing, by uid or atid."""
    # Totals by atid do not tell how many bookings they add up: a type whose bookings cancel out
    # would be missing from the groups, depending on how the range lies.
    must_find_types = question.by == "atid" and not question.atids
    asked = BucketQuestion(
        question.things[name],
        cuts,
        question.atids,
        by_atid=question.by == "atid",
        counts=must_find_types or question.fill != "zero",
    )
    nothing = Series([0] * (len(cuts) - 1), [0] * (len(cuts) - 1))
    if question.by == "uid":
        found = await engine.series(seen, asked, newest=newest) if seen else []
        owners = dict(zip(seen, found, strict=True))
        return [
            (name, uid, owners[uid][None] if uid in owners else nothing) for uid in question.uids
        ]
    columns = await engine.series_of_all(seen, asked, newest=newest) if seen else {}
    if question.by == "atid":
        atids: Iterable[int] = question.atids or {atid for atid in columns if atid is not None}
        return [(name, atid, columns.get(atid, nothing)) for atid in sorted(atids)]
    return [(name, None, columns.get(None, nothing))]


def _points(
    question: SeriesQuestion,
    group: Group,
    starts: Sequence[str],
    ends: Sequence[str],
    partial: Sequence[bool],
) -> Iterator[SeriesPoint]:
    """The points of a group; those of many units are made side by side."""
    name, key, series = group
    uid = str(key) if question.by == "uid" else UNSET
    atid = str(key) if question.by == "atid" else UNSET
    sums: Sequence[int | None] = series.sums
    bookings = series.bookings
    if bookings is not None and question.fill == "null":
        sums = [value if booked else None for value, booked in zip(sums, bookings, strict=True)]
    points = map(SeriesPoint, starts, ends, repeat(name), sums, repeat(uid), repeat(atid), partial)
    return points if bookings is None or question.fill != "none" else compress(points, bookings)

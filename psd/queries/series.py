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

from msgspec import UNSET

from psd.clock import utc_text
from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.series import BucketQuestion, Series
from psd.queries.calendar import buckets, is_whole
from psd.queries.freshness import UTC, Level, QueueDepth, answered, coarsest, watermark, with_depth
from psd.queries.questions import SeriesQuestion, check_points
from psd.queries.requests import Every, Fill
from psd.queries.results import AnsweredRange, SeriesAnswer, SeriesPoint
from psd.queries.sums import Sees, everybody
from psd.slices import Stretch

Group = tuple[str, int | None, Series]
"""The thing, the uid or atid of the group, and its numbers."""


async def answer_series(
    engine: Reads, question: SeriesQuestion, depth: QueueDepth, sees: Sees = everybody
) -> SeriesAnswer:
    """The points of each thing and group; one script call for each thing and page of users.

    Raises TooLargeError when there are more atids than ``points_max`` has room for.
    """
    seen = [uid for uid in question.uids if sees(uid)]
    newest = Newest()

    async def points(range_: Range, level: Level | None) -> list[SeriesPoint]:
        every, tz = question.every, question.tz
        units = question.buckets
        if level is not None:
            every, tz = coarser_unit(every, level), UTC
            units = buckets(range_, every, tz, question.points_max)
        if not units:
            newest.note(await engine.newest(seen, list(question.things.values())))
            return []
        parts = await asyncio.gather(
            *(_groups(engine, question, name, units, seen, newest) for name in question.things)
        )
        groups = [group for part in parts for group in part]
        check_points(len(units), len(groups), question.points_max)
        # All between the first and the last are whole.
        parts_of_units = {unit for unit in (units[0], units[-1]) if not is_whole(unit, every, tz)}
        texts = [(utc_text(unit.start), utc_text(unit.end)) for unit in units]
        partial = [unit in parts_of_units for unit in units]
        told: list[SeriesPoint] = []
        stretch = Stretch()
        for group in groups:
            await stretch.after(len(units))
            told += _points(question, group, texts, partial)
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
    units: Sequence[Range],
    seen: Sequence[int],
    newest: Newest,
) -> list[Group]:
    """The columns of one thing, by uid or atid."""
    # Totals by atid do not tell how many bookings they add up: a type whose bookings cancel out
    # would be missing from the groups, depending on how the range lies.
    must_find_types = question.by == "atid" and not question.atids
    asked = BucketQuestion(
        question.things[name],
        [*(unit.start for unit in units), units[-1].end],
        question.atids,
        by_atid=question.by == "atid",
        counts=must_find_types or question.fill != "zero",
    )
    nothing = Series([0] * len(units), [0] * len(units))
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
    units: Sequence[tuple[str, str]],
    partial: Sequence[bool],
) -> Iterator[SeriesPoint]:
    """The points of a group; ``units`` are the texts of where they begin and end."""
    name, key, series = group
    for at, (start, end) in enumerate(units):
        is_gap = series.bookings is not None and series.bookings[at] == 0
        if is_gap and question.fill == "none":
            continue
        yield SeriesPoint(
            start=start,
            end=end,
            thing=name,
            sum=_filled(series.sums[at], question.fill, is_gap=is_gap),
            partial=partial[at],
            uid=str(key) if question.by == "uid" else UNSET,
            atid=str(key) if question.by == "atid" else UNSET,
        )


def _filled(value: int, fill: Fill, *, is_gap: bool) -> int | None:
    return None if is_gap and fill == "null" else value

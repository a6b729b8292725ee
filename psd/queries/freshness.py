"""How exact and how fresh an answer is.

Detail expires from the finest level on. A question that needs what has expired is asked again for
the whole UTC days, months or years that are still exact: those inside of its range, or, where none
lies inside, those that cover it. The answer then says ``exact: false`` and the range that it is
about. With days left of 2016-04-12 08:00 to 2016-04-14 20:00::

    whole_units(Range(1460448000, 1460664000), "day")
    -> Range(1460505600, 1460592000)              (13 April)
    whole_units(Range(1460448000, 1460451600), "day")
    -> Range(1460419200, 1460505600)              (12 April: an hour of it is not to be had)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType

from psd.clock import utc_text
from psd.engine.plan import Range
from psd.errors import DetailExpiredError, UnavailableError
from psd.queries.calendar import bucket_of
from psd.queries.results import Watermark

Level = Literal["day", "month", "year"]

LEVELS: tuple[Level, ...] = ("day", "month", "year")

QueueDepth = Callable[[], Awaitable[int | None]]
"""How many messages wait to be booked; None where nobody can say."""

UTC = ZoneInfo("UTC")

T = TypeVar("T")


class Exactly(msgspec.Struct, Generic[T], frozen=True):
    """A value, the range that it is really about, and what it is exact to when that differs."""

    value: T
    range_: Range
    resolution: str | None = None


async def unknown_depth() -> int | None:
    """The depth of a queue that cannot be asked."""
    return None


async def answered(range_: Range, ask: Callable[[Range, Level | None], Awaitable[T]]) -> Exactly[T]:
    """Ask about a range, or about the nearest one that can be answered.

    ``ask`` is told the level to whose units the range was cut, None for the range as it was asked.
    Raises DetailExpiredError where not even whole years are kept.
    """
    try:
        return Exactly(await ask(range_, None), range_)
    except DetailExpiredError as error:
        expired = error
    for level in LEVELS[_rank(expired.resolution) :]:
        for nearest in nearest_ranges(range_, level):
            try:
                return Exactly(await ask(nearest, level), nearest, level)
            except DetailExpiredError as error:
                expired = error
    raise expired


def nearest_ranges(range_: Range, level: Level) -> list[Range]:
    """What to ask instead of a range: with one of its ends moved to a unit's end, or with both."""
    both = whole_units(range_, level)
    ranges = [Range(both.start, range_.end), Range(range_.start, both.end), both]
    moved = [each for each in ranges if each != range_]
    # A range of whole units may still be cut finer inside, as a series is.
    return moved if moved and both.start >= range_.start else [both]


def whole_units(range_: Range, level: Level) -> Range:
    """The whole units of a level inside of a range, or those that cover it when none is."""
    first = bucket_of(range_.start, level, UTC)
    last = bucket_of(max(range_.end - 1, range_.start), level, UTC)
    start = range_.start if first.start == range_.start else first.end
    end = range_.end if last.end == range_.end else last.start
    return Range(start, end) if start < end else Range(first.start, last.end)


def coarsest(resolutions: Sequence[str | None]) -> str | UnsetType:
    """What all parts of an answer are exact to; left out when all are to the second."""
    known = [each for each in resolutions if each is not None]
    return max(known, key=_rank, default=UNSET)


def _rank(resolution: str) -> int:
    """The place of a level; what is finer than a day is told from the day on."""
    return LEVELS.index(resolution) if resolution in LEVELS else 0


async def with_depth(asking: Awaitable[T], depth: QueueDepth) -> tuple[T, int | None]:
    """What is found, and the depth of the queue meanwhile, which may be unknown.

    An answer does not fail because the queue cannot be asked.
    """
    if depth is unknown_depth:
        return await asking, None
    return await asyncio.gather(asking, _known(depth))


async def _known(depth: QueueDepth) -> int | None:
    try:
        return await depth()
    except UnavailableError:
        return None


def watermark(newest_s: int | None, waiting: int | None) -> Watermark:
    """How fresh an answer is: the newest second booked, and how many messages wait to be."""
    return Watermark(None if newest_s is None else utc_text(newest_s), waiting)

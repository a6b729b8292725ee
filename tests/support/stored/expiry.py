"""Keys end as their lifetimes would end them, and what is exact afterwards.

A finer level may not outlive a coarser one, and whoever writes a leaf writes the totals above it:
so where a key of a level has ended, all finer ones below it have.

>>> await forget_part(client, "day", None)      # every day, and every leaf, hour and minute
7
>>> whole_units(Range(1_460_462_400, 1_460_462_401), "day")
Range(start=1460419200, end=1460505600)
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from redis.asyncio import Redis

from psd.engine.events import TIME_END_S
from psd.engine.plan import DAY_S, Range
from psd.store.keys import ROOT
from tests.support.engine import keys_by_level

FINER = {
    "second": ("second",),
    "day": ("day", "second"),
    "month": ("month", "day", "second"),
    "week": ("week",),
}
YEAR = re.compile(rf"({ROOT}:\d+):[a-z]:(\d{{4}})")


async def forget_part(client: Redis, level: str, pick: int | None) -> int:
    """Delete the keys of a level and of those finer; with a pick of one year of one owner alone.

    Returns the number of keys.
    """
    by_level = await keys_by_level(client)
    keys = [key for each in FINER[level] for key in by_level.get(each, [])]
    years = sorted({_year(key) for key in keys})
    if pick is not None and years:
        chosen = years[pick % len(years)]
        keys = [key for key in keys if _year(key) == chosen]
    if keys:
        await client.delete(*keys)
    return len(keys)


def whole_units(range_: Range, resolution: str) -> Range:
    """The range widened to whole days, months or years."""
    within = range_.clamped()
    first = datetime.fromtimestamp(within.start, UTC)
    last = datetime.fromtimestamp(max(within.end - 1, within.start), UTC)
    match resolution:
        case "day":
            return Range(
                within.start // DAY_S * DAY_S, min(-(-within.end // DAY_S) * DAY_S, TIME_END_S)
            )
        case "month":
            next_month = (last.year + last.month // 12, last.month % 12 + 1)
            return Range(_first_second(first.year, first.month), _first_second(*next_month))
    return Range(_first_second(first.year, 1), _first_second(last.year + 1, 1))


def _first_second(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())


def _year(key: str) -> tuple[str, str]:
    match = YEAR.match(key)
    assert match is not None, key
    return match[1], match[2]

"""Ways to write a time in a question: to the second, as a date or a unit that holds it, wrongly.

>>> exactly(Random(1), 1460451600, "Europe/Berlin")
'2016-04-12T11:00:00'
>>> loosely(Random(1), 1460451600, "Europe/Berlin", now_s=1461056400)
'2016-W15-2'
"""

from __future__ import annotations

import datetime as dt
from random import Random
from zoneinfo import ZoneInfo

from tests.support.plain.plain_calendar import DAY_S
from tests.support.plain.plain_times import number_or_text

NINE_DIGITS = 10**8
"""Below it a number has no part of a second."""


def exactly(random: Random, second: int, tz: str) -> int | str:
    """A second itself; only what has no zone depends on ``tz``, and may be none or two there."""
    if second < 0:
        return second
    offset = dt.timedelta(minutes=random.choice((0, 60, -210, 345, 765)))
    aware = dt.datetime.fromtimestamp(second, dt.timezone(offset))
    utc = dt.datetime.fromtimestamp(second, dt.UTC)
    ways: list[int | str] = [
        number_or_text(second),
        str(number_or_text(second)),
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        utc.strftime("%Y-%m-%d %H:%M:%S.25z"),
        aware.isoformat(),
        aware.strftime("%Y%m%dT%H%M%S%z"),
        _local(second, tz).strftime("%Y-%m-%dT%H:%M:%S"),
        f"{second}.{random.choice((0, 5, 999))}",
    ]
    return random.choice(ways[:-1] if second < NINE_DIGITS else ways)


def loosely(random: Random, second: int, tz: str, now_s: int) -> int | str:
    """The minute, date, week, month or year that holds a second, or how long ago it was."""
    local = _local(second, tz)
    ago_s = now_s - second
    ways: list[int | str] = [
        local.strftime("%Y-%m-%dT%H:%M"),
        local.strftime("%Y-%m-%d"),
        local.strftime("%Y%m%d"),
        int(local.strftime("%Y%m%d")),
        "{}-W{:02}-{}".format(*local.isocalendar()),
        local.strftime("%Y-%m"),
        random.choice((local.strftime("%Y"), local.year)),
        random.choice(("now", "yesterday", "today", "tomorrow")),
        f"-{ago_s // DAY_S}d{ago_s % DAY_S // 60}m",
        f"-{ago_s // (7 * DAY_S)}w",
    ]
    return random.choice(ways if ago_s > 0 else ways[:-2])


def wrongly(random: Random, second: int) -> int | str:
    """No second, or one that no question may name."""
    milliseconds = second * 1000
    # A second of 1970 to 1973 is a date as a number, mostly of no calendar or of a far year.
    return random.choice((milliseconds, f"{milliseconds}", second, "soon", "2016-13-01"))


def _local(second: int, tz: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(second, ZoneInfo(tz))

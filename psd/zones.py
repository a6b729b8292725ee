"""What the clocks of a time zone show, and when its dates begin. Pure.

::

    beginning_of(date(2016, 4, 12), ZoneInfo("Europe/Berlin"))      -> 1460412000 (22:00 UTC)
    beginning_of(date(2011, 12, 30), ZoneInfo("Pacific/Apia"))      -> 1325239200, as of the 31st:
                                                                       Samoa left this date out

The machine's own zone is never asked for.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psd.clock import EPOCH
from psd.errors import BadQueryError

DATE_S = 86_400
"""A date's length on a wall, however long it is in its zone."""

STEADY_S = 3 * DATE_S
"""Since 1970 no zone of the IANA database has moved its clocks twice within so long: the least was
7 days less an hour, as Brazil's north-east took summer time back in October 2000."""

LAST_S = 253_402_214_399
"""The last date but one of the year 9999 ends: no zone's clocks show a later year yet."""

UTC = ZoneInfo("UTC")

_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()


_ZONE_NAME = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*", re.ASCII)
"""Names of the IANA database. Its copies posix/ and right/ (which counts leap seconds) and the
machine's own localtime begin with a small letter."""


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone of a name; raises BadQueryError."""
    if len(name) <= 64 and _ZONE_NAME.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise BadQueryError(f"tz: {name[:64]!r} is no time zone of the IANA database")


def wall_s(date: dt.date) -> int:
    """What the clocks of UTC would have counted since 1970 as a date begins."""
    return (date.toordinal() - _EPOCH_DAY) * DATE_S


def offset_s(second: int, tz: ZoneInfo) -> int:
    """How far the clocks of a zone are ahead of UTC at a Unix second."""
    return _seconds(dt.datetime.fromtimestamp(second, tz).utcoffset())


def seconds_at(shown_s: int, tz: ZoneInfo) -> list[int]:
    """The Unix seconds at which the clocks of a zone show what those of UTC show at ``shown_s``.

    It is one, and none or two where they jump:

    >>> seconds_at(1477794600, ZoneInfo("Europe/Berlin"))    # 2016-10-30 02:30
    [1477787400, 1477791000]
    """
    wall = EPOCH + dt.timedelta(seconds=shown_s)
    offsets = {_seconds(wall.replace(tzinfo=tz, fold=fold).utcoffset()) for fold in (0, 1)}
    found = sorted(shown_s - offset for offset in offsets)
    return [second for second in found if second + offset_s(second, tz) == shown_s]


def second_at(shown_s: int, tz: ZoneInfo) -> int:
    """The one second of those; raises ValueError where the clocks jump."""
    if tz is UTC:
        return shown_s
    found = seconds_at(shown_s, tz)
    if not found:
        raise ValueError(f"the clocks of {tz.key} never show it: they go forward over it")
    if len(found) > 1:
        raise ValueError(f"the clocks of {tz.key} show it twice; write its offset behind it")
    return found[0]


@lru_cache(maxsize=4_096)
def beginning_of(date: dt.date, tz: ZoneInfo) -> int:
    """The first second whose local date is this one or a later one."""
    midnight = dt.datetime(date.year, date.month, date.day, tzinfo=tz)
    shown_s = wall_s(date)
    second = shown_s - _seconds(midnight.utcoffset())
    after_jump_s = offset_s(second, tz)
    if second + after_jump_s == shown_s:
        return second
    # The local clock jumps over this midnight; the day begins where it lands.
    return jump(shown_s - after_jump_s, second, tz)


def jump(low: int, high: int, tz: ZoneInfo) -> int:
    """The first second in (low, high] that has the offset of ``high``."""
    after_s = offset_s(high, tz)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_s(middle, tz) == after_s:
            high = middle
        else:
            low = middle
    return high


def next_jump(second: int, tz: ZoneInfo) -> int | None:
    """Where clocks jump in (second, second + STEADY_S]; None where they do not.

    >>> next_jump(1459036800, ZoneInfo("Europe/Berlin"))    # a day before summer time
    1459040400
    """
    high = min(second + STEADY_S, LAST_S)
    return None if offset_s(high, tz) == offset_s(second, tz) else jump(second, high, tz)


def _seconds(offset: dt.timedelta | None) -> int:
    assert offset is not None
    return offset // dt.timedelta(seconds=1)

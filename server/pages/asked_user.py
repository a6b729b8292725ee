"""Whom a page of a user is about, and how it is looked at: thing, zone, year, goal.

::

    /users/7?thing=steps&tz=Europe/Berlin&year=2016   -> AskedUser(7, "7", Berlin, "steps", ...)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec

from psd.domain.web_page import Visit
from psd.engine.plan import Range
from psd.errors import BadQueryError
from psd.foreign_texts import shown
from psd.queries.moments import asked_range
from psd.users import user_of
from psd.zones import beginning_of
from server.pages.user_chart import held

YEARS = range(1970, 2200)


class AskedUser(msgspec.Struct, frozen=True):
    """Whom a page is about, and how it is looked at."""

    uid: int
    name: str
    tz: ZoneInfo
    thing: str
    number: int
    things: list[str]
    today: dt.date
    now_s: int
    query: Mapping[str, str]

    @property
    def path(self) -> str:
        """Of the page, below the root."""
        return f"/users/{quote(self.name, safe='')}"

    def link(self, **more: str) -> str:
        """The page with other parameters."""
        kept = {"thing": self.thing, "tz": self.tz.key, **more}
        return f"{self.path}?{urlencode(kept)}"


def named_user(visit: Visit) -> tuple[int, str]:
    """The number and the name of the user in a path; raises an InputError for none."""
    name = visit.names["uid"]
    return user_of(name), name


def year_of(asked: AskedUser) -> int:
    """The year of the calendar: the one that is asked for, or in which the range begins, or this.

    Raises BadQueryError.
    """
    text = asked.query.get("year")
    if text:
        if not text.isdecimal() or int(text) not in YEARS:
            raise BadQueryError(f"year: {shown(text)} is none from 1970 to 2199")
        return int(text)
    range_ = range_of(asked)
    if range_ is None:
        return asked.today.year
    year = dt.datetime.fromtimestamp(range_.start, asked.tz).year
    return min(max(year, YEARS.start), YEARS.stop - 1)


def range_of(asked: AskedUser) -> Range | None:
    """The range that is asked for; None where it is the year. Raises BadQueryError."""
    start, end = (asked.query.get(name, "").strip() for name in ("start", "end"))
    if not start:
        if end:
            raise BadQueryError(f"start: missing; end {shown(end)} needs one")
        return None
    found = asked_range(start, end or None, asked.now_s, tz=asked.tz)
    return held(found.start, found.end)


def local_text(second: int, tz: ZoneInfo) -> str:
    """A second as one would type it there: a date where that is enough.

    >>> local_text(1460412000, ZoneInfo("Europe/Berlin")), local_text(1460412060, ZoneInfo("UTC"))
    ('2016-04-12', '2016-04-11T22:01:00+00:00')
    """
    local = dt.datetime.fromtimestamp(second, tz)
    if second == beginning_of(local.date(), tz):
        return local.date().isoformat()
    return local.isoformat()


def goal_of(asked: AskedUser) -> int:
    """What a day has to reach to count for a streak."""
    text = asked.query.get("goal") or "1"
    if not text.isdecimal() or not 0 < int(text) < 1 << 53:
        raise BadQueryError(f"goal: {shown(text)} is no whole number from 1 to 2^53 - 1")
    return int(text)

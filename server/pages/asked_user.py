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
from psd.errors import BadQueryError
from psd.users import user_of

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
    """The year of the calendar: the one that is asked for, or that of the range, or this one."""
    text = asked.query.get("year") or asked.query.get("start", "")[:4]
    if not text.isdecimal() or int(text) not in YEARS:
        if asked.query.get("year"):
            raise BadQueryError(f"year: {text!r} is none from 1970 to 2199")
        return asked.today.year
    return int(text)


def goal_of(asked: AskedUser) -> int:
    """What a day has to reach to count for a streak."""
    text = asked.query.get("goal") or "1"
    if not text.isdecimal() or not 0 < int(text) < 1 << 53:
        raise BadQueryError(f"goal: {text[:32]!r} is no number from 1 on")
    return int(text)

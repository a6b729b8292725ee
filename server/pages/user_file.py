"""A user's page as files: JSON of all that it shows, and CSV of its activities.

::

    GET /users/7?thing=steps&year=2016&json=1
    -> {"user":"7","thing":"steps","tz":"UTC","year":2016,"goal":1,
        "days":{"2016-04-12":13162},"streak":{"days":0,...},"activities":[...],"boards":[...],...}
    GET /users/7?thing=steps&year=2016&csv=1
    -> aid,atid,first,last,steps
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from psd.domain.web_page import Content, Download
from psd.queries.activity_answers import ActivityRow, WithdrawalRow
from server.pages.user_places import PlaceOnBoard
from server.pages.user_year import DaysInARow


class UserFile(msgspec.Struct, frozen=True):
    """What the page shows: days of the year, activities and what was taken back of the range."""

    user: str
    thing: str
    tz: str
    year: int
    goal: int
    days: dict[dt.date, int]
    streak: DaysInARow
    longest_streak: DaysInARow
    start: str
    end: str
    activities: Sequence[ActivityRow]
    has_more: bool
    withdrawn: Sequence[WithdrawalRow]
    boards: Sequence[PlaceOnBoard]


def json_of(told: UserFile) -> Content:
    """All of it."""
    return Content("user.json", "application/json", msgspec.json.encode(told))


def csv_of(thing: str, activities: Sequence[ActivityRow]) -> Download:
    """The table of activities."""
    columns = ("aid", "atid", "first", "last", thing)
    rows = [(row.aid, row.atid, row.first, row.last, row.sums.get(thing, 0)) for row in activities]
    return Download("activities.csv", columns, rows)

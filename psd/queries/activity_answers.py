"""Questions about one owner's activities, and the answers, as HTTP and clients write them. Pure.

::

    {"data": [{"aid": "41", "atid": "0", "sums": {"steps": 90}, "bookings": 1,
               "first": "2017-06-04T01:29:06Z", "last": "2017-06-04T01:29:06Z"}], "next": null,
     "exact": true, "range": {...}, "watermark": {...}}
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from psd.frames import Rows
from psd.queries.requests import LIMIT_MAX, Ids, Name, Names, Time
from psd.queries.results import AnsweredRange, Watermark

LIMIT = 100

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str, Meta(max_length=100)]


class ActivitiesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Activities with a booking in [start, end) of these things and atids; all unless given."""

    thing: Names | None = None
    atid: Ids | None = None
    start: Time = 0
    end: Time | None = None
    tz: Name = "UTC"
    limit: Limit = LIMIT
    cursor: Cursor | None = None


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of an owner's withdrawals."""

    limit: Limit = LIMIT
    cursor: Cursor | None = None


class WithdrawQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be said of a withdrawal."""

    note: str = ""


class ActivityRow(msgspec.Struct, frozen=True):
    """An activity's bookings in the range; ``sums`` has the things of which it has any."""

    aid: str
    atid: str
    sums: dict[str, int]
    bookings: int
    first: str
    last: str


class FlatActivityRow(msgspec.Struct, frozen=True):
    """What an activity has of one thing, for a table; all else is of the activity as a whole."""

    aid: str
    atid: str
    thing: str
    sum: int
    bookings: int
    first: str
    last: str


class ActivitiesAnswer(Rows, frozen=True):
    """A page of activities; ``next`` is the cursor of the one after it."""

    data: list[ActivityRow]
    next: str | None
    exact: bool
    range: AnsweredRange
    watermark: Watermark

    def flat(self) -> list[FlatActivityRow]:
        """A row for each activity and thing."""
        return [
            FlatActivityRow(row.aid, row.atid, thing, value, row.bookings, row.first, row.last)
            for row in self.data
            for thing, value in row.sums.items()
        ]


class TakenRow(msgspec.Struct, frozen=True):
    """What an activity had of a thing when it was withdrawn."""

    thing: str
    atid: str
    sum: int
    bookings: int
    first: str
    last: str


class WithdrawalRow(msgspec.Struct, frozen=True):
    """One withdrawal: what, when, by whom and why."""

    action: str
    aid: str
    at: str
    by: str
    note: str
    taken: list[TakenRow]


class AuditAnswer(Rows, frozen=True):
    """A page of withdrawals, the newest first."""

    data: list[WithdrawalRow]
    next: str | None


class WithdrawnAnswer(msgspec.Struct, frozen=True):
    """What became of a withdrawal: ``withdrawn``, or ``unchanged`` when it came before."""

    uid: str
    aid: str
    status: str
    taken: list[TakenRow]


class EraseQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be said of an erasure; it stays, so it names nobody."""

    note: str = ""


class ArchiveCut(msgspec.Struct, frozen=True):
    """What was cut out of the archive: ``left`` files wait, as they are being written."""

    files: int
    rewritten: int
    entries: int
    left: int


class ErasedAnswer(msgspec.Struct, frozen=True):
    """What is gone of a user: keys of the store, and boards that knew him."""

    uid: str
    status: str
    keys: int
    boards: int
    archive: ArchiveCut

"""What may be asked: one struct a query, the body of its POST and the schema of its interface.

What lives here is the shape; psd/queries/parsing.py reads it from a URL or a body, and
psd/queries/questions.py checks what the fields say. A single value may stand for a list of one::

    {"thing": "steps", "uid": ["1503960366", "8877689391"], "start": "2016-04-12T00:00:00Z"}
    -> SumQuery(thing="steps", uid=["1503960366", "8877689391"], start="2016-04-12T00:00:00Z")

Ranges are half-open. ``end`` is now unless given; ``as_of`` cuts a range, as if everything that
was booked at that second or later had not happened yet. Dates, and times without a zone, are of
``tz``.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

Time = Annotated[
    int | str,
    Meta(
        description="RFC 3339, a date (2016-04-12, 2016-05, 2016), Unix seconds, or relative to "
        "now: -7d, -36h, now, today, yesterday"
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Id = Annotated[int | str, Meta(description="a 64-bit integer, as text or as a number")]
Names = Name | list[Name]
Ids = int | str | list[Id]

Aggregate = Literal["sum", "count", "min", "max", "avg", "first", "last"]
Every = Literal["minute", "hour", "day", "week", "month", "quarter", "year", "issuance_week"]
Fill = Literal["zero", "null", "none"]
By = Literal["atid", "uid"]
Ties = Literal["competition", "dense", "ordinal", "first_to_reach"]

AGGREGATES: tuple[str, ...] = get_args(Aggregate)
EVERY: tuple[str, ...] = get_args(Every)

POINTS_MAX = 10_000
"""Points of one series, over all its groups: about 1 MB of JSON."""

LIMIT_MAX = 1000
SPAN_MAX = 500


class SumQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Things of users over one range; ``every`` and ``tz`` are the buckets of min, max and avg."""

    thing: Names
    uid: Ids
    atid: Ids | None = None
    start: Time = 0
    end: Time | None = None
    as_of: Time | None = None
    aggregates: Aggregate | list[Aggregate] = "sum"
    every: Every = "day"
    tz: Name = "UTC"


class SeriesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sums by calendar unit, over all users together unless ``by`` tells them apart.

    ``fill`` says what stands where nothing was booked: 0, null, or no point at all.
    """

    thing: Names
    uid: Ids
    start: Time
    every: Every
    atid: Ids | None = None
    end: Time | None = None
    as_of: Time | None = None
    tz: Name = "UTC"
    fill: Fill = "zero"
    by: By | None = None


class LeaderboardQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who stands where: of the users in ``uid``, the members of ``board``, or of everybody.

    It is about one thing. ``compare_to`` is an instant of the same range, or another range written
    ``start/end``. ``tz`` is that of the board's calendar unless given, UTC where it has none.
    """

    thing: Names | None = None
    uid: Ids | None = None
    board: Name | None = None
    all: bool = False
    atid: Ids | None = None
    start: Time | None = None
    end: Time | None = None
    as_of: Time | None = None
    compare_to: Time | None = None
    tz: Name | None = None
    ties: Ties | None = None
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)] | None = None
    cursor: str | None = None
    around: int | str | None = None
    span: Annotated[int, Meta(ge=0, le=SPAN_MAX)] | None = None


Query = SumQuery | SeriesQuery | LeaderboardQuery

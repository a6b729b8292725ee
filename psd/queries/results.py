"""What is answered: one struct a row, and the envelope around the rows.

Ids (uids, atids) and times are texts, sums are integers. What was not asked for is left out::

    SumAnswer(data=[SumRow(uid="1503960366", thing="steps", sum=13158)], exact=True, ...)
    -> {"data":[{"uid":"1503960366","thing":"steps","sum":13158}],"exact":true,
        "range":{"start":"2016-04-12T00:00:00Z","end":"2016-04-13T00:00:00Z"},
        "watermark":{"newest":"2016-05-12T23:00:00Z","queue_depth":0}}

``exact`` is false when finer buckets of the range have expired: then ``range`` is the part of it
that was answered, in whole units of ``resolution``.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from psd.clock import utc_text
from psd.engine.plan import Range
from psd.frames import Rows


class Watermark(msgspec.Struct, frozen=True):
    """How fresh an answer is: what is booked, and how many messages wait to be.

    ``newest`` is the newest second booked for what was asked, null when nothing is;
    ``queue_depth`` is null where the queue cannot be asked.
    """

    newest: str | None
    queue_depth: int | None


class AnsweredRange(msgspec.Struct, frozen=True):
    """The half-open range that an answer is about."""

    start: str
    end: str

    @classmethod
    def of(cls, range_: Range) -> AnsweredRange:
        """A range with its ends as texts."""
        return cls(utc_text(range_.start), utc_text(range_.end))


class SumRow(msgspec.Struct, frozen=True):
    """What one user has of one thing; first and last are the seconds of bookings."""

    uid: str
    thing: str
    sum: int | UnsetType = UNSET
    count: int | UnsetType | None = UNSET
    min: int | UnsetType | None = UNSET
    max: int | UnsetType | None = UNSET
    avg: float | UnsetType | None = UNSET
    first: str | UnsetType | None = UNSET
    last: str | UnsetType | None = UNSET


class SeriesPoint(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One calendar unit, or a ``partial`` one: as much of it as lies in the range.

    A gap may have no sum.
    """

    start: str
    end: str
    thing: str
    sum: int | None
    uid: str | UnsetType = UNSET
    atid: str | UnsetType = UNSET
    partial: bool = False


class Standing(msgspec.Struct, frozen=True):
    """One user's place; the previous fields stand there when two boards are compared.

    ``percentile`` is the share of the board that has less, in percent. ``rank_change`` counts
    the places won, so it is negative for those who were overtaken.
    """

    rank: int
    uid: str
    value: int
    reached_at: str | None
    percentile: float
    previous_rank: int | UnsetType | None = UNSET
    previous_value: int | UnsetType | None = UNSET
    rank_change: int | UnsetType | None = UNSET
    value_change: int | UnsetType | None = UNSET


class SumAnswer(Rows, frozen=True, kw_only=True):
    """Rows by user, then by thing, in the order in which they were asked for."""

    data: list[SumRow]
    exact: bool = True
    resolution: str | UnsetType = UNSET
    range: AnsweredRange
    watermark: Watermark


class SeriesAnswer(Rows, frozen=True, kw_only=True):
    """Points by thing and group, then by time."""

    data: list[SeriesPoint]
    exact: bool = True
    resolution: str | UnsetType = UNSET
    range: AnsweredRange
    watermark: Watermark


class LeaderboardAnswer(Rows, frozen=True, kw_only=True):
    """A page of a board of ``total`` users; ``next`` asks for the page after it."""

    data: list[Standing]
    next: str | None = None
    total: int
    exact: bool = True
    resolution: str | UnsetType = UNSET
    range: AnsweredRange
    previous_range: AnsweredRange | UnsetType = UNSET
    watermark: Watermark


AnyAnswer = SumAnswer | SeriesAnswer | LeaderboardAnswer

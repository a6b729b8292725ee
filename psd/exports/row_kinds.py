"""What an export has of each kind: its columns, in their order. Pure.

::

    bookings     thing,uid,name,atid,aid,mode,ts1,ts2,value,booked
                 steps,7,,0,41,total,1460419200,1460422800,160,160
    activities   thing,uid,name,aid,part,...,sum,...,reports
    boards, and what domains keep
                 domain,about,second,body,more

A row is a tuple of what stands under its columns. Rows of the last kinds are messages as the
archive keeps them, of which psd makes again what stands; a long one goes on in the next row
(``more``). Which kinds domains bring is said by :attr:`psd.domain.definition.Domain.exports`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import msgspec

from psd.domains import domains

ColumnType = Literal["int", "text", "flag", "json"]

BOOKINGS, ACTIVITIES, BOARDS = "bookings", "activities", "boards"

Cells = tuple[Any, ...]
"""What stands under the columns; None is nothing."""


class RowColumn(msgspec.Struct, frozen=True):
    """A column; what may be missing is None, a text without anything is the empty one."""

    name: str
    type: ColumnType
    may_miss: bool = False


def _columns(names: str) -> tuple[RowColumn, ...]:
    """``uid:int first:int?`` as columns."""
    found = []
    for each in names.split():
        name, _, kind = each.partition(":")
        type_: Any = kind.removesuffix("?") or "text"
        found.append(RowColumn(name, type_, kind.endswith("?")))
    return tuple(found)


_MESSAGES = _columns("domain about second:int body more:flag")

_OF_BOOKINGS: Mapping[str, tuple[RowColumn, ...]] = {
    BOOKINGS: _columns(
        "thing uid:int name atid:int aid:int mode ts1:int ts2:int value:int booked:int"
    ),
    ACTIVITIES: _columns(
        "thing uid:int name aid:int part:int atid:int first:int? last:int? bookings:int sum:int "
        "withdrawn:flag withdrawn_at:int? by note reports:json"
    ),
}

OF_BOOKINGS = tuple(_OF_BOOKINGS)
"""Kinds whose rows are numbers."""


@cache
def kinds() -> tuple[str, ...]:
    """All kinds: psd's own, and those that domains bring."""
    of_domains = [kind for domain in domains() for kind in domain.exports]
    return tuple(dict.fromkeys((*OF_BOOKINGS, BOARDS, *of_domains)))


def columns_of(kind: str) -> tuple[RowColumn, ...]:
    """The columns of a kind."""
    return _OF_BOOKINGS.get(kind, _MESSAGES)


class BookingCells(msgspec.Struct, frozen=True, array_like=True):
    """A booking as it is exported.

    ``mode`` is total, increment or count; of a count ``thing`` is its name. ``value`` is what is
    booked again, ``booked`` what is booked of it.
    """

    thing: str
    uid: int
    name: str
    atid: int
    aid: int
    mode: str
    ts1: int
    ts2: int
    value: int
    booked: int


class ActivityCells(msgspec.Struct, frozen=True, array_like=True):
    """An activity of a thing; one with many reports has several parts.

    ``reports`` are (atid, ts1, ts2, value, booked); of an increment ts1 is None. The numbers are of
    the whole activity, or of what of it is exported.
    """

    thing: str
    uid: int
    name: str
    aid: int
    part: int
    atid: int
    first: int | None
    last: int | None
    bookings: int
    sum: int
    withdrawn: bool
    withdrawn_at: int | None
    by: str
    note: str
    reports: list[tuple[int, int | None, int, int, int]]


class MessageCells(msgspec.Struct, frozen=True, array_like=True):
    """A message of a domain, or a part of one; ``second`` 0 is of no time."""

    domain: str
    about: str
    second: int
    body: str
    more: bool

"""Times in questions and answers, and the ranges they bound. Pure.

A question says a time as RFC 3339 or as whole Unix seconds, in a number or in a text; an answer
says it as RFC 3339 in UTC::

    moment("2016-04-12T05:00:00-04:00", "start")   -> 1460451600
    moment("1460451600", "start")                  -> 1460451600
    utc_text(1460451600)                        -> "2016-04-12T09:00:00Z"
    moment("yesterday", "start")
    -> BadQueryError: start: 'yesterday' is neither RFC 3339 nor whole Unix seconds

A time without a zone is UTC, and parts of a second are dropped, as on the command line.
"""

from __future__ import annotations

import datetime as dt
import re

from psd.clock import EPOCH
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.errors import BadQueryError

_SECONDS = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DATE_FIRST = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d\Z)", re.ASCII)
"""``+02:00`` comes as a blank and ``02:00`` when nobody escaped the plus sign of a URL."""

_TEXT_MAX = 64


def moment(value: int | str, field: str) -> int:
    """The Unix second that a question names; raises BadQueryError."""
    if isinstance(value, int):
        return value
    if _SECONDS.fullmatch(value):
        return int(value)
    try:
        if not _DATE_FIRST.match(value) or len(value) > _TEXT_MAX:
            raise ValueError(value)
        when = dt.datetime.fromisoformat(_with_plus(value))
    except ValueError as exc:
        shown = value[:_TEXT_MAX]
        raise BadQueryError(
            f"{field}: {shown!r} is neither RFC 3339 nor whole Unix seconds"
        ) from exc
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return (when - EPOCH) // dt.timedelta(seconds=1)


def _with_plus(text: str) -> str:
    return _LOST_PLUS.sub("+", text) if "T" in text.upper() else text


def held(second: int) -> int:
    """The second itself between 1970 and 2200, outside of which nothing can be booked."""
    return min(max(second, 0), TIME_END_S)


def asked_range(
    start: int | str,
    end: int | str | None,
    now_s: int,
    as_of: int | str | None = None,
    *,
    prefix: str = "",
) -> Range:
    """The half-open range of a question; ``end`` is now unless given, ``as_of`` cuts it.

    Raises BadQueryError where both ends are given and stand in the wrong order. A range that
    only the cut has emptied is empty: at that instant nothing of it had happened.
    """
    first = moment(start, f"{prefix}start")
    last = now_s if end is None else moment(end, f"{prefix}end")
    if end is not None and first > last:
        raise BadQueryError(f"{prefix}start: {start!r} must not be after {prefix}end {end!r}")
    if as_of is not None:
        last = min(last, moment(as_of, "as_of"))
    first, last = held(first), held(last)
    return Range(first, max(first, last))

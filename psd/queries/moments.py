"""Times in questions and answers, and the ranges they bound. Pure.

psd/times.py reads them; here a refusal names the field, and a range that cannot hold anything is
one. An answer says its times as RFC 3339 in UTC::

    moment("2016-04-12T05:00:00-04:00", "start")           -> 1460451600
    moment("2016-04-12", "start", zone("Europe/Berlin"))   -> 1460412000, midnight there
    moment("-7d", "start", UTC, 1460451600)                -> 1459846800
    moment("soon", "start")
    -> BadQueryError: start: 'soon' is neither RFC 3339 nor whole Unix seconds, nor ...

A number in JSON says what the same number says in a URL: 20160412 is a date.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.errors import BadQueryError
from psd.foreign_texts import shown
from psd.times import read, read_ms, unit_hint
from psd.zones import UTC

_LOST_PLUS = re.compile(
    r"((?:T\d{4,6}|:\d\d)(?:[.,]\d+)?) (?=\d\d:?\d\d\Z)", re.ASCII | re.IGNORECASE
)
"""``+02:00`` comes as a blank and ``02:00`` when nobody escaped the plus sign of a URL."""


def moment(value: int | str, field: str, tz: ZoneInfo = UTC, now_s: int | None = None) -> int:
    """The Unix second that a question names; raises BadQueryError.

    What has no zone is of ``tz``. Without ``now_s``, in a definition that is kept, what is
    relative to now is refused.
    """
    try:
        return read(_with_plus(value) if isinstance(value, str) else value, tz, now_s)
    except ValueError as exc:
        raise BadQueryError(f"{field}: {exc}") from exc


def moment_ms(text: str, field: str) -> int:
    """The Unix millisecond that a question names; raises BadQueryError."""
    try:
        return read_ms(_with_plus(text))
    except ValueError as exc:
        raise BadQueryError(f"{field}: {exc}") from exc


def _with_plus(text: str) -> str:
    return _LOST_PLUS.sub(r"\1+", text) if " " in text else text


def held(second: int) -> int:
    """The second itself between 1970 and 2200, outside of which nothing can be booked."""
    return min(second, TIME_END_S) if second > 0 else 0


def asked_range(
    start: int | str,
    end: int | str | None,
    now_s: int | None,
    as_of: int | str | None = None,
    *,
    tz: ZoneInfo = UTC,
    prefix: str = "",
) -> Range:
    """The half-open range of a question; ``end`` is now unless given, ``as_of`` cuts it.

    Raises BadQueryError where nothing can lie in it: a start past 2199, or an end that is given
    and not behind the start. A range that only the cut has emptied is empty: at that instant
    nothing of it had happened. An end past 2199 is the end of all time. ``now_s`` is None in a
    definition that is kept, which has an end.
    """
    first = moment(start, f"{prefix}start", tz, now_s)
    if end is None:
        assert now_s is not None, "only a question may leave its end to the clock"
        last = max(first, now_s)
        check_start(first, start, prefix)
    else:
        last = moment(end, f"{prefix}end", tz, now_s)
        check_ends(first, last, (start, end), prefix)
    if as_of is not None:
        last = min(last, moment(as_of, "as_of", tz, now_s))
    first, last = held(first), held(last)
    return Range(first, max(first, last))


def check_start(first: int, start: int | str, prefix: str = "") -> None:
    """Refuse a second behind all that can be booked; ``start`` is how it was given."""
    if first >= TIME_END_S:
        raise BadQueryError(
            f"{prefix}start: {shown(start)} lies past 2199, where nothing is booked"
            f"{unit_hint(first)}"
        )


def check_ends(first: int, last: int, given: tuple[int | str, int | str], prefix: str = "") -> None:
    """Refuse a range that holds no second; ``given`` is how its ends were."""
    start, end = given
    check_start(first, start, prefix)
    if first > last:
        raise BadQueryError(
            f"{prefix}start: {shown(start)} must not be after {prefix}end {shown(end)}"
        )
    if held(first) == held(last):
        what = prefix.rstrip(".") or "range"
        raise BadQueryError(
            f"{what}: {shown(start)} to {shown(end)} holds no second; the end is not in it"
        )

"""Times as people and programs write them, as whole Unix seconds: one reader for every door. Pure.

Events bring timestamps of RFC 3339, with their zone: :func:`timestamp`. Questions, the command
line and imports are read by :func:`read`, which takes those and what people write::

    2016-04-12T05:00:00.75-04:00    1460451600, parts of a second dropped; t, z or a blank too
    2016-12-31T23:59:60Z            1483228800: a leap second is the next second
    2016-04-12T05:00                without a zone it is of ``tz``, UTC unless given
    2016-04-12, 20160412            a date: its first second in ``tz``; so are 2016-05 and 2016
    1460451600, 1460451600.75       Unix seconds
    -7d, -1h30m, now, yesterday     from ``now_s``, where a question is asked; days are of ``tz``
    1460451600000                   refused: it looks like milliseconds

**When a whole number is Unix seconds.** Four digits are a year and eight a date, never a second of
1970. Every other number is Unix seconds, within the years 1 to 9999. In a cell of a file
(``is_cell``) they need nine digits, which they have since 1973: a shorter number in a column is the
day of a spreadsheet, or the column is another one.

Every refusal is a ValueError whose text shows what was given and names the rule.
"""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from psd.clock import EPOCH, utc_text
from psd.foreign_texts import shown
from psd.zones import DATE_S, UTC, beginning_of, second_at, wall_s

CALENDAR_START_S = -62_135_596_800
CALENDAR_END_S = 253_402_300_800
"""The years 1 to 9999, in which every time has a text."""

NINE_DIGITS = 10**8
"""1973-03-03: the first second whose number has nine digits."""

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_DATE = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_RFC_3339 = re.compile(
    rf"{_DATE}[Tt ]{_CLOCK}(?:\.(?P<fraction>\d+))?(?P<zone>[Zz]|[+-]\d\d:\d\d)", re.ASCII
)

_ZONE = r" ?(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)"
_FORMS = [
    re.compile(form, re.ASCII)
    for form in (
        rf"{_DATE}(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)"
        rf"(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?(?:{_ZONE})?)?",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:[Tt](?P<hour>\d\d)(?P<minute>\d\d)"
        rf"(?:(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?(?:{_ZONE})?)?",
        r"(?P<year>\d{4})(?:-(?P<month>\d\d))?",
        r"(?P<year>\d{4})-?[Ww](?P<week>\d\d)(?:-?(?P<weekday>[1-7]))?",
    )
]
"""ISO 8601 with and without its marks, and what is only a month, a year or a week."""

_PLAIN_SECONDS = re.compile(r"[1-9]\d{8,9}", re.ASCII)
"""Nine or ten digits are Unix seconds and nothing else: what programs send, in one look."""

_NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<whole>\d+)(?:\.(?P<fraction>\d+))?", re.ASCII)
_RELATIVE = re.compile(r"-(?:\d{1,9}[smhdw])+", re.ASCII)
_SPAN = re.compile(r"(\d+)([smhdw])", re.ASCII)
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}

_SPREADSHEET_DAYS = range(20_000, 80_000)
_SPREADSHEET_EPOCH_DAYS = 25_569
"""1 January 1970 as spreadsheets count days; 20,000 is in 1954, 80,000 in 2119."""

_EXPECTED = "is neither RFC 3339 nor whole Unix seconds nor a date"
_OR_RELATIVE = ", nor relative to now (-7d, -36h, now, today, yesterday)"

Parts = tuple[int, str]
"""A whole second, and the digits of the part of a second that lies behind it."""


def timestamp(text: str) -> int:
    """The second of an RFC 3339 timestamp with its zone; raises ValueError.

    >>> timestamp("2022-02-07T06:00:00.9+01:00")
    1644210000
    """
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{shown(text)} is neither RFC 3339 with a zone (2022-02-07T05:00:00Z) "
            "nor epoch seconds"
        )
    return _civil(found, UTC)[0]


def read(
    value: int | str,
    tz: ZoneInfo | None = UTC,
    now_s: int | None = None,
    *,
    is_cell: bool = False,
) -> int:
    """The second of a time as people write it; raises ValueError.

    What has no zone is of ``tz``, and refused where that is None; without ``now_s`` what is
    relative to now is refused.
    """
    text = str(value)
    if _PLAIN_SECONDS.fullmatch(text):
        return int(text)
    return _parts(value, tz, now_s, is_cell=is_cell)[0]


def read_ms(text: str, tz: ZoneInfo = UTC) -> int:
    """The same in milliseconds, rounded to the nearest; nothing relative."""
    return milliseconds(*_parts(text, tz, None, is_cell=False))


def milliseconds(second: int, fraction: str) -> int:
    """A second with the digits of its part behind it, rounded to the nearest millisecond.

    >>> milliseconds(1460419201, "4995")
    1460419201500
    """
    ten_thousandths = int(fraction[:4].ljust(4, "0"))
    return second * 1000 + (ten_thousandths + 5) // 10


def is_relative(text: str) -> bool:
    """Whether a text counts from now: ``now``, ``yesterday``, ``-1d12h``."""
    word = text.strip(" \t").lower()
    return word == "now" or word in _DAYS or _RELATIVE.fullmatch(word) is not None


def unit_hint(number: int) -> str:
    """What a number far past any second looks like; empty where nothing does.

    >>> unit_hint(1460451600000)
    '; it looks like milliseconds of 2016-04-12T09:00:00Z: divide by 1000'
    """
    for unit, factor in (("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9)):
        second = number // factor
        if NINE_DIGITS <= second < 100 * NINE_DIGITS:
            return f"; it looks like {unit} of {utc_text(second)}: divide by {factor}"
    return ""


def _parts(value: int | str, tz: ZoneInfo | None, now_s: int | None, *, is_cell: bool) -> Parts:
    text = str(value).strip(" \t")
    try:
        found = _asked(text, tz, now_s)
        if found is None:
            found = _numbered(text, is_cell=is_cell)
    except OverflowError as exc:
        raise ValueError(f"{shown(value)} lies outside of the years 1 to 9999") from exc
    if found is None:
        raise ValueError(f"{shown(value)} {_EXPECTED}{'' if now_s is None else _OR_RELATIVE}")
    if not CALENDAR_START_S <= found[0] < CALENDAR_END_S:
        hint = unit_hint(found[0]) if _NUMBER.fullmatch(text) else ""
        raise ValueError(f"{shown(value)} lies outside of the years 1 to 9999{hint}")
    return found


def _asked(text: str, tz: ZoneInfo | None, now_s: int | None) -> Parts | None:
    """A text that is no number of seconds; None where it is none of those."""
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            return _civil(found, tz)
    if not is_relative(text):
        return None
    if now_s is None:
        raise ValueError(f"{shown(text)} moves with the clock; here a time must stand still")
    return _relative(text.lower(), tz or UTC, now_s), ""


def _relative(word: str, tz: ZoneInfo, now_s: int) -> int:
    if word in _DAYS:
        today = dt.datetime.fromtimestamp(now_s, tz).date()
        return beginning_of(today + dt.timedelta(days=_DAYS[word]), tz)
    spans = _SPAN.findall(word)
    return now_s - sum(int(count) * UNIT_SECONDS[unit] for count, unit in spans)


def _numbered(text: str, *, is_cell: bool) -> Parts | None:
    """Unix seconds, rounded down where they have a fraction."""
    number = _NUMBER.fullmatch(text)
    if number is None:
        return None
    second, fraction = int(number["whole"]), number["fraction"] or ""
    if (is_cell or fraction) and second < NINE_DIGITS:
        raise ValueError(
            f"{shown(text)} is no date, and as Unix seconds it is too small: they have nine "
            f"digits since 1973{_spreadsheet_hint(second, fraction)}"
        )
    if number["sign"] != "-":
        return second, fraction
    if not fraction.strip("0"):
        return -second, ""
    # A part of a second lies behind the whole second below it.
    rest = 10 ** len(fraction) - int(fraction)
    return -second - 1, str(rest).rjust(len(fraction), "0")


def _spreadsheet_hint(days: int, fraction: str) -> str:
    if days not in _SPREADSHEET_DAYS:
        return ""
    of_day_s = int(fraction[:9].ljust(9, "0")) * DATE_S // 10**9
    second = (days - _SPREADSHEET_EPOCH_DAYS) * DATE_S + of_day_s
    return f" (the day of a spreadsheet? then it is {utc_text(second)}; let it write dates)"


def _civil(found: re.Match[str], tz: ZoneInfo | None) -> Parts:
    """What a calendar and a clock show, in ``tz`` where it has no zone of its own."""
    try:
        fields = found.groupdict()
        date = _date(fields)
        if tz is None:
            if fields.get("zone") is None:
                raise ValueError("it has no zone; write it with a Z at its end")
            tz = UTC
        if fields.get("hour") is None:
            return beginning_of(date, tz), ""
        return _on_clock(date, fields, tz), fields["fraction"] or ""
    except ValueError as exc:
        raise ValueError(f"{shown(found.string)}: {exc}") from exc


def _date(fields: dict[str, str | None]) -> dt.date:
    year = int(fields["year"] or 0)
    if fields.get("week") is not None:
        week, weekday = fields["week"] or "", fields["weekday"] or "1"
        return dt.date.fromisocalendar(year, int(week), int(weekday))
    return dt.date(year, int(fields.get("month") or 1), int(fields.get("day") or 1))


def _on_clock(date: dt.date, fields: dict[str, str | None], tz: ZoneInfo) -> int:
    hour, minute, second = (int(fields[name] or 0) for name in ("hour", "minute", "second"))
    if hour == 24:
        raise ValueError("hours are 00 to 23; a day ends at 00:00 of the next")
    is_leap = second == 60
    clock = dt.time(hour, minute, 59 if is_leap else second)
    shown_s = wall_s(date) + clock.hour * 3600 + clock.minute * 60 + clock.second
    zone = fields["zone"]
    at_s = second_at(shown_s, tz) if zone is None else shown_s - _offset_s(zone)
    if is_leap:
        at_s += 1
        if at_s % DATE_S or (EPOCH + dt.timedelta(seconds=at_s)).day != 1:
            raise ValueError("a second 60 is only at the end of a month of UTC, at 23:59:60Z")
    return at_s


def _offset_s(zone: str) -> int:
    if zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(f"offset {zone} must lie within +-23:59")
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)

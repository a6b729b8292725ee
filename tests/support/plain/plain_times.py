"""What a time in a question means, as docs/http.md has it, with nothing of psd in it.

Python's own reader of ISO 8601 takes the texts apart; the second at which a zone's clocks show a
time is found by looking at all offsets that the zone has about that day::

    read("2016-04-12T05:00:00-04:00")               -> 1460451600
    read("2016-04-12", "Europe/Berlin")             -> 1460412000
    read(20160412), read("-7d", now_s=1461056400)   -> 1460419200, 1460451600
    read("2016-03-27T02:30", "Europe/Berlin")       -> RefusedError: its clocks never show it
    range_of({"start": 9, "end": 8}, now_s)         -> RefusedError("start")
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from tests.support.plain.plain_calendar import DAY_S, Piece, beginning, offset_s

Fields = dict[str, Any]

END_OF_TIME_S = 7_258_118_400
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
YEARS_1_TO_9999 = range(-62_135_596_800, 253_402_300_800)
LOOK_S = 900
DATE_DIGITS = {4: "{}-01-01", 8: "{}"}
WORDS = {"yesterday": -1, "today": 0, "tomorrow": 1}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY_S, "w": 7 * DAY_S}


class RefusedError(Exception):
    """A question is a mistake; the text is the field that its refusal begins with."""


def read(when: int | str, tz: str = "UTC", now_s: int = 0, field: str = "time") -> int:
    """The second that a time means in a zone; raises RefusedError with the name of the field."""
    try:
        found = _second(str(when), tz, now_s)
    except (ValueError, OverflowError) as error:
        raise RefusedError(field) from error
    if found not in YEARS_1_TO_9999:
        raise RefusedError(field)
    return found


def range_of(fields: Fields, now_s: int, tz: str = "UTC") -> Piece:
    """[start, end) as a question has it: cut at ``as_of``, and to what can be booked."""
    start, end = fields.get("start", 0), fields.get("end")
    piece = ends_of(start, end, now_s, tz)
    if "as_of" in fields:
        piece = piece[0], min(piece[1], read(fields["as_of"], tz, now_s, "as_of"))
    return tidy(*piece)


def ends_of(
    start: int | str, end: int | str | None, now_s: int, tz: str, prefix: str = ""
) -> Piece:
    """Both ends as they were written; RefusedError where no second can lie between them."""
    first = read(start, tz, now_s, f"{prefix}start")
    last = now_s if end is None else read(end, tz, now_s, f"{prefix}end")
    if first >= END_OF_TIME_S or (end is not None and first > last):
        raise RefusedError(f"{prefix}start")
    if end is not None and bookable(first) == bookable(last):
        raise RefusedError(prefix.rstrip(".") or "range")
    return first, last


def bookable(second: int) -> int:
    """The second itself, or the nearest at which something can be booked."""
    return min(max(second, 0), END_OF_TIME_S)


def tidy(start: int, end: int) -> Piece:
    """A range within the time that can be booked, empty rather than backwards."""
    return bookable(start), max(bookable(start), bookable(end))


def number_or_text(second: int) -> int | str:
    """A second as a number, or as RFC 3339 where the number would be a year or a date."""
    return written(second) or "" if len(str(second)) in DATE_DIGITS else second


def written(second: int | None) -> str | None:
    """A second as answers have it."""
    if second is None:
        return None
    return dt.datetime.fromtimestamp(second, dt.UTC).isoformat().replace("+00:00", "Z")


def _second(text: str, tz: str, now_s: int) -> int:
    if text in WORDS:
        today = dt.date.fromordinal(EPOCH.toordinal() + (now_s + offset_s(now_s, tz)) // DAY_S)
        return beginning(today + dt.timedelta(days=WORDS[text]), tz)
    if text == "now":
        return now_s
    if text[0] == "-" and text[-1] in UNITS:
        return now_s - sum(int(part[:-1]) * UNITS[part[-1]] for part in re.findall(r"\d+\D", text))
    if text.lstrip("-").replace(".", "").isdigit() and text.count("-") == text.startswith("-"):
        if len(text) not in DATE_DIGITS or text[0] == "-":
            return int(text.partition(".")[0])
        text = DATE_DIGITS[len(text)].format(text)
    if re.fullmatch(r"\d{4}-\d\d", text):
        text += "-01"
    if "T" in text.upper() or " " in text:
        return _moment(dt.datetime.fromisoformat(text.upper()), tz)
    return beginning(dt.date.fromisoformat(text), tz)


def _moment(parsed: dt.datetime, tz: str) -> int:
    if parsed.tzinfo is not None:
        return (parsed - EPOCH) // SECOND
    shown_s = (parsed.replace(tzinfo=dt.UTC) - EPOCH) // SECOND
    about = range(shown_s - 26 * 3600, shown_s + 26 * 3600, LOOK_S)
    offsets = {offset_s(second, tz) for second in about}
    found = [shown_s - each for each in offsets if offset_s(shown_s - each, tz) == each]
    if len(found) != 1:
        raise ValueError(f"the clocks of {tz} show {parsed} {len(found)} times")
    return found[0]

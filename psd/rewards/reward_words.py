"""How pages of rewards say what they show, and how what they show becomes a file. Pure.

>>> tokens("1105000000000000000000000"), left(97_200), level_bar([3, 1])
('1,105,000', '1 d 3 h', [(1, 0.0, 75.0, 3), (2, 75.0, 25.0, 1)])
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

import msgspec

from psd.domain.question import Asked
from psd.domain.web_page import Answer, Content, Download, Visit
from psd.errors import ForbiddenError
from psd.rewards.shares import tokens_text

WHOLE = 100.0
DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60

FILES = ("csv", "json")
"""Parameters by which a page is asked for as a file."""

_encode = msgspec.json.Encoder().encode


def tokens(wei: str | None) -> str:
    """Tokens for people, rounded down to four digits; a dash where there are none."""
    return "-" if wei is None else tokens_text(int(wei))


def number(value: int | None) -> str:
    """A whole number for people; a dash where there is none."""
    return "-" if value is None else f"{value:,}"


def left(seconds: int) -> str:
    """How long there is, in its two largest units."""
    days, rest = divmod(max(seconds, 0), DAY_S)
    hours, rest = divmod(rest, HOUR_S)
    minutes = rest // MINUTE_S
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def level_bar(levels: Sequence[int]) -> list[tuple[int, float, float, int]]:
    """Vehicles by level as parts of a bar of 100: level, where it begins, how wide, how many."""
    whole, at = sum(levels), 0.0
    found = []
    for level, vehicles in enumerate(levels, 1):
        width = WHOLE * vehicles / whole if whole else 0.0
        found.append((level, round(at, 2), round(width, 2), vehicles))
        at += width
    return found


def link(path: str, **asked: object) -> str:
    """A path with those parameters that are something."""
    kept = {name: str(value) for name, value in asked.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path


def part(text: str) -> str:
    """A text as a part of a path."""
    return quote(text, safe="")


def asked_of(visit: Visit, query: msgspec.Struct, **path: int) -> Asked:
    """The question of a page, as HTTP would ask it."""
    return Asked(query, path, visit.identity, visit.sees)


def check_all(visit: Visit) -> None:
    """Raises ForbiddenError for one who may not see everybody."""
    if visit.identity.owners is not None:
        raise ForbiddenError("this is about everybody, and you may see single owners alone")


def is_file(visit: Visit) -> bool:
    """Whether a page is asked for as a file, which shows no error beside a form."""
    return any(name in visit.query for name in FILES)


def as_file(visit: Visit, name: str, answer: msgspec.Struct, rows: str = "data") -> Answer | None:
    """What a page shows as JSON, or its rows as CSV, where one of them is asked for."""
    if "json" in visit.query:
        return Content(f"{name}.json", "application/json", _encode(answer))
    if "csv" in visit.query:
        listed: Sequence[msgspec.Struct] = getattr(answer, rows)
        columns = listed[0].__struct_fields__ if listed else ()
        cells = [[_cell(getattr(row, column)) for column in columns] for row in listed]
        return Download(f"{name}.csv", columns, cells)
    return None


def _cell(value: object) -> object:
    if isinstance(value, list):
        return "+".join(map(str, value))
    return "" if value is None else value

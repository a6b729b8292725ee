"""What readers of files tell: intervals, rows that are none, and when others may have a turn. Pure.

A reader gives one of these after the other, so that whoever reads decides what becomes of a row
that is refused, and lets others in between::

    (2, EnergyInterval(1350001800, 1350003600, 214000, "import", 0))
    RefusedInterval(3, WrongTypeError("value: 'much' is no decimal number"))
    None                                   a part of the file was read that had no interval
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from psd.energy.channels import EnergyInterval
from psd.engine.nesting import JSON, check_nesting
from psd.errors import InputError, MalformedError, WrongTypeError
from psd.foreign_texts import shown
from psd.measures.units import decimal_of

_OFFSET = re.compile(r"(T[0-9:.]+[+-][0-9]{2})([0-9]{2})", re.ASCII)


class RefusedInterval(msgspec.Struct, frozen=True):
    """A row that is no interval: its line, of JSON its number, and the rule that it breaks."""

    line: int
    error: InputError


FileRow = tuple[int, EnergyInterval] | RefusedInterval | None


def json_of(body: bytes) -> Any:
    """What a file of JSON says; raises MalformedError for one that is none, or nested too deep."""
    check_nesting(body, JSON)
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedError(f"file: no JSON ({exc})") from exc


def with_colon(moment: str) -> str:
    """A time as RFC 3339 has it, where its offset is written as others of ISO 8601 write it.

    >>> with_colon("2018-05-19T00:30:00+0100"), with_colon("2018-05-18T23:30:00Z")
    ('2018-05-19T00:30:00+01:00', '2018-05-18T23:30:00Z')
    """
    date, found = moment[:10], _OFFSET.fullmatch(moment[10:])
    return f"{date}{found[1]}:{found[2]}" if found else moment


def number_in(row: dict[str, Any], name: str) -> Decimal:
    """A number of an object of JSON; raises an InputError for what is none."""
    value = row.get(name)
    if not isinstance(value, int | float | str):
        raise WrongTypeError(f"{name}: {shown(str(value))} is no decimal number")
    return decimal_of(value, name)


def strictly(rows: Iterable[FileRow]) -> list[EnergyInterval]:
    """The intervals of a file; raises what the first row is refused for, with its line."""
    found = []
    for row in rows:
        if isinstance(row, RefusedInterval):
            raise type(row.error)(f"line {row.line}: {row.error}")
        if row is not None:
            found.append(row[1])
    return found

"""Times as people write them on a command line or in a file, as whole Unix seconds.

psd/times.py reads them; here are the types of options, and the format of a column::

    parse_time("2016-04-12 01:00", tz=zone("Europe/Berlin"))         -> 1460415600
    parse_time("4/12/2016 1:00", "%m/%d/%Y %H:%M")                   -> 1460422800
    parse_time("2016-01-12 05:00 EST", "%Y-%m-%d %H:%M %Z")
    -> ValueError: '2016-01-12 05:00 EST' does not match ..., whose %Z reads UTC, GMT and Z alone

Nothing here depends on the zone or the language of the machine: names of zones are ambiguous
(EST is New York's, and was Sydney's), and Python's strptime takes those of the machine alone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable
from typing import TypeVar
from zoneinfo import ZoneInfo

import click

from psd.clock import EPOCH, SystemClock
from psd.foreign_texts import shown
from psd.times import read
from psd.zones import UTC, second_at

_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DIRECTIVES = frozenset("aAbBdfGHIjmMpSuUVwWyYzZ%")
"""What is read the same on every machine. %c, %x and %X are a language's."""

_UTC_NAMES = ("UTC", "GMT", "Z")

T = TypeVar("T")


def parse_time(text: str, time_format: str | None = None, tz: ZoneInfo = UTC) -> int:
    """The second of a cell of a file; raises ValueError.

    ``time_format`` is strptime's. What has no zone of its own is of ``tz``.
    """
    if time_format is None:
        return read(text, tz, is_cell=True)
    try:
        return _formatted(text.strip(), check_format(time_format), tz)
    except OverflowError as exc:
        raise ValueError(f"{shown(text)} lies outside of the years 1 to 9999") from exc


def check_format(time_format: str) -> str:
    """The format itself; raises ValueError for what no machine, or not each, reads the same."""
    for directive in _directives(time_format):
        if directive not in _DIRECTIVES:
            raise ValueError(
                f"%{directive} is not read; a format has %Y %m %d %H %M %S %z and others of "
                "strptime's that do not depend on a language"
            )
    return time_format


def _formatted(text: str, time_format: str, tz: ZoneInfo) -> int:
    """The second of a text in a format; a name of UTC in it goes before ``tz``."""
    if "Z" not in _directives(time_format):
        return _second(text, time_format, tz)
    for name in _UTC_NAMES:
        with contextlib.suppress(ValueError):
            return _second(text, _with_zone_name(time_format, name), UTC)
    raise ValueError(
        f"{shown(text)} does not match {time_format!r}, whose %Z reads UTC, GMT and Z alone: other "
        "names mean several zones; write offsets (%z), or leave the name out"
    )


def _second(text: str, time_format: str, tz: ZoneInfo) -> int:
    try:
        if "z" in _directives(time_format):
            return _since_epoch(dt.datetime.strptime(text, time_format).astimezone(dt.UTC))
        wall = dt.datetime.strptime(text, time_format).replace(tzinfo=dt.UTC)
        return second_at(_since_epoch(wall), tz)
    except ValueError as exc:
        raise ValueError(f"{shown(text)} by {time_format!r}: {exc}") from exc


def _since_epoch(when: dt.datetime) -> int:
    return (when - EPOCH) // dt.timedelta(seconds=1)


def _directives(time_format: str) -> list[str]:
    return _DIRECTIVE.findall(time_format)


def _with_zone_name(time_format: str, name: str) -> str:
    """The format with a name in the place of %Z."""
    return _DIRECTIVE.sub(lambda found: name if found[1] == "Z" else found[0], time_format)


def time_argument(text: str) -> int:
    """Read a time that is asked for, also one relative to now (a click type)."""
    return _argument(lambda: read(text, now_s=SystemClock().now_s()))


def fixed_time_argument(text: str) -> int:
    """Read a time that is booked, and does not move with the clock (a click type)."""
    return _argument(lambda: read(text))


def format_argument(text: str) -> str:
    """Read the format of a column of times (a click type)."""
    return _argument(lambda: check_format(text))


def _argument(reading: Callable[[], T]) -> T:
    try:
        return reading()
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc

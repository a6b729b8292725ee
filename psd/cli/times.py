"""Times as people write them on a command line or in a file, as whole Unix seconds.

>>> parse_time("2016-04-12T05:00:00-04:00")
1460451600
>>> parse_time("1460451600")
1460451600

A time without a zone is UTC. Parts of a second are dropped.
"""

from __future__ import annotations

import datetime as dt
import re

import click

from psd.clock import EPOCH

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?\Z")


def parse_time(text: str, time_format: str | None = None) -> int:
    """Read epoch seconds or ISO 8601 (RFC 3339), or what ``time_format`` (strptime) says.

    Raises ValueError.
    """
    text = text.strip()
    if time_format is not None:
        return whole_seconds(_moment(text, time_format))
    number = _NUMBER.match(text)
    if number:
        return int(text.partition(".")[0])
    return whole_seconds(dt.datetime.fromisoformat(text))


def _moment(text: str, time_format: str) -> dt.datetime:
    if "%z" in time_format.replace("%%", ""):
        return dt.datetime.strptime(text, time_format).astimezone(dt.UTC)
    return dt.datetime.strptime(text, time_format).replace(tzinfo=dt.UTC)


def whole_seconds(moment: dt.datetime) -> int:
    """Whole seconds since 1970, rounded down; a moment without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - EPOCH) // dt.timedelta(seconds=1)


def time_argument(text: str) -> int:
    """Read a time on the command line (a click type)."""
    try:
        return parse_time(text)
    except (ValueError, OverflowError) as exc:
        raise click.BadParameter(f"{text!r} is neither RFC 3339 nor epoch seconds") from exc

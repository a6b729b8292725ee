"""The time of what happened, as a producer may write it. Pure.

>>> second_in("time", "2022-02-07T06:00:00.9+01:00")
1644210000
"""

from __future__ import annotations

from psd.errors import InvalidTimeError
from psd.times import timestamp

Time = int | str
"""Epoch seconds, or RFC 3339 with its zone."""


def second_in(name: str, time: Time) -> int:
    """The Unix second of a time, parts of a second dropped; raises InvalidTimeError."""
    if isinstance(time, int):
        return time
    try:
        return timestamp(time)
    except ValueError as exc:
        raise InvalidTimeError(f"{name}: {exc}") from exc

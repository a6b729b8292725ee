"""What stands in a path or a list, read by the original's rules.

The original's ranges include both ends; psd's are half-open. They are converted here and
nowhere else::

    inclusive_range(1496539746, 1496539747) -> Range(1496539746, 1496539748)

Both ends are held between 1970 and 2200 (nothing can be booked outside), so that a range up
to the limits of a 64-bit integer costs no more than any other.

Of the routes that are ours a number is a number, or the request is refused: :func:`whole_number`.
Where an answer goes on is an opaque ``cursor``::

    write_cursor(16, -1)   -> "MTYuLTE"
"""

from __future__ import annotations

import base64
import binascii
import re

from aiohttp import web

from psd.engine.events import ID_MAX, TIME_END_S
from psd.engine.plan import Range
from psd.errors import MalformedError, OutOfBoundsError, TooLargeError, WrongTypeError
from psd.integers import CANONICAL

_INTEGER = re.compile(r"[+-]?0*[0-9]{1,19}", re.ASCII)
_CURSOR = re.compile(r"-?[0-9]{1,19}\.-?[0-9]{1,19}", re.ASCII)

ANY_ATID = "all"
"""The word that asks for every activity type; 0 is an ordinary type."""


def integer(text: str) -> int:
    """A number in a path; whatever is not a 64-bit integer counts as 0."""
    if not _INTEGER.fullmatch(text):
        return 0
    number = int(text)
    return number if -ID_MAX - 1 <= number <= ID_MAX else 0


def inclusive_range(start: int, end: int) -> Range:
    """The half-open range of ``start`` to ``end``, both included; empty when reversed."""
    return Range(_held(start), _held(end + 1))


def check_span(range_: Range, span_max_s: int) -> Range:
    """The range itself; refused when it is longer than ``span_max_s`` (0 allows any).

    What lies outside of 1970 to 2200 is cut off before and does not count.
    """
    span_s = range_.end - range_.start
    if span_max_s and span_s > span_max_s:
        raise TooLargeError(f"range: {span_s} s asked, at most {span_max_s} s are allowed")
    return range_


def whole_number(name: str, text: str, least: int, most: int) -> int:
    """A number within its limits; raises WrongTypeError or OutOfBoundsError."""
    if not CANONICAL.fullmatch(text):
        raise WrongTypeError(f"{name}: {text[:100]!r} is no whole number")
    number = int(text)
    if not least <= number <= most:
        raise OutOfBoundsError(f"{name}: {number} must lie between {least} and {most}")
    return number


def asked_number(request: web.Request, name: str, least: int, most: int) -> int | None:
    """The same of a query's parameter; None when it is not given."""
    text = request.query.get(name)
    return None if text is None else whole_number(name, text, least, most)


def write_cursor(first: int, second: int) -> str:
    """Two numbers as a client carries them; what they mean is the route's."""
    return base64.urlsafe_b64encode(f"{first}.{second}".encode()).decode().rstrip("=")


def read_cursor(request: web.Request) -> tuple[int, int] | None:
    """The numbers of ``?cursor=``, None when it is not given; raises MalformedError."""
    text = request.query.get("cursor")
    if text is None:
        return None
    try:
        found = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as exc:
        raise MalformedError("cursor: none that an answer gave") from exc
    if not _CURSOR.fullmatch(found):
        raise MalformedError("cursor: none that an answer gave")
    first, _, second = found.partition(".")
    return int(first), int(second)


def _held(second: int) -> int:
    return min(max(second, 0), TIME_END_S)

"""Reads what is posted to the JOI face, and its ``limit``, by the rules of the original. Pure.

A number may be a text, and a truth value a number, but nothing is rounded and nothing trimmed::

    {"time": "1606636800", "reading": "0.5"}   -> (1606636800, 0.5)
    {"time": 1606636860.0, "reading": false}   -> (1606636860, 0.0)
    {"time": 1.5}, {"time": " 5 "}, {"reading": null}, {"reading": 1e999}   -> refused, as a whole

Fields that nobody knows are dropped, of a field that stands twice the last counts. A body is read
as JSON if its type says so, or if it has none.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from psd.energy.documented import JoiReading
from psd.errors import MalformedError, OutOfBoundsError, TooLargeError, WrongTypeError
from psd.foreign_texts import shown

METER_BYTES_MAX = 256
READINGS_MAX = 5_000
"""Of a batch: of a message of the queue there are no more."""

DIGITS_MAX = 4_300
"""Of a number in a text; Python reads no longer ones."""

UNREADABLE = "There was an error parsing the body"
"""What the original says of bytes that are no text, and of what is nested too deep."""

_JSON_TYPE = re.compile(r"application/(?:json|[^/\s]*\+json)", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]+(?:(?:_[0-9]+)*|\.0*)", re.ASCII)
_PLAIN = re.compile(r"[!-~]+")
_INT_OF_FLOAT_MAX = 2.0**63


class BatchBody(msgspec.Struct, frozen=True):
    """Readings of a meter as they are taken."""

    meter: str
    readings: list[JoiReading]


def read_batch(body: bytes, content_type: str) -> BatchBody:
    """What a body says; raises an InputError that names what is wrong."""
    told = _decoded(body, content_type)
    if not isinstance(told, dict):
        raise WrongTypeError("body: expected one JSON object")
    meter, listed = (_field(told, name) for name in ("smartMeterId", "electricityReadings"))
    if not isinstance(listed, list):
        raise WrongTypeError(f"electricityReadings: {shown(listed)} is no list")
    if len(listed) > READINGS_MAX:
        raise TooLargeError(f"electricityReadings: {len(listed)}, at most {READINGS_MAX} are taken")
    return BatchBody(_meter(meter), [_reading(at, each) for at, each in enumerate(listed)])


def whole(field: str, value: object) -> int:
    """A whole number, however it is written; raises WrongTypeError."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and abs(value) < _INT_OF_FLOAT_MAX and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) <= DIGITS_MAX and _WHOLE.fullmatch(value):
        return int(value.partition(".")[0])
    raise WrongTypeError(f"{field}: {shown(value)} is no whole number")


def _number(field: str, value: object) -> float:
    """A number that is finite, however it is written."""
    is_told = isinstance(value, int | float)
    if not is_told and not (isinstance(value, str) and _PLAIN.fullmatch(value)):
        raise WrongTypeError(f"{field}: {shown(value)} is no number")
    assert isinstance(value, int | float | str), "looked at above"
    try:
        found = float(value)
    except (ValueError, OverflowError) as exc:
        raise WrongTypeError(f"{field}: {shown(value)} is no number") from exc
    if not math.isfinite(found):
        raise OutOfBoundsError(f"{field}: {shown(value)} is not finite")
    return found


def _decoded(body: bytes, content_type: str) -> Any:
    kind = content_type.partition(";")[0].strip()
    if not body or (kind and not _JSON_TYPE.fullmatch(kind)):
        raise WrongTypeError("body: expected one JSON object, as application/json")
    try:
        return json.loads(body)
    except json.JSONDecodeError as exc:
        raise WrongTypeError(f"body: not JSON ({exc})") from exc
    except (ValueError, RecursionError) as exc:
        raise MalformedError(UNREADABLE) from exc


def _field(told: dict[str, Any], name: str, of: str = "") -> Any:
    if name not in told:
        raise WrongTypeError(f"{of}{name}: missing; it is needed")
    return told[name]


def _meter(value: object) -> str:
    if not isinstance(value, str):
        raise WrongTypeError(f"smartMeterId: {shown(value)} is no text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as exc:
        raise WrongTypeError("smartMeterId: holds half of a character") from exc
    if size > METER_BYTES_MAX:
        raise TooLargeError(f"smartMeterId: {size} bytes, at most {METER_BYTES_MAX} are taken")
    return value


def _reading(place: int, told: object) -> JoiReading:
    of = f"electricityReadings[{place}]"
    if not isinstance(told, dict):
        raise WrongTypeError(f"{of}: {shown(told)} is no JSON object")
    second = whole(f"{of}.time", _field(told, "time", f"{of}."))
    return second, _number(f"{of}.reading", _field(told, "reading", f"{of}."))

"""Events as programs have them, as the JSON that a server reads. Pure.

A program's numbers and times are not always ``int``. What is meant beyond doubt is taken, all else
is refused with the field, its value and the rule::

    {"thing": "steps", "uid": numpy.int64(7), "value": 90.0, "ts2": datetime(..., tzinfo=UTC)}
    -> {"thing":"steps","uid":7,"value":90,"ts2":1460422800}
    value: True is a truth value, not a number
    value: 90.5 is not a whole number
    ts2: 2016-04-12 01:00:00 has no time zone

Where a whole number is due (:data:`NUMBERS`) an object with ``__index__`` is one, and so is a
float or a decimal whose fraction is zero. Where a second is due (:data:`TIMES`) a moment is one
too: a ``datetime`` or ``pandas.Timestamp`` that knows its zone, or a ``numpy.datetime64``, which
is UTC. Parts of a second are dropped, of ``time.time()`` as well. No such library is imported:
its numbers are told by what they can do.
"""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import UNSET

from psd.errors import WrongTypeError

Event = Mapping[str, Any] | msgspec.Struct | bytes
"""The fields of a metric, or a message of the queue; bytes are its JSON."""

NUMBERS = frozenset({"uid", "atid", "aid", "value", "points", "vehicle", "owner"})
TIMES = frozenset({"ts", "ts1", "ts2", "time", "minted_at"})

FLOAT_WHOLE_MAX = 2**53
"""A larger float may have been rounded from another number."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND = dt.timedelta(seconds=1)
_PLAIN = frozenset({int, str, type(None)})


def document_of(event: Event) -> bytes:
    """The JSON of one event; raises WrongTypeError."""
    if isinstance(event, bytes):
        return event
    if isinstance(event, msgspec.Struct):
        return _encode(dict(_members(event, "")))
    if _PLAIN.issuperset(map(type, event.values())):
        return _encode(event)
    return _encode(dict(_fields(event.items(), "")))


def _fields(items: Iterable[tuple[str, Any]], path: str) -> Iterable[tuple[str, Any]]:
    for name, value in items:
        yield name, _value(name, value, path + name)


def _members(struct: msgspec.Struct, path: str) -> Iterable[tuple[str, Any]]:
    """The fields of a struct as they are encoded, without those that are not set."""
    told = zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True)
    values = ((name, getattr(struct, field)) for name, field in told)
    return _fields([each for each in values if each[1] is not UNSET], path)


def _value(name: str, value: Any, path: str) -> Any:
    if type(value) in _PLAIN or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return dict(_fields(value.items(), f"{path}."))
    if isinstance(value, msgspec.Struct):
        return dict(_members(value, f"{path}."))
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_value(name, each, f"{path}[{at}]") for at, each in enumerate(value)]
    if name in TIMES:
        return second_of(value, path)
    return _whole(value, path) if name in NUMBERS else value


def _whole(value: Any, path: str) -> int:
    if type(value).__name__ in ("bool", "bool_"):
        raise WrongTypeError(f"{path}: {value} is a truth value, not a number")
    try:
        return operator.index(value)
    except TypeError:
        number = _truncated(value)
    if number is None or number != value:
        raise WrongTypeError(f"{path}: {value!r} is not a whole number")
    if abs(number) > FLOAT_WHOLE_MAX and not isinstance(value, Decimal | Fraction):
        raise WrongTypeError(f"{path}: {value!r} is a float past 2^53, which may be rounded")
    return number


def _truncated(value: Any) -> int | None:
    """The number before the point; None of what is no number, or no finite one."""
    try:
        number: int = math.trunc(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number


def second_of(value: Any, path: str) -> int:
    """The second of a number or of a moment; raises WrongTypeError."""
    if str(value) == "NaT":
        raise WrongTypeError(f"{path}: NaT is not a time")
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise WrongTypeError(f"{path}: {value} has no time zone")
        return int((value - _EPOCH) // _SECOND)
    if type(value).__name__ == "datetime64":
        return int(value.astype("datetime64[s]").astype("int64"))
    if isinstance(value, float) and math.isfinite(value):
        return math.floor(value)
    try:
        return _whole(value, path)
    except WrongTypeError as error:
        raise WrongTypeError(
            f"{path}: {value!r} is neither a second, a text of RFC 3339 nor a moment with a zone"
        ) from error


def _own_type(value: Any) -> Any:
    """Of a field that has no rule here: a scalar of an array library as Python's own."""
    if not hasattr(value, "item"):
        raise WrongTypeError(f"{value!r} of type {type(value).__name__} has no place in an event")
    return value.item()


_encode = msgspec.json.Encoder(enc_hook=_own_type).encode

"""What stands in a path or a list, read by the original's rules.

The original's ranges include both ends; psd's are half-open. They are converted here and
nowhere else::

    inclusive_range(1496539746, 1496539747) -> Range(1496539746, 1496539748)

Both ends are held between 1970 and 2200 (nothing can be booked outside), so that a range up
to the limits of a 64-bit integer costs no more than any other.

Of the routes that are ours a number is a number, or the request is refused: :func:`whole_number`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from psd.engine.events import ID_MAX, TIME_END_S
from psd.engine.plan import Range
from psd.errors import BadQueryError, OutOfBoundsError, TooLargeError, WrongTypeError
from psd.integers import CANONICAL

_INTEGER = re.compile(r"[+-]?0*[0-9]{1,19}", re.ASCII)

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


BOOLS = {"true": True, "1": True, "false": False, "0": False}

TEXTS = (inspect.StrType, inspect.AnyType)
"""Taken as they stand; what is of any type is read by whoever asked for it."""


class QueryReader:
    """Reads the parameters of a URL as a struct.

    What is not there keeps its default. A list is a parameter that comes several times; of every
    other one the first value counts. The gate has refused what no field is called. A lenient reader
    takes an empty text, or an empty list, for what is missing.
    """

    def __init__(self, kind: type[msgspec.Struct], *, is_lenient: bool = False) -> None:
        self._kind = kind
        self._is_lenient = is_lenient
        self._fields = {field.encode_name: field for field in _struct(kind).fields}

    def read(self, pairs: Iterable[tuple[str, str]]) -> Any:
        """The struct; raises an :class:`InputError` that names the parameter."""
        given: dict[str, list[str]] = {}
        for name, text in pairs:
            given.setdefault(name, []).append(text)
        found: dict[str, Any] = {}
        for name, field in self._fields.items():
            if name in given:
                found[field.name] = values_of(name, given[name], field.type)
            elif field.required:
                found[field.name] = self._missing(name, field.type)
        return self._kind(**found)

    def _missing(self, name: str, kind: inspect.Type) -> Any:
        plain = _plain(kind)
        if self._is_lenient and isinstance(plain, TEXTS):
            return ""
        if self._is_lenient and isinstance(plain, inspect.ListType):
            return []
        raise BadQueryError(f"{name}: missing; it is needed")


class PathReader:
    """Reads the parts of a path, each as its type says; one without a type is a text."""

    def __init__(self, kinds: Mapping[str, Any]) -> None:
        self._types = {name: _type(kind) for name, kind in kinds.items()}

    def read(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The parts by name; raises an :class:`InputError` that names the one it is of."""
        return {
            name: value_of(name, text, self._types[name]) if name in self._types else text
            for name, text in given.items()
        }


def values_of(name: str, texts: list[str], kind: inspect.Type) -> Any:
    """What a parameter's values are together: a list, or the first of them."""
    plain = _plain(kind)
    if not isinstance(plain, inspect.ListType):
        return value_of(name, texts[0], plain)
    most = plain.max_length
    if most is not None and len(texts) > most:
        raise TooLargeError(f"{name}: {len(texts)} given, at most {most} are allowed")
    return [value_of(name, text, plain.item_type) for text in texts]


def value_of(name: str, text: str, kind: inspect.Type) -> Any:
    """One value of a URL: a text, a whole number, or true or false."""
    plain = _plain(kind)
    if isinstance(plain, TEXTS):
        return text
    if isinstance(plain, inspect.IntType):
        least, most = plain.ge, plain.le
        return whole_number(
            name,
            text,
            -ID_MAX - 1 if least is None else least,
            ID_MAX if most is None else most,
        )
    if isinstance(plain, inspect.BoolType):
        if text not in BOOLS:
            raise WrongTypeError(f"{name}: {text[:100]!r} is neither true nor false")
        return BOOLS[text]
    raise TypeError(f"{name}: a URL has texts, whole numbers, true and false, no {plain}")


@cache
def _type(kind: Any) -> inspect.Type:
    """What a type is; it is looked at once, because a server has 160 of them at 0.3 ms each."""
    return inspect.type_info(kind)


def _struct(kind: type[msgspec.Struct]) -> inspect.StructType:
    found = _type(kind)
    assert isinstance(found, inspect.StructType)
    return found


def _plain(kind: inspect.Type) -> inspect.Type:
    """The type without what is said of it, and without the None of what may be missing."""
    while True:
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        elif isinstance(kind, inspect.UnionType):
            (kind,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
        else:
            return kind


def _held(second: int) -> int:
    return min(second, TIME_END_S) if second > 0 else 0

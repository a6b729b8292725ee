"""Answers as plain rows and as a frame of pandas, for whoever computes on with them.

::

    answer = psd.top("steps", limit=2, start="2016-04-12", end="2016-04-13")
    answer.to_dicts()   -> [{"rank": 1, "uid": "1503960366", "value": 13158,
                             "reached_at": datetime(2016, 4, 12, 23, tzinfo=UTC), ...}, ...]
    answer.to_pandas()  -> a DataFrame of the same, one column a field

Times (:data:`TIMES`) are moments in UTC, ids stay texts, because they may have 64 bits. What was
not asked for is no key and no column. A column of whole numbers with gaps is ``Int64``, so that the
rest of it stays whole; the sums of an activity are columns of their own, ``sums.steps``. pandas is
imported when a frame is asked for, and by nothing else.
"""

from __future__ import annotations

import datetime as dt
import importlib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, get_args, get_type_hints

import msgspec
from msgspec import UNSET

from psd.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

TIMES = frozenset(
    {
        "at",
        "changed_at",
        "computed_at",
        "deadline",
        "end",
        "first",
        "last",
        "last_activity",
        "made_at",
        "reached_at",
        "start",
    }
)
"""Fields of rows whose texts are times, as the answers write them."""

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
"""A time as psd.clock.utc_text has it; what a board was told may be a date."""


class HasRows(Protocol):
    """An answer with a list of rows."""

    @property
    def data(self) -> Sequence[msgspec.Struct]:
        """One struct a row."""
        ...


class Rows(msgspec.Struct, frozen=True):
    """What an answer with rows can be turned into."""

    def to_dicts(self: HasRows) -> list[dict[str, Any]]:
        """One mapping a row, its times as moments in UTC."""
        return to_dicts(self.data)

    def to_pandas(self: HasRows) -> pd.DataFrame:
        """The rows as a DataFrame; raises ConfigError where pandas is not installed."""
        (row,) = get_args(get_type_hints(type(self))["data"])
        return _frame(to_dicts(self.data), _columns(row))


def to_dicts(rows: Iterable[msgspec.Struct]) -> list[dict[str, Any]]:
    """One mapping a row, also of rows that come one by one, as ``psd.standings("steps")`` has."""
    return [_plain(row) for row in rows]


def to_pandas(rows: Iterable[msgspec.Struct]) -> pd.DataFrame:
    """A DataFrame of rows that come one by one; without a row it has no columns."""
    return _frame(to_dicts(rows), [])


def _plain(value: Any) -> Any:
    """A struct as a mapping, and what is in it likewise."""
    if isinstance(value, msgspec.Struct):
        named = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {name: _field(name, each) for name, each in named if each is not UNSET}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _field(name: str, value: Any) -> Any:
    if isinstance(value, str):
        is_time = name in TIMES and _UTC.fullmatch(value)
        return dt.datetime.fromisoformat(value) if is_time else value
    return _plain(value)


def _columns(row: type[msgspec.Struct]) -> list[str]:
    """What every row of a kind has: the columns of a frame without a row."""
    fields = msgspec.structs.fields(row)
    return [each.name for each in fields if each.required and not _spreads(each.type)]


def _spreads(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is dict


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    try:
        pandas: Any = importlib.import_module("pandas")
    except ImportError as exc:
        raise ConfigError(
            f"to_pandas needs pandas: pip install 'pointspace[pandas]' ({exc})"
        ) from exc
    spread = [dict(_spread(row)) for row in rows]
    frame = pandas.DataFrame(spread) if spread else pandas.DataFrame(columns=columns)
    for name in frame.columns:
        kind = _dtype(name, [row.get(name) for row in spread])
        if kind:
            frame[name] = frame[name].astype(kind)
    return frame


def _spread(row: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """The fields of a row, those of a mapping in it as ``sums.steps``."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in _spread(value))
        else:
            yield name, value


def _dtype(name: str, values: list[Any]) -> str:
    """What pandas cannot tell by itself: times without a value, whole numbers with gaps."""
    there = [value for value in values if value is not None]
    if name in TIMES and all(isinstance(value, dt.datetime) for value in there):
        return "datetime64[s, UTC]"
    has_gaps = 0 < len(there) < len(values)
    return "Int64" if has_gaps and all(type(value) is int for value in there) else ""

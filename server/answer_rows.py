"""Which answers have rows that a table can have, and what stands around them. Pure.

A struct of a domain says so by its types: ``data`` is a list of structs whose fields are texts,
numbers or nothing. All other single values of the answer are headers of its CSV::

    class StreaksPage:                      rows_of(StreaksPage)                 -> StreakEntry
        week: int
        data: list[StreakEntry]             around_rows(StreaksPage(9, [...], "OS4y"))
        next: str | None                    -> {"Psd-Week": "9", "Psd-Next": "OS4y"}
"""

from __future__ import annotations

from functools import cache
from urllib.parse import quote

import msgspec
from msgspec import inspect

ROWS = "data"
"""The field of an answer that holds its rows, in every answer of psd that has some."""

VISIBLE = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")
"""What of a text stands in a header as it is."""


FLAT = (
    inspect.StrType,
    inspect.IntType,
    inspect.FloatType,
    inspect.BoolType,
    inspect.NoneType,
    inspect.LiteralType,
)
"""What a cell can hold."""


@cache
def rows_of(answer: type[msgspec.Struct]) -> type[msgspec.Struct] | None:
    """What the rows of an answer are, None where it has none, or some that no table can have."""
    info = inspect.type_info(answer)
    assert isinstance(info, inspect.StructType)
    listed = next((field.type for field in info.fields if field.name == ROWS), None)
    if not isinstance(listed, inspect.ListType):
        return None
    row = listed.item_type
    if not isinstance(row, inspect.StructType) or not all(_is_flat(f.type) for f in row.fields):
        return None
    return row.cls


def around_rows(answer: msgspec.Struct) -> dict[str, str]:
    """What stands around the rows, as headers; what is not known is left out."""
    found = {name: getattr(answer, name) for name in answer.__struct_fields__ if name != ROWS}
    return {
        f"Psd-{name.replace('_', '-').title()}": _in_header(value)
        for name, value in found.items()
        if isinstance(value, str | int | float)
    }


def _is_flat(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.Metadata):
        return _is_flat(kind.type)
    if isinstance(kind, inspect.UnionType):
        return all(_is_flat(each) for each in kind.types)
    return isinstance(kind, FLAT)


def _in_header(value: str | float) -> str:
    """A value as a header can have it: what is not visible there is percent-encoded."""
    if isinstance(value, str):
        return quote(value, safe=VISIBLE)
    return str(value).lower() if isinstance(value, bool) else str(value)

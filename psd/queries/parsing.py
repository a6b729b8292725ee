"""Queries from the parameters of a URL, or from a JSON object: both become the same struct. Pure.

In a URL a list is a parameter that comes several times, or its elements with commas between them;
everything else may come once::

    from_pairs([("thing", "steps"), ("uid", "1"), ("uid", "2")], SumQuery)
    from_json(b'{"thing": "steps", "uid": ["1", "2"]}', SumQuery)
    -> SumQuery(thing="steps", uid=["1", "2"]), both times

What does not fit is refused with the field, its value and the rule::

    from_pairs([("limit", "5000")], LeaderboardQuery)
    -> BadQueryError: limit: '5000': expected `int` <= 1000
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from psd.engine.nesting import DEPTH_MAX, JSON, check_nesting
from psd.errors import BadQueryError, MalformedError
from psd.names import nearest

Q = TypeVar("Q", bound=msgspec.Struct)

LISTS = frozenset({"thing", "uid", "atid", "aggregates"})
"""Parameters whose value may hold commas; no thing and no id has one."""

_SHOWN_CHARACTERS = 64
_NAMED = re.compile(r"Object (?:contains unknown|missing required) field `([^`]*)`")
_FIELD = re.compile(r"\$\.(\w+)")


def from_pairs(pairs: Iterable[tuple[str, str]], kind: type[Q]) -> Q:
    """A query from the parameters of a URL; raises BadQueryError."""
    fields: dict[str, list[str]] = {}
    for name, text in pairs:
        values = text.split(",") if name in LISTS else [text]
        fields.setdefault(name, []).extend(values)
    given = {name: values[0] if len(values) == 1 else values for name, values in fields.items()}
    return from_fields(given, kind, is_text=True)


def from_json(body: bytes, kind: type[Q], depth_max: int = DEPTH_MAX) -> Q:
    """A query from a JSON object; raises BadQueryError, or MalformedError for another body."""
    check_nesting(body, JSON, depth_max=depth_max)
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedError(f"body: not JSON ({exc})") from exc
    if not isinstance(fields, dict):
        raise MalformedError("body: expected one JSON object")
    return from_fields(fields, kind)


def from_fields(fields: Mapping[str, Any], kind: type[Q], *, is_text: bool = False) -> Q:
    """A query from its fields by name; in texts a number or a bool may stand as a text."""
    try:
        return msgspec.convert(fields, kind, strict=not is_text)
    except msgspec.ValidationError as exc:
        raise BadQueryError(_complaint(str(exc), fields, kind)) from exc


def unknown_field(name: str, known: Sequence[str]) -> str:
    """What is said of a field or a parameter that there is none of."""
    meant = nearest(name, known, 0.6)
    hint = f"; did you mean {meant}?" if meant else ""
    told = f"known are {', '.join(known)}{hint}" if known else "nothing is asked here"
    return f"{name[:_SHOWN_CHARACTERS]}: unknown; {told}"


def _complaint(message: str, fields: Mapping[str, Any], kind: type[msgspec.Struct]) -> str:
    named = _NAMED.match(message)
    if named and "unknown" in message:
        return unknown_field(named[1], kind.__struct_fields__)
    if named:
        return f"{named[1]}: missing; it is needed"
    rule, _, where = message.partition(" - at ")
    field = _FIELD.search(where)
    rule = rule[0].lower() + rule[1:]
    if field is None:
        return rule
    shown = repr(fields.get(field[1]))
    if len(shown) > _SHOWN_CHARACTERS:
        shown = shown[:_SHOWN_CHARACTERS] + "..."
    return f"{field[1]}: {shown}: {rule}"

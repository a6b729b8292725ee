"""What schemathesis is told of psd: its media types, and names that are there.

Loaded by its command line through ``SCHEMATHESIS_HOOKS`` (tests/fuzz/test_schemathesis.py). Random
texts never name a thing or a board; with ``PSD_KNOWN_NAMES`` set, every request names those that
the test has made, so that more than refusals is tried.
"""

from __future__ import annotations

import os
import re
from typing import Any

import msgspec
import schemathesis

BOARD, CUP, THING = "june", "cup", "steps"
NO_MSGPACK = b"\xc1"


@schemathesis.deserializer("application/msgpack")
def from_msgpack(_context: Any, response: Any) -> Any:
    """An answer in msgpack."""
    return msgspec.msgpack.decode(response.content)


@schemathesis.serializer("application/msgpack")
def to_msgpack(_context: Any, value: Any) -> bytes:
    """A body in msgpack; a number that it cannot hold makes it none."""
    try:
        return msgspec.msgpack.encode(value)
    except OverflowError:
        return NO_MSGPACK


@schemathesis.serializer(
    "application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json"
)
def to_json(_context: Any, value: Any) -> bytes:
    """One line of JSON."""
    return msgspec.json.encode(value)


@schemathesis.serializer("text/csv")
def to_lines(_context: Any, value: Any) -> bytes:
    """A text as it is."""
    return str(value).encode()


@schemathesis.hook("before_call")
def not_for_ever(_context: Any, case: Any, _kwargs: Any) -> None:
    """A stream would not end, and an answer may be waited for a minute."""
    query = case.query or {}
    if case.path.endswith("/watch") and re.fullmatch("[0-9]{0,2}", str(query.get("wait", ""))):
        case.query = {**query, "wait": "0"}


if "PSD_KNOWN_NAMES" in os.environ:

    @schemathesis.hook
    def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
        """Name what is there."""
        if "name" in (case.path_parameters or {}):
            case.path_parameters["name"] = CUP if case.path.endswith("bracket") else BOARD
        _name_in(case.query)
        _name_in(case.body)


def _name_in(fields: Any) -> None:
    if not isinstance(fields, dict):
        return
    if "thing" in fields:
        fields["thing"] = THING
    if "tz" in fields:
        fields["tz"] = "Europe/Berlin"
    if "board" in fields:
        fields["board"] = BOARD
    for name in ("start", "end", "as_of", "compare_to"):
        if isinstance(fields.get(name), str):
            fields[name] = "2017-06-04T01:29:07Z"

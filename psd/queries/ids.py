"""Uids and atids in questions: read as they are written, or refused. Pure.

An id is a 64-bit integer, as a number or as the text that psd itself writes of it::

    asked_ids(["1503960366", 7, "7"], "uid")   -> [1503960366, 7]
    asked_ids("1503960366", "uid")             -> [1503960366]
    asked_ids(["07"], "uid")
    -> BadQueryError: uid: '07' is not a 64-bit integer as psd writes it
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from psd.engine.events import ID_MAX
from psd.errors import BadQueryError

_CANONICAL = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


def asked_id(value: int | str, field: str) -> int:
    """One id; raises BadQueryError."""
    if isinstance(value, str) and not _CANONICAL.fullmatch(value):
        raise BadQueryError(f"{field}: {value[:64]!r} is not a 64-bit integer as psd writes it")
    number = int(value)
    if not -ID_MAX - 1 <= number <= ID_MAX:
        raise BadQueryError(f"{field}: {value!r} is not a 64-bit integer")
    return number


def asked_ids(values: int | str | Sequence[int | str], field: str) -> list[int]:
    """Ids in the order in which they were asked for first, each once; raises BadQueryError."""
    listed = [values] if isinstance(values, int | str) else values
    return list(dict.fromkeys(asked_id(value, field) for value in listed))

"""Uids and atids in questions: read as they are written, or refused. Pure.

An id is a 64-bit integer, as a number or as the text that psd itself writes of it; a user may be
given by name as well (psd/users.py)::

    asked_ids(["2", 7, "7"], "atid")            -> [2, 7]
    asked_users(["1503960366", "al"], "uid")    -> [1503960366, 6630793488033251716]
    asked_users(["07"], "uid")
    -> BadQueryError: uid: '07' is not a 64-bit integer as psd writes it
"""

from __future__ import annotations

from collections.abc import Sequence

from psd.errors import BadQueryError, InputError
from psd.integers import CANONICAL, INTEGER_MAX
from psd.users import user_of


def asked_id(value: int | str, field: str) -> int:
    """One id; raises BadQueryError."""
    if isinstance(value, str) and not CANONICAL.fullmatch(value):
        raise BadQueryError(f"{field}: {value[:64]!r} is not a 64-bit integer as psd writes it")
    number = int(value)
    if not -INTEGER_MAX - 1 <= number <= INTEGER_MAX:
        raise BadQueryError(f"{field}: {value!r} is not a 64-bit integer")
    return number


def asked_ids(values: int | str | Sequence[int | str], field: str) -> list[int]:
    """Ids in the order in which they were asked for first, each once; raises BadQueryError."""
    listed = [values] if isinstance(values, int | str) else values
    return list(dict.fromkeys(asked_id(value, field) for value in listed))


def asked_user(value: int | str, field: str) -> int:
    """The number of one user; raises BadQueryError."""
    try:
        return user_of(value, field)
    except InputError as error:
        raise BadQueryError(str(error)) from error


def asked_users(values: int | str | Sequence[int | str], field: str) -> list[int]:
    """Users in the order in which they were asked for first, each once; raises BadQueryError."""
    listed = [values] if isinstance(values, int | str) else values
    return list(dict.fromkeys(asked_user(value, field) for value in listed))

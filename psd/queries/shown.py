"""Users in answers: by their names, where they have one. Pure but for asking the registry.

Answers are made of numbers and shown with names. Whoever was asked for by name is shown by it, and
of the others those that may be a name's (psd/users.py) are looked up, all of a page together::

    with_names(SumAnswer([SumRow(uid="6640487069386845243", ...)]), {6640487069386845243: "al"})
    -> SumAnswer([SumRow(uid="al", ...)])

A number whose name nobody knows, such as that of an erased user, is shown as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from psd.users import is_named, name_of, user_of

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

USER_FIELDS = frozenset({"uid", "ahead", "winner", "champion"})
"""Fields of answers that hold a user's number as text."""

UID_DIGITS = 19
"""Of each number that a name has."""


class NameSource(Protocol):
    """Who knows names (psd/engine/named.py)."""

    def known(self, uids: Iterable[int]) -> dict[int, str]:
        """Those that need no trip."""
        ...

    async def names(self, uids: Iterable[int]) -> dict[int, str]:
        """The names of those of these users that have one."""
        ...


class NoNames:
    """Nobody has a name."""

    def known(self, uids: Iterable[int]) -> dict[int, str]:
        """None of them."""
        del uids
        return {}

    async def names(self, uids: Iterable[int]) -> dict[int, str]:
        """None of them."""
        del uids
        return {}


NO_NAMES = NoNames()


def asked_names(values: Any) -> dict[int, str]:
    """The names among users as they were asked for, by number; they are in order."""
    listed = values if isinstance(values, list) else [values]
    return {
        user_of(value): name
        for value in listed
        if isinstance(value, str) and (name := name_of(value)) is not None
    }


async def beside(
    asking: Awaitable[T], source: NameSource, uids: Iterable[int], asked: Mapping[int, str]
) -> tuple[T, dict[int, str]]:
    """What is found, and meanwhile the names of users who are known before; in the same trip."""
    missing = [uid for uid in uids if is_named(uid) and uid not in asked]
    if not missing:
        return await asking, dict(asked)
    found, names = await asyncio.gather(asking, source.names(missing))
    return found, {**names, **asked}


async def named(answer: S, source: NameSource, asked: Mapping[int, str] | None = None) -> S:
    """An answer with all its users by name. No trip where this process knows them."""
    names = dict(asked or {})
    missing = [uid for uid in users_in(answer) if uid not in names]
    if missing:
        names.update(await source.names(missing))
    return with_names(answer, names)


async def by_name(
    labels: list[dict[str, str]], source: NameSource, asked: Mapping[int, str] | None = None
) -> list[dict[str, str]]:
    """Labels of series with the names of users. No trip where this process knows them."""
    uids = {int(each["uid"]) for each in labels if _may_be_named(each.get("uid", ""))}
    if not uids:
        return labels
    known = asked or {}
    found = {**(await source.names(uids.difference(known))), **known}
    names = {str(uid): name for uid, name in found.items()}
    return [
        {**each, "uid": names[each["uid"]]} if each.get("uid") in names else each for each in labels
    ]


def users_in(answer: Any) -> set[int]:
    """The users of an answer that may have names."""
    return set(_users(answer))


def with_names(answer: S, names: Mapping[int, str]) -> S:
    """The answer with these names in the place of numbers."""
    return _shown(answer, {str(uid): name for uid, name in names.items()}) if names else answer


def _users(value: Any) -> Iterator[int]:
    if isinstance(value, list):
        for each in value:
            yield from _users(each)
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            held = getattr(value, field)
            if field not in USER_FIELDS:
                if isinstance(held, list | msgspec.Struct):
                    yield from _users(held)
            elif isinstance(held, str) and _may_be_named(held):
                yield int(held)


def _may_be_named(uid: str) -> bool:
    return len(uid) == UID_DIGITS and uid.isdecimal() and is_named(int(uid))


def _shown(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_shown(each, names) for each in value]
    if not isinstance(value, msgspec.Struct):
        return value
    changed = {}
    for field in value.__struct_fields__:
        held = getattr(value, field)
        if field in USER_FIELDS:
            if isinstance(held, str) and held in names:
                changed[field] = names[held]
        elif isinstance(held, list | msgspec.Struct):
            changed[field] = _shown(held, names)
    return msgspec.structs.replace(value, **changed) if changed else value

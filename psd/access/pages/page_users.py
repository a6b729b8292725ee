"""Who may sign in to pages: names with a password and what they may do, kept in the store.

::

    psd:pages:{pages}:users    amp -> {"password": "scrypt:...", "scopes": ["write"], "owners": []}

``owners`` are the owners that a user is restricted to, by number or name; empty is everybody. Who
may is decided in psd/archive/page_decisions.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from psd.access.identity import SCOPES, Identity
from psd.access.pages.passwords import checked, hashed
from psd.errors import OutOfBoundsError
from psd.store.keys import pages_key
from psd.store.redis import Store
from psd.users import user_of

USERS = pages_key("users")

_NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)


class PageUser(msgspec.Struct, frozen=True):
    """What is kept of a user."""

    password: str
    scopes: tuple[str, ...]
    owners: tuple[int | str, ...] = ()

    def identity(self, name: str) -> Identity:
        """Who it is to the rest of psd."""
        uids = frozenset(map(user_of, self.owners)) if self.owners else None
        names = tuple(owner for owner in self.owners if isinstance(owner, str))
        return Identity(name, frozenset(self.scopes), uids, names=names)


class PageUsers:
    """The users of one store, for whoever lets them in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, name: str) -> PageUser | None:
        """The user of a name. One trip."""
        held = await self._store.reads.call(("HGET", USERS, name))
        return None if held is None else msgspec.json.decode(held, type=PageUser)

    async def all(self) -> dict[str, PageUser]:
        """Every user, by name. One trip."""
        held = await self._store.reads.call(("HGETALL", USERS))
        pairs = zip(held[::2], held[1::2], strict=True)
        found = {name.decode(): msgspec.json.decode(each, type=PageUser) for name, each in pairs}
        return dict(sorted(found.items()))


def new_user(password: str, scopes: Sequence[str], owners: Sequence[int | str] = ()) -> PageUser:
    """What is to be kept of somebody; raises OutOfBoundsError. Takes 50 ms of CPU."""
    return PageUser(hashed(checked(password)), _scopes(scopes, owners), tuple(owners))


def checked_name(name: str) -> str:
    """The name itself; raises OutOfBoundsError for what is none."""
    if not _NAME.fullmatch(name):
        raise OutOfBoundsError("name: expected 1 to 64 letters, digits, _ . @ or -")
    return name


def _scopes(scopes: Sequence[str], owners: Sequence[int | str]) -> tuple[str, ...]:
    if not scopes or not SCOPES.issuperset(scopes):
        raise OutOfBoundsError(f"scopes: expected one or more of {', '.join(sorted(SCOPES))}")
    if owners and "admin" in scopes:
        raise OutOfBoundsError("owners: an admin is not restricted")
    return tuple(sorted(set(scopes)))

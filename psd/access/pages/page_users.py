"""Who may sign in to pages: names with a password and what they may do, kept in the store.

::

    psd:pages:{pages}:users    amp -> {"password": "scrypt:...", "scopes": ["write"], "owners": []}

``owners`` are the owners that a user is restricted to, by number or name; empty is everybody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from psd.access.identity import SCOPES, Identity
from psd.access.pages.passwords import checked, hashed
from psd.errors import ConflictError, NotFoundError, OutOfBoundsError
from psd.store.kept import write_kept
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
    """The users of one store."""

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

    async def add(
        self,
        name: str,
        password: str,
        scopes: Sequence[str],
        owners: Sequence[int | str] = (),
    ) -> None:
        """Let somebody sign in; raises ConflictError where the name has somebody already."""
        user = PageUser(hashed(checked(password)), _scopes(scopes, owners), tuple(owners))
        command = ("HSETNX", USERS, checked_name(name), msgspec.json.encode(user))
        [is_new] = await write_kept(self._store, [command])
        if not is_new:
            raise ConflictError(f"name: {name} is there already")

    async def change_password(self, name: str, password: str) -> None:
        """Give another password, which ends all sessions; raises NotFoundError."""
        kept = hashed(checked(password))
        user = await self.find(name)
        if user is None:
            raise NotFoundError(f"name: there is no user {name}")
        changed = msgspec.structs.replace(user, password=kept)
        await write_kept(self._store, [("HSET", USERS, name, msgspec.json.encode(changed))])

    async def remove(self, name: str) -> None:
        """Let somebody in no more, also where he is signed in; raises NotFoundError."""
        [removed] = await write_kept(self._store, [("HDEL", USERS, name)])
        if not removed:
            raise NotFoundError(f"name: there is no user {name}")


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

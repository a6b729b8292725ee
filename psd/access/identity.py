"""Who asks: a name, what it may do, and whose data it may see.

What lives here is the result of every check; how a token or a JWT becomes one is in tokens.py
and jwts.py. ``owners`` None stands for everybody's data::

    reader = Identity("phone", frozenset({"read"}), owners=frozenset({1503960366}))
    reader.may("read"), reader.may("write")            -> True, False
    reader.sees(1503960366), reader.sees(8877689391)   -> True, False

An owner of vehicles is a text: a uid as decimal, the name of a user, or whatever a JWT calls its
subject. A subject that is a user's name sees that user's data, and what a domain keeps under it::

    Identity("jwt", frozenset({"read"}), frozenset({user_of("al")}), subject="al").owner   -> "al"
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from psd.errors import ForbiddenError

Scope = Literal["read", "write", "admin"]

SCOPES: frozenset[str] = frozenset(get_args(Scope))

Owners = frozenset[int] | None
"""The uids that an identity is restricted to; None is all, and all counts too."""


class Identity(msgspec.Struct, frozen=True):
    """Someone known; ``expires_at_s`` is the first second at which that ends, None for never.

    ``names`` are those of the owners that were given by name. ``subject`` is what a JWT calls
    whoever asks, as it stands there; ``mark`` tells tokens of one name apart, and no token can be
    made of it.
    """

    name: str
    scopes: frozenset[str]
    owners: Owners = None
    expires_at_s: int | None = None
    subject: str | None = None
    mark: str = ""
    names: tuple[str, ...] = ()

    @property
    def owner(self) -> str | None:
        """The one owner that this identity is, as text; None for everybody, nobody and several."""
        if self.subject is not None:
            return self.subject
        if self.owners is not None and len(self.owners) == 1:
            return self.names[0] if self.names else str(next(iter(self.owners)))
        return None

    @property
    def who(self) -> str:
        """What tells this one from the others: JWTs share a name and differ in their subject."""
        return self.name if self.subject is None else f"{self.name} {self.subject}"

    @property
    def keyed(self) -> str:
        """Whose keys a request's idempotency key is one of: tokens may share a name."""
        return f"{self.who} {self.mark}" if self.mark else self.who

    def may(self, scope: Scope) -> bool:
        """Whether this scope was given; admin includes the others."""
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, uid: int) -> bool:
        """Whether this owner's data is this identity's to see and to book."""
        return self.owners is None or uid in self.owners

    def require_owner(self, uid: int, name: str | None = None) -> None:
        """Refuse a write for another owner, in the same words whether that one exists or not."""
        if not self.sees(uid):
            raise ForbiddenError(
                f"uid: {name or uid} is not an owner that this token may write for"
            )


ANYBODY = Identity("anybody", frozenset({"admin"}))
"""Whoever asks a server that checks nobody: one on loopback without tokens."""

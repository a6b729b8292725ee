"""Whose vehicles somebody may see, and whose he asks about. Pure.

An owner is a text: a user's number, or an address, which is compared without regard to case::

    sees(Identity of users 7 and 9, "7")            -> True
    sees(Identity of subject 0xAB.., "0xab..")      -> True
"""

from __future__ import annotations

from psd.access.identity import Identity
from psd.errors import MalformedError
from psd.rewards.vehicles import OWNER_BYTES_MAX, owner_text


def sees(identity: Identity, owner: str | None) -> bool:
    """Whether vehicles of this owner, as the registry keeps it, are this identity's to see."""
    if identity.owners is None:
        return True
    if owner is None:
        return False
    own = {*map(str, identity.owners), *identity.names}
    return owner in own or (identity.subject is not None and owner == owner_text(identity.subject))


def asked_owner(named: str | None, identity: Identity) -> str:
    """The owner whom a request is about: the one that it names, or that of its token.

    Whoever may see several must name one: MalformedError. Nobody is refused another's name; ask
    :func:`sees` before telling what is kept under it.
    """
    owner = named or identity.owner
    if not owner:
        raise MalformedError("owner: missing; this token is not of one owner: ?owner=OWNER")
    if not owner.isprintable() or len(owner.encode()) > OWNER_BYTES_MAX:
        raise MalformedError(f"owner: no owner has such a name of up to {OWNER_BYTES_MAX} bytes")
    return owner_text(owner)

"""What must not be shown: which settings are secrets, and the passwords inside addresses. Pure.

A setting whose type is :data:`Secret` is shown as stars. In an address everything that may be a
password is: what stands before its last ``@``, and parameters of such names::

    >>> masked("redis://me:p@ss/word@host:6379/0?password=x&db=1")
    'redis://me:***@host:6379/0?password=***&db=1'
    >>> masked("unix:///run/redis.sock?password=x")
    'unix:///run/redis.sock?password=***'
    >>> masked("127.0.0.1:4150"), masked("me:p@ss@127.0.0.1:4150")
    ('127.0.0.1:4150', 'me:***@127.0.0.1:4150')

A password may hold any sign, also those that end a host where the address is read by the rules, so
the text is cut at the last ``@`` rather than parsed: too much is hidden sooner than too little.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

STARS = "***"

Secret = Annotated[str, msgspec.Meta(extra={"is_secret": True})]
"""The type of a setting that nobody is shown."""

PrivateSecret = Annotated[str, msgspec.Meta(extra={"is_secret": True, "is_private": True})]
"""The same, of one that is refused from a settings file that everybody on the machine may read."""

_PARAMETER = re.compile(
    r"([?&;][^=&;]*(?:pass|pwd|token|secret|key|auth|credential|sig)[^=&;]*=)[^&;#]*", re.IGNORECASE
)

_PLACE = re.compile(r"[^\s/.]\S*@(?:[^\s@/:]+|\[[^\s@/]+\]):[0-9]+\S*")
"""An address without a scheme, with somebody before it; a path with an ``@`` ends in no port."""


def is_secret(kind: object) -> bool:
    """Whether a struct's field of this type is a secret."""
    return _is_marked(kind, "is_secret")


def is_private(kind: object) -> bool:
    """Whether a struct's field of this type is one that others may not read where it stands."""
    return _is_marked(kind, "is_private")


def _is_marked(kind: object, mark: str) -> bool:
    metadata = getattr(kind, "__metadata__", ())
    return any((each.extra or {}).get(mark) for each in metadata)


def masked(text: str) -> str:
    """An address, or a text with one in it, without what may be a password."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return _nameless(text) if _PLACE.fullmatch(text) else text
    if not rest.startswith("/"):
        rest = _nameless(rest)
    return scheme + mark + _PARAMETER.sub(rf"\g<1>{STARS}", rest)


def _nameless(text: str) -> str:
    """What stands behind a scheme, without a password."""
    before, at, place = text.rpartition("@")
    user, colon, _ = before.partition(":")
    # Without a colon it is a user, or a token that stands in a user's place.
    return (f"{user}:{STARS}@" if colon else f"{STARS}@") + place if at else place

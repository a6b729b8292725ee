"""Which versions of a board, or of what else is put so, a change is for. Pure.

A version is named by its tag (``StoredBoard.tag``), and ``*`` is whatever is there::

    EITHER = Versions()                             whatever is there, or nothing
    Versions(only=frozenset({"9f3a..-1"}))          the first version of that board
    Versions(only=frozenset({ANY}))                 any, but there must be one
    NEW = Versions(but=frozenset({ANY}))            none: the change makes the board
"""

from __future__ import annotations

import msgspec

from psd.errors import ChangedError

ANY = "*"

SHOWN_TAGS = 3


class Versions(msgspec.Struct, frozen=True):
    """The versions that a change is for, and those that it is not for; None says nothing."""

    only: frozenset[str] | None = None
    but: frozenset[str] | None = None

    def check(self, name: str, tag: str | None, what: str = "board") -> None:
        """Refuse a change to what is there, None for nothing: raises ChangedError."""
        state = f"{what}: {name!r} is {'not there' if tag is None else f'version {tag}'}"
        if self.only is not None and not _has(self.only, tag):
            raise ChangedError(f"{state}, the request is for: {_told(self.only)}")
        if self.but is not None and _has(self.but, tag):
            raise ChangedError(f"{state}, the request is not for: {_told(self.but)}")


EITHER = Versions()
"""Whatever is there, or nothing."""

NEW = Versions(but=frozenset({ANY}))
"""Of a board that is not there yet."""


def _has(tags: frozenset[str], tag: str | None) -> bool:
    return tag is not None and (ANY in tags or tag in tags)


def _told(tags: frozenset[str]) -> str:
    if ANY in tags:
        return "any version"
    shown = sorted(tags)[:SHOWN_TAGS]
    rest = f" and {len(tags) - SHOWN_TAGS} more" if len(tags) > SHOWN_TAGS else ""
    return f"version {', '.join(shown)}{rest}" if shown else "none"

"""How the API speaks that meters had before."""

from __future__ import annotations

import msgspec


class OldFailure(msgspec.Struct):
    """What went wrong."""

    detail: str


def told_by_old(_code: str, message: str, _status: int) -> OldFailure:
    """An error, in its words."""
    return OldFailure(message)

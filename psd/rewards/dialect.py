"""How the original's pages of users speak: JSON as Go writes it, and errors with their status.

::

    told("not_found", "User unknown.", 404)   -> {"code":404,"message":"User unknown."}
"""

from __future__ import annotations

import msgspec

from psd.domain.dialect import Dialect


class UserFailure(msgspec.Struct):
    """An error as the original tells it to its users."""

    code: int
    message: str


def told(_code: str, message: str, status: int) -> UserFailure:
    """An error in the words of the original."""
    return UserFailure(status, message)


ORIGINAL = Dialect(name="user", failure=UserFailure, tell=told, written_by="go")

"""What people decide about rewards: who is barred, streaks set by hand, what was paid. Pure."""

from __future__ import annotations

import msgspec

TEXT_MAX = 1000
"""Characters of a note, an author, a request."""


class BlacklistEntry(msgspec.Struct, frozen=True):
    """Why an owner is not paid, who said so, and since when (Unix seconds)."""

    owner: str
    note: str
    author: str
    created_at_s: int


class Override(msgspec.Struct, frozen=True):
    """The connection streak that a vehicle has in a week, whatever was computed."""

    week: int
    vehicle: int
    streak: int
    note: str
    author: str
    created_at_s: int


class Payout(msgspec.Struct, frozen=True):
    """What was paid to a vehicle for a week; ``tokens`` in wei, as text."""

    week: int
    vehicle: int
    tokens: str
    request: str
    paid_at_s: int

"""What people decide about rewards: who is barred, streaks set by hand, what was paid. Pure.

First as the store keeps it, then as the archive keeps who decided it (psd/archive/decisions.py).
"""

from __future__ import annotations

import msgspec

from psd.archive.decisions import Decision, kinds_of

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


class Barred(Decision, frozen=True, tag="barred"):
    """An owner is on the blacklist."""

    entry: BlacklistEntry

    @property
    def subject(self) -> str:
        """What a later decision is about, too."""
        return f"blacklist:{self.entry.owner}"


class Unbarred(Decision, frozen=True, tag="unbarred"):
    """An owner is on it no longer."""

    owner: str

    @property
    def subject(self) -> str:
        """What a later decision is about, too."""
        return f"blacklist:{self.owner}"


class Overridden(Decision, frozen=True, tag="overridden"):
    """A streak is set by hand."""

    override: Override

    @property
    def subject(self) -> str:
        """What a later decision is about, too."""
        return f"override:{self.override.week}:{self.override.vehicle}"


class OverrideDropped(Decision, frozen=True, tag="override_dropped"):
    """It is computed again."""

    week: int
    vehicle: int

    @property
    def subject(self) -> str:
        """What a later decision is about, too."""
        return f"override:{self.week}:{self.vehicle}"


class Paid(Decision, frozen=True, tag="paid"):
    """What was paid for one week to some vehicles, each a subject of its own."""

    week: int
    payouts: list[Payout]


Noted = Barred | Unbarred | Overridden | OverrideDropped
"""Decisions about one subject."""

LedgerDecision = Noted | Paid

KINDS = kinds_of(Barred, Unbarred, Overridden, OverrideDropped, Paid)

"""What the registry knows of a vehicle, and what follows from it for a week. Pure.

Everything but the number may be unknown (None), and unknown is never held against a vehicle:
one that was never described counts as paired with whatever it sends::

    Vehicle(7)                                    -> earns on every integration
    Vehicle(7, integrations=frozenset({2}))       -> earns on integration 2 alone
    Vehicle(7, opted_in=False)                    -> counts as inactive
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec


class Vehicle(msgspec.Struct, frozen=True, gc=False):
    """One vehicle; ``owner`` is a user id or an address as text, ``integrations`` are ids."""

    vehicle: int
    owner: str | None = None
    integrations: frozenset[int] | None = None
    vin: str | None = None
    minted_at_s: int | None = None
    minted: bool | None = None
    opted_in: bool | None = None

    @property
    def paired_mask(self) -> int:
        """The integrations that count, as bits; all of them while none are known."""
        if self.integrations is None:
            return -1
        mask = 0
        for number in self.integrations:
            mask |= 1 << number
        return mask

    @property
    def may_earn(self) -> bool:
        """Whether nothing that is known forbids it."""
        return self.minted is not False and self.opted_in is not False


OWNER_BYTES_MAX = 128

_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}")


def owner_text(owner: int | str) -> str:
    """An owner as it is kept and compared: a user id as decimal, an address in lower case."""
    text = str(owner)
    return text.lower() if _ADDRESS.fullmatch(text) else text


def vin_holder(rivals: Iterable[Vehicle]) -> Vehicle:
    """Who earns on a VIN that several active vehicles have: the one minted last.

    One whose time of minting is unknown counts as minted first; of two at the same second the
    one with the larger number is taken, since numbers are given in the order of minting.
    """
    return max(rivals, key=lambda each: (each.minted_at_s or 0, each.vehicle))

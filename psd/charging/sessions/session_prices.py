"""What the energy of a session costs: by one price, or by prices that change with time. Pure.

A session keeps the price by which it was billed, so that a late reading is billed by the same one::

    SessionPrice(30).cents(found)                          2.4 kWh -> 72, cut to whole cents
    SessionPrice(steps=(PriceStep(1723939200, 150000000),
                        PriceStep(1723960800, 341200000)))
        .cents(found)    1 kWh before 06:00 and 1.4 kWh behind it: 0.15 + 0.47768 -> 63, rounded

Prices that change are laid upon the minutes of the session, each with its exact energy, and the sum
is rounded once, half to even, as bills of psd/tariffs are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from psd.charging.plugs.plug_readings import NJ_A_KWH, cents_of
from psd.charging.sessions.session_energy import Area, SessionSum
from psd.measures.money import RATE_UNIT, minor


class PriceStep(msgspec.Struct, frozen=True, array_like=True):
    """From a second on, up to the next step, a kWh costs ``rate`` 10^-9 units of money."""

    from_s: int
    rate: int


class SessionPrice(msgspec.Struct, frozen=True):
    """Cents of each kWh, or steps where the price changes."""

    cents_per_kwh: int = -1
    steps: tuple[PriceStep, ...] | msgspec.UnsetType = msgspec.UNSET

    def cents(self, found: SessionSum) -> int:
        """What energy costs."""
        return self.cents_of(found.nj, self.product(found.areas))

    def product(self, areas: Mapping[int, Area]) -> Area:
        """Nanojoules by the first second of their minute, times their rates; 0 by one price."""
        return 0 if self.steps is msgspec.UNSET else stepped_product(self.steps, areas)

    def cents_of(self, nj: int, product: Area) -> int:
        """What energy costs of which both are known."""
        if self.steps is msgspec.UNSET:
            return cents_of(nj, self.cents_per_kwh)
        return _rounded_cents(product)

    def is_met(self, found: SessionSum, cents: int) -> bool:
        """Whether energy that adds up to what was billed may still cost what was billed.

        By one price it does. By steps it does not where it has moved over one.
        """
        return self.steps is msgspec.UNSET or self.cents(found) == cents


def stepped_cents(steps: Sequence[PriceStep], areas: Mapping[int, Area]) -> int:
    """The price of nanojoules by the first second of their minute; the first step is before all.

    >>> steps = PriceStep(0, 150_000_000), PriceStep(60, 341_200_000)
    >>> stepped_cents(steps, {0: NJ_A_KWH, 60: NJ_A_KWH, 120: NJ_A_KWH * 4 // 10})
    63
    """
    return _rounded_cents(stepped_product(steps, areas))


def stepped_product(steps: Sequence[PriceStep], areas: Mapping[int, Area]) -> Area:
    """The same before it is rounded: nanojoules times 10^-9 units of money a kWh."""
    begins = [step.from_s for step in steps]
    return sum(
        nj * steps[max(bisect_right(begins, cell) - 1, 0)].rate for cell, nj in areas.items()
    )


def _rounded_cents(product: Area) -> int:
    return minor(Fraction(product) / (RATE_UNIT * NJ_A_KWH))

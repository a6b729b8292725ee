"""What follows from a transaction and its neighbours: distance, energy, efficiency, charge. Pure.

::

    last: odometer 1000, out with 180      this: odometer 1040, in with 120, out B2 with 190
    B2 last came in with 90                -> 40 km, 60, 0.67, charged by 100

``last`` is the driver's live transaction before this one, by place.
"""

from __future__ import annotations

import msgspec

from psd.swaps.swap_events import Numbered, Swap


class Derived(msgspec.Struct, frozen=True):
    """Numbers of one live transaction; ``charge_amount`` is None where the battery never came in.

    >>> derive(this, Numbered(1, last), came_in)
    Derived(last=1, ride_distance=40, energy_used=60, efficiency=0.67, charge_amount=100)
    """

    last: int | None
    ride_distance: int
    energy_used: int
    efficiency: float
    charge_amount: int | None


def derive(swap: Swap, last: Numbered | None, came_in: Swap | None) -> Derived:
    """Of a transaction; ``came_in`` is the newest one before it that brought its battery out in."""
    distance = energy = 0
    if last is not None:
        distance = swap.odometer - last.swap.odometer
        # A battery that went out with 0 went out without a reading.
        if last.swap.battery_out_energy:
            energy = last.swap.battery_out_energy - swap.battery_in_energy
    charge = None
    if swap.battery_out is not None and came_in is not None:
        charge = swap.battery_out_energy - came_in.battery_in_energy
    return Derived(
        last.n if last else None, distance, energy, efficiency_of(distance, energy), charge
    )


def efficiency_of(distance: int, energy: int) -> float:
    """Distance for each unit of energy, of two digits; 0 where no energy was used."""
    return round(distance / energy, 2) if energy > 0 else 0

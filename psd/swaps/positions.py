"""Where a battery is, and what is in it: what its newest live transaction says. Pure.

::

    newest that brought it in: at S1 with 60       newest that took it out: before that
    -> at station S1, with 60
    none at all                                    -> where it was registered, with 0

What took it out wins over what brought it in where one transaction did both; the energy is then
what it came in with.
"""

from __future__ import annotations

import msgspec

from psd.swaps.swap_events import Numbered
from psd.swaps.swap_places import place_of


class Whereabouts(msgspec.Struct, frozen=True):
    """A station, or a vehicle with its driver, or nowhere; ``n`` is the transaction that says so.

    >>> whereabouts(None, None, registered=1)
    Whereabouts(station=1, vehicle=None, driver=None, energy=0, n=None)
    """

    station: int | None
    vehicle: int | None
    driver: int | None
    energy: int
    n: int | None


def whereabouts(
    came_in: Numbered | None, went_out: Numbered | None, registered: int | None
) -> Whereabouts:
    """Of a battery by its newest transactions, or by the station that it was registered at."""
    newest = newest_of(came_in, went_out)
    if newest is None:
        return Whereabouts(registered, None, None, 0, None)
    swap = newest.swap
    if newest is went_out:
        is_both = came_in is not None and came_in.n == went_out.n
        energy = swap.battery_in_energy if is_both else swap.battery_out_energy
        return Whereabouts(None, swap.vehicle, swap.driver, energy, newest.n)
    return Whereabouts(swap.station, None, None, swap.battery_in_energy, newest.n)


def newest_of(came_in: Numbered | None, went_out: Numbered | None) -> Numbered | None:
    """The later of the two by place; what went out, where both are one."""
    if came_in is None or went_out is None:
        return went_out or came_in
    return came_in if place_of(came_in) > place_of(went_out) else went_out

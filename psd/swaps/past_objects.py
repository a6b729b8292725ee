"""Objects as they are, or as they were at the end of a second.

::

    V1 since 10:00, V2 since 12:00        driver 1 at 11:00 -> vehicle V1
                                          at 09:00, before anything was said -> as said first
    driven at 11:00, at 09:00             V1, V1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from psd.swaps.append import Named
from psd.swaps.objects import Known, KnownBattery, KnownDriver, known_of, known_then
from psd.swaps.store import SwapsStore
from psd.swaps.swap_events import AnyEvent, Registered

Said = list[tuple[int, Registered]]
"""Numbers and events, in the order of their seconds."""


async def objects_at(
    store: SwapsStore, network: str, wanted: Sequence[Named], at: int | None
) -> dict[Named, Known]:
    """Those of these that there are; one that was registered later is as it was then. 1 trip.

    Of a past second 2 more, and 1 where something was registered later. What a battery that is
    not registered yet has no station.
    """
    held = await store.objects(network, wanted)
    now = {each: known_of(*each, held[each]) for each in wanted if each in held}
    if at is None:
        return now
    numbers = await store.changes(network, [*now], at)
    unborn = [each for each, listed in numbers.items() if not listed]
    if unborn:
        numbers |= {
            each: listed[:1] for each, listed in (await store.changes(network, unborn)).items()
        }
    events = await store.events(network, [n for listed in numbers.values() for n in listed])
    found = {each: _then(each, _said(numbers[each], events), known) for each, known in now.items()}
    for each in unborn:
        if isinstance(known := found[each], KnownBattery):
            found[each] = msgspec.structs.replace(known, station=None)
    return found


async def driven_at(
    store: SwapsStore, network: str, driver: KnownDriver, second: int
) -> int | None:
    """The vehicle that a driver had at a second; before he was said to have one, the first.

    No trip where he has had the same since.
    """
    if second >= driver.vehicle_since:
        return driver.vehicle
    numbers = (await store.changes(network, [("driver", driver.id)]))["driver", driver.id]
    said = [
        (event.second, event.fields["vehicle"])
        for _, event in _said(numbers, await store.events(network, numbers))
        if "vehicle" in event.fields
    ]
    by_then = [vehicle for since, vehicle in said if since <= second]
    first = [vehicle for _, vehicle in said if vehicle is not None]
    found = by_then[-1] if by_then else next(iter(first), driver.vehicle)
    return found if isinstance(found, int) else None


def _said(numbers: Sequence[int], events: Mapping[int, AnyEvent]) -> Said:
    return [(n, event) for n in numbers if isinstance(event := events[n], Registered)]


def _then(named: Named, said: Said, now: Known) -> Known:
    """An object by what was said of it; by what is known of it where nothing was."""
    return known_then(*named, [(e.second, n, e.fields) for n, e in said]) if said else now

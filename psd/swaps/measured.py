"""What transactions are measured against, and which change when one of these does.

A transaction is measured against the driver's one before it and against the one that brought its
battery in last. So behind a place change, of a driver the next one, and of a battery that came in
there all that take it out until it comes in again: one, where every swap was told, and more where
one that brought it in is missing::

    in at 9:00    out at 10:00    out at 11:00    in and out at 12:00    out at 13:00
                  changes         changes         changes                is measured against 12:00
"""

from __future__ import annotations

from collections.abc import Iterable

from psd.swaps.around_asks import Ask, after, before
from psd.swaps.store import Around, SwapsStore
from psd.swaps.swap_events import Numbered
from psd.swaps.swap_places import SwapPlace, place_of


def asks_measuring(each: Numbered) -> list[Ask]:
    """What a live transaction is measured against: the driver's last, and what brought it in."""
    place = place_of(each)
    asks = [before("driver", each.swap.driver, place)]
    if each.swap.battery_out is not None:
        asks.append(before("battery_in", each.swap.battery_out, place))
    return asks


Trail = tuple[int, SwapPlace]
"""A battery, and the place behind which it is followed."""


async def measured_against(store: SwapsStore, network: str, changed: Iterable[Numbered]) -> Around:
    """All that is measured against one of these, as of the first moment. 1 trip.

    And one more for each time that a battery goes out without having come in.
    """
    listed = [*changed]
    drivers = [after("driver", each.swap.driver, place_of(each)) for each in listed]
    trails = sorted(
        {(each.swap.battery_in, place_of(each)) for each in listed if each.swap.battery_in}
    )
    around = await store.around(network, [*drivers, *_asks(trails)])
    last, found = around.last, [each for each in around.found[: len(drivers)] if each]
    answers = around.found[len(drivers) :]
    while trails:
        going: list[Trail] = []
        for (battery, _), out, came_in in zip(trails, answers[::2], answers[1::2], strict=True):
            if out is None or (came_in is not None and place_of(came_in) < place_of(out)):
                continue
            found.append(out)
            if came_in is None or came_in.n != out.n:
                going.append((battery, place_of(out)))
        trails = going
        answers = (await store.around(network, _asks(trails))).found if trails else []
    return Around(last, [*found])


def _asks(trails: Iterable[Trail]) -> list[Ask]:
    """Where a battery goes out next, and where it comes in next."""
    return [
        after(index, battery, place)
        for battery, place in trails
        for index in ("battery_out", "battery_in")
    ]

"""Which transactions one changes: itself, and those that are measured against it. Pure.

A transaction is measured against the driver's one before it and against the one that brought its
battery in. So what changes with it, and with the wrong one that it stands for, is at most::

    the next of its driver                  the next of the wrong one's driver
    the next that takes its battery_in out  the next that takes the wrong one's battery_in out

each behind the place of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from psd.swaps.around_asks import Ask, after, before
from psd.swaps.swap_events import Numbered
from psd.swaps.swap_places import place_of


def asks_behind(changed: Iterable[Numbered]) -> list[Ask]:
    """Questions whose answers are measured against one of these.

    >>> asks_behind([Numbered(3, swap)])
    [Ask('driver', 1, NOON, '000000000003~', False), Ask('battery_out', 2, ...)]
    """
    asks: list[Ask] = []
    for each in changed:
        place = place_of(each)
        asks.append(after("driver", each.swap.driver, place))
        if each.swap.battery_in is not None:
            asks.append(after("battery_out", each.swap.battery_in, place))
    return asks


def asks_measuring(each: Numbered) -> list[Ask]:
    """What a live transaction is measured against: the driver's last, and what brought it in."""
    place = place_of(each)
    asks = [before("driver", each.swap.driver, place)]
    if each.swap.battery_out is not None:
        asks.append(before("battery_in", each.swap.battery_out, place))
    return asks

"""What moves with an event that is appended: indexes, versions, names. Pure.

::

    swap 7 of driver 1 with battery 2 in and 3 out joins
    tx:driver:1  tx:vehicle:1  tx:station:1  tx:battery_in:2  tx:battery_out:3
    and what it corrects leaves those that it was in
"""

from __future__ import annotations

from collections.abc import Mapping

from psd.swaps.append import Append, Named
from psd.swaps.objects import KEY_FIELDS, changed
from psd.swaps.swap_events import Numbered, Registered, Swap
from psd.swaps.swap_places import member_of


def indexes_of(swap: Swap) -> list[Named]:
    """What a live transaction stands in."""
    found: list[Named] = [
        ("driver", swap.driver),
        ("vehicle", swap.vehicle),
        ("station", swap.station),
    ]
    if swap.battery_in is not None:
        found.append(("battery_in", swap.battery_in))
    if swap.battery_out is not None:
        found.append(("battery_out", swap.battery_out))
    return found


def versioned(swap: Swap) -> list[Named]:
    """What a transaction changes; of a station nothing is decided by."""
    batteries = {swap.battery_in, swap.battery_out} - {None}
    return [
        ("driver", swap.driver),
        ("vehicle", swap.vehicle),
        *(("battery", each) for each in sorted(each or 0 for each in batteries)),
    ]


def append_of(
    swap: Swap, wrong: Numbered | None, versions: Mapping[Named, int], n: int = 0
) -> Append:
    """A transaction and the indexes that it joins, and those that the wrong one leaves."""
    member = member_of(wrong) if wrong else ""
    return Append(
        event=swap,
        n=n,
        versions=versions,
        indexes=indexes_of(swap),
        root=swap.root,
        wrong=wrong,
        left=[(each, member) for each in indexes_of(wrong.swap)] if wrong else (),
        lists=["warned"] if swap.warnings else (),
    )


def registration_of(event: Registered, held: Mapping[str, str], n: int = 0) -> Append:
    """What is news of an object of which ``held`` is known, and its name where that is."""
    kind, number = event.of, event.number
    news = changed(held, event.fields, event.second)
    key = KEY_FIELDS[kind]
    name = None
    if key in news:
        name = (kind, str(news[key]), number, held.get(key, ""), not held)
    return Append(
        event=event,
        n=n,
        versions={(kind, number): int(held.get("version", 0))},
        fields=news,
        of=(kind, number),
        name=name,
        lists=[f"changes:{kind}:{number}"],
    )

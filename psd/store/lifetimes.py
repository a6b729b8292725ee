"""How long the keys of a level live, of all things or of one, and which ever had a lifetime. Pure.

``[retention]`` says it for all things. ``second_s`` and ``activity_s`` of a thing go before it::

    [retention] activity_s = 0
    [things]    energy_import = { id = 20, unit = "mWh", second_s = 7776000, activity_s = 7776000 }

What ever had a lifetime stands in the store (``psd:retention``): ``activity_s`` of all things,
``activity_s:20`` of one.

>>> ended({"day_s", "second_s:20"}, 20), ended({"day_s", "second_s:20"}, 1)
(frozenset({'day_s', 'second_s'}), frozenset({'day_s'}))
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from psd.config import OWN_LEVELS, RetentionSettings, Settings, Thing


def retention_of(retention: RetentionSettings, thing: Thing) -> RetentionSettings:
    """The lifetimes of a thing: its own, of the rest those of all."""
    return msgspec.structs.replace(retention, **own_lifetimes(thing))


def own_lifetimes(thing: Thing) -> dict[str, int]:
    """Seconds by level, of those that a thing has of its own."""
    said = {level: getattr(thing, level) for level in OWN_LEVELS}
    return {level: seconds for level, seconds in said.items() if seconds is not msgspec.UNSET}


def by_number(settings: Settings) -> dict[int, RetentionSettings]:
    """The lifetimes of each thing that is configured."""
    return {thing.id: retention_of(settings.retention, thing) for thing in settings.things.values()}


def finite_levels(settings: Settings) -> set[str]:
    """Levels that have a lifetime, as the store notes them."""
    of_all = msgspec.structs.asdict(settings.retention)
    found = {level for level, seconds in of_all.items() if seconds}
    for thing in settings.things.values():
        own = own_lifetimes(thing).items()
        found |= {f"{level}:{thing.id}" for level, seconds in own if seconds}
    return found


def ended(ever: Collection[str], thing: int) -> frozenset[str]:
    """The levels of a thing whose keys may have ended."""
    parts = [noted.partition(":") for noted in ever]
    return frozenset(level for level, _, own in parts if own in ("", str(thing)))


def numbers_of(ever: Collection[str], level: str) -> frozenset[int]:
    """Things of which a level alone ever had a lifetime."""
    own = [noted.partition(":")[2] for noted in ever if noted.startswith(f"{level}:")]
    return frozenset(int(number) for number in own if number.isdigit())

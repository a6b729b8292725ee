"""How the boards of things are kept: to the second, by the day, or not at all.

``[things] x = { id = 9, boards = "day" }`` says it, the store keeps it from a thing's first booking
on (``psd:columns:modes``), and the booking scripts go by it (lua/lib/column_places.lua)::

    true     second   columns of years and months, and logs of what was booked when
    "day"    day      columns of years, months and days
    false    none     nothing: boards of everybody read every owner

Columns are a function of what is booked, but of all of it: a store in which a thing was booked in
another way is none to work with until ``psd verify --repair`` has made its columns anew.

>>> modes_of({"steps": Thing(1), "signals": Thing(6, boards="day")})
{1: 'second', 6: 'day'}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgpack

from psd.config import Thing
from psd.errors import ConfigError, UnfitStoreError
from psd.store.keys import MODES_KEY, OWNER_SHARDS, owners_key
from psd.store.lane import Command
from psd.store.redis import Store

SECOND, DAY, NONE = "second", "day", "none"

_SETTINGS = {SECOND: "true", DAY: '"day"', NONE: "false"}

Modes = Mapping[int, str]
"""By the thing's number."""


def modes_of(things: Mapping[str, Thing]) -> dict[int, str]:
    """How the boards of these things are to be kept."""
    return {thing.id: mode_of(thing) for thing in things.values()}


def mode_of(thing: Thing) -> str:
    """How a thing's boards are to be kept."""
    if thing.boards == "day":
        return DAY
    return SECOND if thing.boards else NONE


def packed_modes(modes: Modes) -> bytes:
    """The modes as book.lua reads them: those that are not ``second``, by the number as a text."""
    packed: bytes = msgpack.packb(
        {str(thing): mode for thing, mode in modes.items() if mode != SECOND}
    )
    return packed


def kept_as(modes: Modes) -> Command:
    """The command that keeps these modes, whatever was kept."""
    return ("HSET", MODES_KEY, *(part for item in modes.items() for part in item))


async def settle_modes(store: Store, things: Mapping[str, Thing]) -> None:
    """Keep the modes of things that are new; ConfigError where one was booked in another way.

    For the start; who goes on booking has :func:`keep_modes`. One trip where all are as they were,
    else two or three.
    """
    held = await held_modes(store)
    modes = modes_of(things)
    differing = {thing: mode for thing, mode in modes.items() if held.get(thing) != mode}
    if not differing:
        return
    booked = await _booked(store, differing.keys() & held.keys())
    for name, thing in things.items():
        if thing.id in booked:
            raise ConfigError(_refusal(name, held[thing.id], modes[thing.id]))
    await store.writes.call(kept_as(differing))


async def keep_modes(store: Store, modes: Modes) -> None:
    """Keep the modes of things that have none; UnfitStoreError where one has another. One trip."""
    commands: list[Command] = [("HSETNX", MODES_KEY, *item) for item in modes.items()]
    *_, held = await store.writes.call_all([*commands, ("HGETALL", MODES_KEY)])
    for thing, mode in _by_number(held).items():
        if modes.get(thing, mode) != mode:
            found = f"thing {thing}: boards are kept by {mode}, not by {modes[thing]}"
            raise UnfitStoreError(f"redis: UNFIT: {found}", check="boards", found=found)


async def held_modes(store: Store) -> dict[int, str]:
    """The modes that a store keeps. One trip."""
    return _by_number(await store.writes.call(("HGETALL", MODES_KEY)))


def _by_number(held: list[bytes]) -> dict[int, str]:
    return {
        int(thing): mode.decode(errors="replace")
        for thing, mode in zip(held[::2], held[1::2], strict=True)
    }


async def _booked(store: Store, numbers: Iterable[int]) -> set[int]:
    """Which of these things have bookings, by the index of owners. One trip."""
    places = [(thing, shard) for thing in numbers for shard in range(OWNER_SHARDS)]
    if not places:
        return set()
    there = await store.writes.call_all([("EXISTS", owners_key(s, thing)) for thing, s in places])
    return {thing for (thing, _), is_there in zip(places, there, strict=True) if is_there}


def _refusal(name: str, held: str, wanted: str) -> str:
    return (
        f"things.{name}: boards = {_SETTINGS[wanted]}, but the store has its bookings with "
        f"boards = {_SETTINGS.get(held, held)}: psd verify --repair makes its columns anew, with "
        "every other psd on the store stopped"
    )

"""What is read of meters beside their readings' energy: names, what is known, newest readings.

::

    names("m-1", 2)         -> ["m-10", "m-2"]
    newest(m-1, {"i0": "power", "e0": "intervals"})
    -> {i0: (1606644000, "power", 200000), e0: (1606644000, "intervals", None)}
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from psd.energy.channels import Kind, MeterChannel, channel_of, counting_kind
from psd.energy.keys import METERS_KEY, UNIT_S, channel_key, meter_key, runs_key, units_key
from psd.energy.known_meters import KnownMeter, known_of
from psd.store.lane import Command
from psd.store.redis import Store

UNITS_AT_ONCE = 124

Kept = tuple[int, str]
"""A second, and what is kept of it."""

NewestReading = tuple[int, Kind, int | None]
"""Second, kind, and what was shown then; None of an interval, which ended then."""


class MeterReads:
    """Reads of many meters, or of all channels of one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def names(self, after: str, count: int) -> list[str]:
        """Names of meters behind one, in order of their bytes. 1 trip."""
        start = f"({after}" if after else "-"
        found = await self._store.reads.call(
            ("ZRANGE", METERS_KEY, start, "+", "BYLEX", "LIMIT", 0, count)
        )
        return [name.decode() for name in found]

    async def strip(
        self, uid: int, channel: MeterChannel, after: int, count: int
    ) -> list[tuple[int, str]]:
        """What a channel keeps behind a second, in order, so many or fewer. 2 trips for 124 hours.

        Fewer where no more are kept.
        """
        root = (await self._store.placed()).owner_root(uid)
        key, bound, found = units_key(root, channel.name), str((after + 1) // UNIT_S), list[Kept]()
        while len(found) < count:
            units = await self._store.reads.call(
                ("ZRANGEBYSCORE", key, bound, "+inf", "LIMIT", 0, UNITS_AT_ONCE)
            )
            prefix = channel_key(root, channel.name)
            commands: list[Command] = [("HGETALL", f"{prefix}:{int(unit)}") for unit in units]
            for flat in await self._store.reads.call_all(commands):
                kept = zip(map(int, flat[::2]), map(bytes.decode, flat[1::2]), strict=True)
                found += sorted(each for each in kept if each[0] > after)
            if len(units) < UNITS_AT_ONCE:
                break
            bound = f"({int(units[-1])}"
        return found[:count]

    async def known(self, uids: Sequence[int]) -> list[KnownMeter]:
        """What is known of some meters, by position. 1 trip."""
        placed = await self._store.placed()
        commands: list[Command] = [("HGETALL", meter_key(placed.owner_root(uid))) for uid in uids]
        return [known_of(flat) for flat in await self._store.reads.call_all(commands)]

    async def newest(self, uid: int, kinds: Mapping[str, str]) -> dict[MeterChannel, NewestReading]:
        """What channels showed last, those that ever showed something. 2 trips."""
        root = (await self._store.placed()).owner_root(uid)
        channels = [*map(channel_of, kinds)]
        asked = [self._newest(root, each, kinds[each.name]) for each in channels]
        told = await asyncio.gather(*asked)
        return {of: found for of, found in zip(channels, told, strict=True) if found is not None}

    async def _newest(self, root: str, channel: MeterChannel, kept: str) -> NewestReading | None:
        kind, counts = counting_kind(kept)
        if kind == "intervals" and counts:
            ends = await self._store.reads.call(
                ("ZREVRANGEBYSCORE", runs_key(root, channel.name), "+inf", "-inf", "LIMIT", 0, 1)
            )
            return (int(ends[0]), kind, None) if ends else None
        units = await self._store.reads.call(
            ("ZREVRANGEBYSCORE", units_key(root, channel.name), "+inf", "-inf", "LIMIT", 0, 1)
        )
        if not units:
            return None
        key = f"{channel_key(root, channel.name)}:{int(units[0])}"
        flat = await self._store.reads.call(("HGETALL", key))
        held = {int(second): value for second, value in zip(flat[::2], flat[1::2], strict=True)}
        if not held:
            return None
        second = max(held)
        return second, kind, int(held[second].partition(b":")[0])


def newest_taken(found: Mapping[MeterChannel, NewestReading]) -> NewestReading | None:
    """The newest reading of what a meter takes; of one second that of power.

    >>> import_, export = MeterChannel("import", 0), MeterChannel("export", 0)
    >>> newest_taken({import_: (60, "power", 200), export: (90, "power", 500)})
    (60, 'power', 200)
    """
    taken = [each for of, each in found.items() if of.flow == "import"]
    return max(taken, key=lambda each: (each[0], each[1] == "power"), default=None)

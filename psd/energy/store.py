"""Where readings of meters are kept: two scripts, each with keys of one meter.

::

    keep(uid, i0, "register", [(1606636800, 12345678000)])    -> version 7, and readings around it
    cover(uid, i0, "register", [(1606636800, 1606638600)])    -> that time is metered
    runs(uids, [i0, i1])                                      -> [(1606636800, 1606723200)]

Energy itself is in the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgpack
import msgspec

from psd.config import Settings
from psd.energy.channels import METERS, Kind, MeterChannel
from psd.energy.keys import channel_key, meter_key, runs_key
from psd.energy.resettling import NearReadings
from psd.errors import ConflictError
from psd.measures.curve import HOUR_S
from psd.store.kept import write_kept
from psd.store.keys import names_key, names_shard
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import load_script
from psd.zones import DATE_S

UNIT_S: Mapping[Kind, int] = {"power": HOUR_S, "register": DATE_S}
"""Readings of such a unit share a hash: there are more of power."""

REMEMBERED_MAX = 200_000


class Found(msgspec.Struct, frozen=True):
    """Readings as they are kept, the version that they have, and how many were new."""

    version: int
    changed: int
    kept: NearReadings


class MeterStore:
    """Keeps and reads what is known of meters; raises StoreUnavailableError when Redis is away."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        lifetime = settings.retention.activity_s
        self._lifetime_s = lifetime and lifetime + settings.booking.max_event_lead_s
        self._keep = load_script("energy.keep")
        self._cover = load_script("energy.cover")
        self._named: dict[int, str] = {}
        self._epoch = -1

    async def register(self, meters: Mapping[int, str]) -> dict[int, ConflictError]:
        """Note names by uid; tells whose number another name has. 1 trip for new ones."""
        if self._epoch != self._store.writes.epoch or len(self._named) > REMEMBERED_MAX:
            self._named.clear()
            self._epoch = self._store.writes.epoch
        new = [(uid, name) for uid, name in meters.items() if self._named.get(uid) != name]
        commands: list[Command] = []
        for uid, name in new:
            key = names_key(names_shard(uid), METERS)
            commands += [("HSETNX", key, uid, name.encode()), ("HGET", key, uid)]
        replies = await write_kept(self._store, commands)
        refused = {}
        for (uid, name), held in zip(new, replies[1::2], strict=True):
            if held == name.encode():
                self._named[uid] = name
            else:
                refused[uid] = ConflictError(
                    f"meter: {name!r} has the number of another meter, which came first"
                )
        return refused

    async def name(self, uid: int) -> str | None:
        """The name of a meter that ever sent something. 1 trip."""
        held = await self._store.reads.call(("HGET", names_key(names_shard(uid), METERS), uid))
        return None if held is None else held.decode()

    async def keep(
        self,
        uid: int,
        channel: MeterChannel,
        kind: Kind,
        points: Sequence[tuple[int, int]],
        within: tuple[int, int],
        look: int,
    ) -> Found:
        """Keep readings, none to read alone, and find those around ``within``. 1 trip.

        Raises ConflictError for a channel of another kind.
        """
        packed = msgpack.packb([each for second, value in points for each in (second, str(value))])
        arguments = (channel.name, kind, UNIT_S[kind], packed, *within, look, self._lifetime_s)
        root = await self._root(uid)
        [told] = await write_kept(self._store, [("EVALSHA", self._keep.sha, 1, root, *arguments)])
        if isinstance(told, bytes):
            raise other_kind(channel, kind, told)
        version, changed, begins, ends, *flat = told
        readings = [(at, int(value)) for at, value in zip(flat[::2], flat[1::2], strict=True)]
        return Found(version, changed, NearReadings(readings, begins == 1, ends == 1))

    async def cover(
        self, covered: Sequence[tuple[int, MeterChannel, Kind, Sequence[tuple[int, int]]]]
    ) -> list[ConflictError | None]:
        """Note from when to when channels of meters are metered, by position. 1 trip."""
        placed = await self._store.placed()
        commands: list[Command] = []
        for uid, channel, kind, runs in covered:
            packed = msgpack.packb([each for run in runs for each in run])
            arguments = (channel.name, kind, packed, self._lifetime_s)
            commands.append(("EVALSHA", self._cover.sha, 1, placed.owner_root(uid), *arguments))
        replies = await write_kept(self._store, commands)
        return [
            other_kind(channel, kind, told) if isinstance(told, bytes) else None
            for (_, channel, kind, _), told in zip(covered, replies, strict=True)
        ]

    async def kinds(self, uid: int) -> dict[str, str]:
        """The channels of a meter, and their kinds. 1 trip."""
        flat = await self._store.reads.call(("HGETALL", meter_key(await self._root(uid))))
        held = dict(zip(flat[::2], flat[1::2], strict=True))
        return {key.decode(): kind.decode() for key, kind in held.items() if b":" not in key}

    async def standing(
        self, uid: int, channel: MeterChannel, kind: Kind, seconds: Sequence[int]
    ) -> list[int | None]:
        """What is kept of some seconds, by position. 1 trip."""
        prefix, unit_s = channel_key(await self._root(uid), channel.name), UNIT_S[kind]
        commands = [("HGET", f"{prefix}:{second // unit_s}", second) for second in seconds]
        replies = await self._store.reads.call_all(commands)
        return [None if held is None else int(held) for held in replies]

    async def runs(
        self, uid: int, channels: Sequence[MeterChannel], start: int, end: int
    ) -> list[tuple[int, int]]:
        """Where some of the channels are metered between two seconds, not cut to it. 1 trip."""
        root = await self._root(uid)
        commands: list[Command] = []
        for channel in channels:
            key, last = runs_key(root, channel.name), f"({end}"
            commands += [
                ("ZREVRANGEBYSCORE", key, start, "-inf", "WITHSCORES", "LIMIT", 0, 1),
                ("ZRANGEBYSCORE", key, f"({start}", last, "WITHSCORES"),
            ]
        found = []
        for flat in await self._store.reads.call_all(commands):
            found += [
                (int(float(begins)), int(ends))
                for ends, begins in zip(flat[::2], flat[1::2], strict=True)
            ]
        return found

    async def _root(self, uid: int) -> str:
        return (await self._store.placed()).owner_root(uid)


def other_kind(channel: MeterChannel, kind: Kind, held: bytes) -> ConflictError:
    """What is said of data of a kind, where a channel has another."""
    return ConflictError(
        f"register: {channel.register} of flow {channel.flow} has data of kind {held.decode()}; "
        f"with {kind} beside it energy would count twice: use another register"
    )

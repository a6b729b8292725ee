"""Where readings of meters are kept: three scripts, each with keys of one meter.

::

    keep(i0 of m-1, [(1606636800, 12345678000)])     -> version 7, and readings around it
    cover([(i1 of m-1, [(1606636800, 1606638600)])   -> that time is metered
    describe(m-1, 1606636800, [("digits", "5")])     -> i0 is to be derived again
    runs(m-1, [i0, i1])                              -> [(1606636800, 1606723200)]

Energy itself is in the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgpack
import msgspec

from psd.config import Settings
from psd.energy.channel_lifetimes import ChannelLifetimes
from psd.energy.channels import METERS, Kind, MeterChannel, channel_of, kept_kind, other_kind
from psd.energy.keys import METERS_KEY, UNIT_S, channel_key, meter_key, runs_key, units_key
from psd.energy.known_meters import KnownMeter, known_of
from psd.energy.meter_facts import FIELDS_MAX, Said, packed_of
from psd.energy.resettling import NearReadings, Settled
from psd.errors import ConflictError, TooLargeError
from psd.store.kept import write_kept
from psd.store.keys import names_key, names_shard
from psd.store.lane import Command
from psd.store.owner_calls import owner_call
from psd.store.redis import Store
from psd.store.scripts import Script

"""Readings of such a unit share a hash: there are more of power."""

REMEMBERED_MAX = 200_000


class KeptChannel(msgspec.Struct, frozen=True, gc=False):
    """A channel of a meter that has readings."""

    uid: int
    channel: MeterChannel
    kind: Kind


class Found(msgspec.Struct, frozen=True):
    """Readings as they are kept, the version that they have, and how many were new.

    ``delivers`` says that power was ever below 0, ``said`` is what is known of the meter, ``rule``
    the number of that, and ``derived`` tells how far the channel follows it: 3, or 3:18595 up to
    a unit.
    """

    version: int
    changed: int
    kept: NearReadings
    delivers: bool
    said: bytes
    rule: int
    derived: str

    @property
    def is_derived(self) -> bool:
        """Whether all energy of the channel follows the rule."""
        return self.derived == str(self.rule) or self.rule == 0

    @property
    def derived_from(self) -> int:
        """The first unit that may not follow it."""
        rule, _, unit = self.derived.partition(":")
        return int(unit) if unit and rule == str(self.rule) else 0


CALL_RUNS_MAX = 200
"""Of one call, or of one channel that has more: 2.5 ms of channels with one run each."""


class Described(msgspec.Struct, frozen=True):
    """What became of what was said of a meter; ``pending`` channels follow an older rule."""

    is_new: bool
    pending: list[KeptChannel]


class _Metered(msgspec.Struct, frozen=True):
    """From when to when a channel is metered, as cover.lua reads it."""

    of: KeptChannel
    runs: Sequence[tuple[int, int]]
    known: tuple[int, int]
    version: int = 0
    longest_s: int = 0

    def packed(self) -> list[Any]:
        """The arguments about it."""
        runs = [edge for run in self.runs for edge in run]
        return [self.of.channel.name, self.of.kind, runs, self.version, *self.known, self.longest_s]


def _in_calls(places: Sequence[int], metered: Sequence[_Metered]) -> list[list[int]]:
    """Places of channels by call: of few runs each call has many, of many runs it has one."""
    calls: list[list[int]] = []
    room = 0
    for place, each in zip(places, metered, strict=True):
        if not calls or len(each.runs) > room:
            calls.append([])
            room = CALL_RUNS_MAX
        calls[-1].append(place)
        room -= max(len(each.runs), 1)
    return calls


class MeterStore:
    """Keeps and reads what is known of meters; raises StoreUnavailableError when Redis is away."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        fences_s = settings.retention.activity_s
        self._fences_s = fences_s and fences_s + settings.booking.max_event_lead_s
        self._lifetimes = ChannelLifetimes(store, settings)
        self._keep = Script("energy.keep")
        self._cover = Script("energy.cover")
        self._describe = Script("energy.describe")
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
        if new:
            listed = [each for _, name in new for each in (0, name.encode())]
            commands.append(("ZADD", METERS_KEY, *listed))
        replies = await write_kept(self._store, commands)
        refused = {}
        for (uid, name), held in zip(new, replies[1 : 2 * len(new) : 2], strict=True):
            if held == name.encode():
                self._named[uid] = name
            else:
                refused[uid] = ConflictError(
                    f"meter: {name!r} has the number of another meter, which came first"
                )
        return refused

    async def register_again(self, uid: int, name: str) -> None:
        """Note a name that this process may have noted already. 1 trip."""
        self._named.pop(uid, None)
        await self.register({uid: name})

    async def name(self, uid: int) -> str | None:
        """The name of a meter that ever sent something. 1 trip."""
        held = await self._store.reads.call(("HGET", names_key(names_shard(uid), METERS), uid))
        return None if held is None else held.decode()

    async def keep(self, of: KeptChannel, points: Sequence[tuple[int, int]], look: int) -> Found:
        """Keep readings in order of their seconds, and find those around them. 1 trip.

        Raises ConflictError for a channel of another kind.
        """
        within = (points[0][0], points[-1][0])
        return await self._kept(of, points, within, look)

    async def look(self, of: KeptChannel, within: tuple[int, int], look: int) -> Found:
        """Find readings around some seconds. 1 trip."""
        return await self._kept(of, (), within, look)

    async def keep_beside(self, of: KeptChannel, values: Sequence[tuple[int, str]]) -> int:
        """Keep what does not count; how many were new. 1 trip.

        Raises ConflictError for a channel of another kind.
        """
        first = values[0][0]
        told = await self._call_keep(of, kept_kind(of.kind, counts=False), values, (first, first))
        return int(told[1])

    async def _kept(
        self,
        of: KeptChannel,
        points: Sequence[tuple[int, int]],
        within: tuple[int, int],
        look: int,
    ) -> Found:
        values = [(second, str(value)) for second, value in points]
        export = f"e{of.channel.register}" if any(value < 0 for _, value in points) else ""
        told = await self._call_keep(of, of.kind, values, within, look, export)
        version, changed, begins, ends, delivers, said, rule, derived, *flat = told
        readings = [(at, int(value)) for at, value in zip(flat[::2], flat[1::2], strict=True)]
        near = NearReadings(readings, begins == 1, ends == 1)
        return Found(version, changed, near, delivers == 1, said, rule, derived.decode())

    async def _call_keep(
        self,
        of: KeptChannel,
        kind: str,
        values: Sequence[tuple[int, str]],
        within: tuple[int, int],
        look: int = 0,
        export: str = "",
    ) -> list[Any]:
        packed = msgpack.packb([each for value in values for each in value])
        lifetime = await self._lifetimes.readings_s(of.channel.flow)
        arguments = (of.channel.name, kind, UNIT_S, packed, *within, look, lifetime, export)
        root = await self._root(of.uid)
        [told] = await write_kept(self._store, [("EVALSHA", self._keep.sha, 1, root, *arguments)])
        if isinstance(told, bytes):
            raise other_kind(of.channel, kind, told)
        return list(told)

    async def note_runs(self, of: KeptChannel, settled: Settled, version: int) -> bool:
        """Note where a channel with readings is metered, if they have this version. 1 trip."""
        if not settled.runs and settled.known is None:
            return True
        known = settled.known or (settled.runs[0][0], settled.runs[0][0])
        [told] = await self._call_cover([_Metered(of, settled.runs, known, version)])
        return bool(told == 1)

    async def cover(
        self, covered: Sequence[tuple[KeptChannel, Sequence[tuple[int, int]], int]]
    ) -> list[ConflictError | None]:
        """Note where channels without readings are metered, by position. 1 trip.

        Of each, which stands there once, also how long the longest of the intervals is.
        """
        told = await self._call_cover(
            [
                _Metered(of, runs, (runs[0][0], runs[0][0]), longest_s=longest)
                for of, runs, longest in covered
            ]
        )
        return [
            other_kind(of.channel, of.kind, held) if isinstance(held, bytes) else None
            for (of, *_), held in zip(covered, told, strict=True)
        ]

    async def _call_cover(self, metered: Sequence[_Metered]) -> list[Any]:
        """What the script answers, by position: channels of one partition share calls."""
        placement = await self._store.placed()
        runs_s = await self._lifetimes.runs_s()
        roots = placement.owner_roots([each.of.uid for each in metered])
        pages = [
            page
            for group in placement.groups(roots)
            for page in _in_calls(group, [metered[place] for place in group])
        ]
        commands = [
            owner_call(
                self._cover,
                [roots[place] for place in page],
                (msgpack.packb([metered[place].packed() for place in page]), runs_s),
            )
            for page in pages
        ]
        replies = await write_kept(self._store, commands)
        told = dict(
            pair
            for page, reply in zip(pages, replies, strict=True)
            for pair in zip(page, reply, strict=True)
        )
        return [told[place] for place in range(len(metered))]

    async def describe(self, uid: int, since: int, said: Said) -> Described:
        """Merge what was said of a meter into what is known of it. 1 trip.

        Raises TooLargeError where that would be more than a meter may have.
        """
        root = await self._root(uid)
        arguments = (since, packed_of(said), FIELDS_MAX, self._fences_s)
        command: Command = ("EVALSHA", self._describe.sha, 1, root, *arguments)
        [told] = await write_kept(self._store, [command])
        if told == 0:
            raise TooLargeError(f"exchange: a meter has at most {FIELDS_MAX} fields and exchanges")
        changed, rule, *flat = told
        pending = [
            KeptChannel(uid, channel_of(name.decode()), cast(Kind, kind.decode()))
            for name, kind, derived in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
            if rule and derived.decode() != str(rule)
        ]
        return Described(changed == 1, pending)

    async def held(
        self, of: KeptChannel, first: int, last: int | None = None
    ) -> list[tuple[int, int]]:
        """Hours with readings and how many each has, from one on, up to one. 2 trips."""
        root = await self._root(of.uid)
        key, prefix = units_key(root, of.channel.name), channel_key(root, of.channel.name)
        end = "+inf" if last is None else last
        found = await self._store.reads.call(("ZRANGEBYSCORE", key, first, end))
        units = [int(unit) for unit in found]
        asked: list[Command] = [("HLEN", f"{prefix}:{unit}") for unit in units]
        numbers = await self._store.reads.call_all(asked) if asked else []
        return [*zip(units, numbers, strict=True)]

    async def note_derived(self, of: KeptChannel, rule: int, unit: int | None) -> None:
        """Note that a channel follows its meter's rule up to before a unit, or all of it. 1 trip.

        Whoever follows an older rule at the same time may take this back: then it is done again.
        """
        told = str(rule) if unit is None else f"{rule}:{unit}"
        key = meter_key(await self._root(of.uid))
        await write_kept(self._store, [("HSET", key, f"derived:{of.channel.name}", told)])

    async def kinds(self, uid: int) -> dict[str, str]:
        """The channels of a meter, and their kinds. 1 trip."""
        return (await self.known(uid)).kinds

    async def known(self, uid: int) -> KnownMeter:
        """What is known of a meter. 1 trip."""
        return known_of(await self._store.reads.call(("HGETALL", meter_key(await self._root(uid)))))

    async def standing(self, of: KeptChannel, seconds: Sequence[int]) -> list[str | None]:
        """What is kept of some seconds, by position. 1 trip."""
        prefix = channel_key(await self._root(of.uid), of.channel.name)
        commands = [("HGET", f"{prefix}:{second // UNIT_S}", second) for second in seconds]
        replies = await self._store.reads.call_all(commands)
        return [None if held is None else held.decode() for held in replies]

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

"""The registry of vehicles in Redis: what was said of each, and who belongs to an owner or a VIN.

A shard's vehicles are one hash. A record holds, for each field in turn, the second from which it
is known and the value, so that changes may come twice, late and in any order: of a field the
later second stands, of one second the greater value. Vehicle 7, owner 42 since 1644210000::

    psd:rewards:{s1289}:vehicles   7   [1644210000, "42", 0, false, 0, false, 0, false, ...]

Integrations stand as bits. A vehicle of which only activity is known has an empty record. The
sets of owners, VINs and shards are written before the record and never cleared, so they may name
vehicles that have moved on; whoever reads them looks at the record.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

import msgspec

from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome
from psd.errors import OutOfBoundsError, ShapeError
from psd.rewards.keys import owner_vehicles_key, rewards_key, vehicles_key, vins_key
from psd.rewards.shards import SHARDS, by_shard, shard_of
from psd.rewards.vehicle_events import CHANGEABLE, Value, VehicleChange
from psd.rewards.vehicles import Vehicle, owner_text
from psd.store.kept import write_in_order, write_kept
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script

VIN_VEHICLES_MAX = 1000
"""Vehicles of one VIN. Real ones have a few over the years; a sender's placeholder has any
number, and each more would make the next slower."""

CHANGES_AT_ONCE = 250
"""Up to 1,000 commands, which are made and sent in 2 to 5 ms of Python; others come between."""

SHARDS_AT_ONCE = 250
"""Commands that read vehicles and are made and read together, in 2 ms."""

FULL = -1


class VehicleRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is kept of one vehicle: since when, and what, or False for nothing.

    In the order of :data:`~psd.rewards.vehicle_events.CHANGEABLE`. Flags are 0 and 1.
    """

    owner_since_s: int
    owner: str | bool
    integrations_since_s: int
    integrations: int | bool
    vin_since_s: int
    vin: str | bool
    minted_at_since_s: int
    minted_at_s: int | bool
    minted_since_s: int
    minted: int | bool
    opted_in_since_s: int
    opted_in: int | bool


_decode = msgspec.msgpack.Decoder(VehicleRecord).decode
_encode = msgspec.msgpack.Encoder().encode


class Registry:
    """Reads and changes the registry; raises StoreUnavailableError when Redis is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._merge = Script("rewards.merge_vehicle")
        self._add_vin = Script("rewards.add_vin")

    async def change(self, changes: Sequence[VehicleChange]) -> list[Outcome]:
        """Keep what was said, in this order; outcomes by position. Safe to repeat.

        1 trip for each CHANGES_AT_ONCE, 2 where VINs came. ``booked`` is what changed a record. The
        one refusal is of a VIN that too many gave.
        """
        outcomes: list[Outcome] = []
        for start in range(0, len(changes), CHANGES_AT_ONCE):
            outcomes += await self._change(changes[start : start + CHANGES_AT_ONCE])
        return outcomes

    async def _change(self, changes: Sequence[VehicleChange]) -> list[Outcome]:
        vins = [at for at, change in enumerate(changes) if change.fields.get("vin")]
        counts = await self._note_vins([changes[at] for at in vins])
        full = {at for at, count in zip(vins, counts, strict=True) if count == FULL}
        shared = {
            str(changes[at].fields["vin"])
            for at, count in zip(vins, counts, strict=True)
            if count > 1
        }
        kept = [change for at, change in enumerate(changes) if at not in full]
        # In this order: no record stands without its sets.
        indexes = [*_indexing("shared_vins", shared), *_owners(kept), *_shards_of(kept)]
        records = [self._merging(change) for change in kept]
        replies = await write_in_order(self._store, indexes, records)
        merged = iter(replies[len(indexes) :])
        return [
            _full(change) if at in full else BOOKED if next(merged) else UNCHANGED
            for at, change in enumerate(changes)
        ]

    async def register(self, vehicles: Iterable[int]) -> None:
        """Make vehicles known of which nothing was said. 1 trip."""
        await write_in_order(self._store, *registration(vehicles))

    async def vehicle(self, vehicle: int) -> Vehicle | None:
        """What is known of one vehicle; None when it never sent or was sent anything. 1 trip."""
        return (await self.vehicles([vehicle])).get(vehicle)

    async def vehicles(self, vehicles: Iterable[int]) -> dict[int, Vehicle]:
        """What is known of some vehicles; unknown ones are left out. 1 command a shard.

        1 trip for SHARDS_AT_ONCE.
        """
        groups = [*by_shard(set(vehicles)).items()]
        found: dict[int, Vehicle] = {}
        for start in range(0, len(groups), SHARDS_AT_ONCE):
            some = groups[start : start + SHARDS_AT_ONCE]
            replies = await self._store.reads.call_all(
                [("HMGET", vehicles_key(shard), *members) for shard, members in some]
            )
            for (_, members), records in zip(some, replies, strict=True):
                for number, packed in zip(members, records, strict=True):
                    if packed is not None:
                        found[number] = _vehicle(number, packed)
        return found

    async def of_owner(self, owner: str) -> list[Vehicle]:
        """The vehicles that are this owner's now, by number. 2 trips."""
        owner = owner_text(owner)
        named = await self._store.reads.call(("SMEMBERS", owner_vehicles_key(owner)))
        found = await self.vehicles(int(each) for each in named)
        return [found[number] for number in sorted(found) if found[number].owner == owner]

    async def shards(self) -> list[int]:
        """Shards that have vehicles, in order."""
        return sorted(
            int(each) for each in await self._store.reads.call(("SMEMBERS", rewards_key("shards")))
        )

    async def shard(self, shard: int) -> dict[int, Vehicle]:
        """All vehicles of a shard, some 250 of a million. 1 trip."""
        flat = await self._store.reads.call(("HGETALL", vehicles_key(shard)))
        found = {}
        for field, packed in zip(flat[::2], flat[1::2], strict=True):
            number = int(field)
            found[number] = _vehicle(number, packed)
        return found

    async def records(self, shard: int) -> dict[int, VehicleRecord | None]:
        """The same as it is kept, None of a vehicle of which nothing was said. 1 trip."""
        flat = await self._store.reads.call(("HGETALL", vehicles_key(shard)))
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return {int(field): _record(int(field), packed) for field, packed in pairs}

    async def shared_vins(self) -> list[list[Vehicle]]:
        """Groups of two or more vehicles that have one VIN now, each by number, in order of VINs.

        3 trips, and 1 command for each VIN that two vehicles ever gave.
        """
        vins = sorted(await self._store.reads.call(("SMEMBERS", rewards_key("shared_vins"))))
        noted = await self._store.reads.call_all(
            [("HGET", vins_key(vin_shard(vin)), vin) for vin in vins]
        )
        by_vin = {
            vin.decode(): [int(each) for each in (vehicles or b"").split(b",") if each]
            for vin, vehicles in zip(vins, noted, strict=True)
        }
        known = await self.vehicles(number for members in by_vin.values() for number in members)
        groups = [
            [known[number] for number in members if number in known and known[number].vin == vin]
            for vin, members in by_vin.items()
        ]
        return [group for group in groups if len(group) > 1]

    async def _note_vins(self, changes: Sequence[VehicleChange]) -> list[int]:
        """How many vehicles gave the VIN of each change, this one included."""
        commands: list[Command] = []
        for change in changes:
            vin = str(change.fields["vin"])
            key = vins_key(vin_shard(vin.encode()))
            commands.append(
                ("EVALSHA", self._add_vin.sha, 1, key, vin, change.vehicle, VIN_VEHICLES_MAX)
            )
        return await write_kept(self._store, commands)

    def _merging(self, change: VehicleChange) -> Command:
        key = vehicles_key(shard_of(change.vehicle))
        if not change.fields:
            return ("HSETNX", key, change.vehicle, "")
        return ("EVALSHA", self._merge.sha, 1, key, change.vehicle, said(change))


def registration(vehicles: Iterable[int]) -> tuple[list[Command], list[Command]]:
    """Commands that make vehicles known: of shards first, so that none is without its shard."""
    distinct = sorted(set(vehicles))
    shards = _indexing("shards", {shard_of(each) for each in distinct})
    return shards, [("HSETNX", vehicles_key(shard_of(each)), each, "") for each in distinct]


def vin_shard(vin: bytes) -> int:
    """Where a VIN's vehicles are noted."""
    return zlib.crc32(vin) % SHARDS


def _indexing(name: str, members: Collection[str | int]) -> list[Command]:
    """The command that adds to one of the sets that there are once; none for nobody."""
    return [("SADD", rewards_key(name), *sorted(members))] if members else []


def _shards_of(changes: Iterable[VehicleChange]) -> list[Command]:
    return _indexing("shards", {shard_of(change.vehicle) for change in changes})


def _owners(changes: Iterable[VehicleChange]) -> list[Command]:
    return [
        ("SADD", owner_vehicles_key(str(change.fields["owner"])), change.vehicle)
        for change in changes
        if change.fields.get("owner")
    ]


def said(change: VehicleChange) -> bytes:
    """The change as the script reads it: as a record, with second 0 for what was not said."""
    slots: list[str | int | bool] = []
    for name in CHANGEABLE:
        if name in change.fields:
            slots += (change.time_s, _stored(change.fields[name]))
        else:
            slots += (0, False)
    return _encode(slots)


def _stored(value: Value | None) -> str | int | bool:
    """A value as it stands in a record."""
    if value is None:
        return False
    if isinstance(value, tuple):
        return sum(1 << number for number in value)
    return value if isinstance(value, str) else int(value)


def _full(change: VehicleChange) -> Outcome:
    vin = change.fields["vin"]
    return Outcome(
        "refused",
        OutOfBoundsError(f"vin: {vin!r} is that of {VIN_VEHICLES_MAX} vehicles already"),
    )


def _vehicle(number: int, packed: bytes) -> Vehicle:
    """A vehicle from its record; raises ShapeError for bytes that are none."""
    held = _record(number, packed)
    if held is None:
        return Vehicle(number)
    return Vehicle(
        number,
        held.owner if isinstance(held.owner, str) else None,
        None if held.integrations is False else _ids(held.integrations),
        held.vin if isinstance(held.vin, str) else None,
        None if held.minted_at_s is False else held.minted_at_s,
        None if held.minted is False else held.minted == 1,
        None if held.opted_in is False else held.opted_in == 1,
    )


def _record(number: int, packed: bytes) -> VehicleRecord | None:
    """A record, None for an empty one; raises ShapeError for bytes that are none."""
    try:
        return _decode(packed) if packed else None
    except msgspec.MsgspecError as exc:
        raise ShapeError(f"vehicle {number}: its record is none ({exc})") from exc


@lru_cache(maxsize=4096)
def _ids(mask: int) -> frozenset[int]:
    """The numbers of a set of bits; fleets have few different ones."""
    return frozenset(number for number in range(mask.bit_length()) if mask >> number & 1)

"""What booking would change of vehicles, asked without writing.

It stands for :class:`psd.rewards.booking.VehicleFollower` in one run that books nothing. Records of
vehicles are read once and merged here, by the rules of lua/rewards/merge_vehicle.lua::

    known    owner "42" since 1644210000
    said     owner "43" since 1644220000    -> booked
    said     owner "42" since 1644200000    -> unchanged

A VIN that too many vehicles gave is refused by a real run alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from psd.engine.events import Change, Report
from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome
from psd.errors import ShapeError
from psd.rewards.keys import vehicles_key
from psd.rewards.registry import said
from psd.rewards.shards import by_shard
from psd.rewards.vehicle_events import VehicleChange
from psd.store.redis import Store

Slot = int | str | bool
_decode = msgspec.msgpack.Decoder(list[Slot]).decode

RANKS: dict[type, int] = {bool: 1, int: 2, str: 3}
"""Of one second the greater value stands: forgotten before numbers before texts."""


class VehiclesPreview:
    """A :class:`~psd.engine.books.Follower` that writes nothing."""

    keeps: frozenset[type[Change]] = frozenset({VehicleChange})

    def __init__(self, store: Store, things: frozenset[int]) -> None:
        self._store = store
        self.things = things
        self._booked: set[int] = set()
        self._records: dict[int, list[Slot] | None] = {}

    async def follow(self, events: Sequence[Report], _outcomes: Sequence[Outcome]) -> None:
        """A vehicle of which something was booked is known from then on."""
        self._booked.update(event.uid for event in events if event.uid >= 0)

    async def keep(self, changes: Sequence[VehicleChange]) -> list[Outcome]:
        """Outcomes by position, as the registry would have them."""
        await self._read(change.vehicle for change in changes)
        return [self._merge(change) for change in changes]

    def preview(self) -> VehiclesPreview:
        """Another one that has seen nothing yet."""
        return VehiclesPreview(self._store, self.things)

    async def _read(self, vehicles: Iterable[int]) -> None:
        groups = by_shard({each for each in vehicles if each not in self._records})
        replies = await self._store.reads.call_all(
            [("HMGET", vehicles_key(shard), *members) for shard, members in groups.items()]
        )
        for members, packed in zip(groups.values(), replies, strict=True):
            for vehicle, record in zip(members, packed, strict=True):
                self._records[vehicle] = None if record is None else _slots(vehicle, record)

    def _merge(self, change: VehicleChange) -> Outcome:
        known = self._records[change.vehicle]
        is_new = known is None and change.vehicle not in self._booked
        merged, changed = merged_record(known or [], _decode(said(change)))
        if not change.fields:
            merged, changed = known or [], is_new
        self._records[change.vehicle] = merged
        return BOOKED if changed else UNCHANGED


def merged_record(known: Sequence[Slot], told: Sequence[Slot]) -> tuple[list[Slot], bool]:
    """The record after what was said, and whether that changed it."""
    merged = [*known]
    merged += [0 if at % 2 == 0 else False for at in range(len(merged), len(told))]
    changed = False
    for at in range(0, len(told), 2):
        later = (told[at], _order(told[at + 1])) > (merged[at], _order(merged[at + 1]))
        if later:
            merged[at : at + 2] = told[at : at + 2]
            changed = True
    return merged, changed


def _order(value: Slot) -> tuple[int, int | bytes]:
    rank = RANKS[type(value)]
    return (rank, value.encode() if isinstance(value, str) else int(value))


def _slots(vehicle: int, packed: bytes) -> list[Slot]:
    if not packed:
        return []
    try:
        return _decode(packed)
    except msgspec.MsgspecError as exc:
        raise ShapeError(f"vehicle {vehicle}: its record is none ({exc})") from exc

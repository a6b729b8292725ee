"""What booking would change with all that follows for vehicles, asked without writing.

It stands for :class:`psd.rewards.booking.RewardsBooks` in one run that books nothing. Records of
vehicles are read once and merged here, by the rules of lua/rewards/merge_vehicle.lua::

    known    owner "42" since 1644210000
    said     owner "43" since 1644220000    -> booked
    said     owner "42" since 1644200000    -> unchanged

A VIN that too many vehicles gave is refused by a real run alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from psd.engine.events import Accepted, Change, Event, Report
from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome
from psd.errors import ShapeError
from psd.rewards.events import VehicleChange
from psd.rewards.registry import said
from psd.rewards.shards import by_shard
from psd.store.keys import vehicles_key
from psd.store.redis import Store

Slot = int | str | bool
_decode = msgspec.msgpack.Decoder(list[Slot]).decode

RANKS: dict[type, int] = {bool: 1, int: 2, str: 3}
"""Of one second the greater value stands: forgotten before numbers before texts."""


class EnginePreview(Protocol):
    """What is needed of :class:`psd.engine.preview.Preview`."""

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Outcomes by position; nothing is written."""
        ...


class BooksPreview:
    """``things`` are the numbers of those about vehicles."""

    def __init__(self, engine: EnginePreview, store: Store, things: frozenset[int]) -> None:
        self._engine = engine
        self._store = store
        self._things = things
        self._records: dict[int, list[Slot] | None] = {}

    async def book(self, events: Sequence[Accepted]) -> list[Outcome]:
        """Outcomes by position, as booking would have them."""
        of_engine = [event for event in events if not isinstance(event, Change)]
        changes = [event for event in events if isinstance(event, VehicleChange)]
        booked = await self._engine.book(of_engine) if of_engine else []
        await self._read(change.vehicle for change in changes)
        for event, outcome in zip(of_engine, booked, strict=True):
            if isinstance(event, Report) and event.thing in self._things and not outcome.error:
                self._register(event.uid)
        kept = iter([self._merge(change) for change in changes])
        of_book = iter(booked)
        return [next(kept if isinstance(each, Change) else of_book) for each in events]

    def _register(self, vehicle: int) -> None:
        """One of which something was booked is known from then on."""
        if vehicle >= 0 and self._records.get(vehicle, ()) is None:
            self._records[vehicle] = []

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
        is_new = known is None
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

"""Keeps what people decide about rewards (psd/rewards/decisions.py).

None of it is touched by a computation, so it survives every rerun::

    blacklist   owner -> note, author, when          bars the owner's vehicles from payout only
    overrides   week, vehicle -> streak, note, author    the streak of that week; marks it dirty
    payouts     week, vehicle -> tokens, request, when   what was paid, whatever is due now

Owners are texts as in the registry (psd/rewards/vehicles.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from psd.clock import Clock
from psd.errors import NotFoundError, OutOfBoundsError
from psd.rewards.decisions import TEXT_MAX, BlacklistEntry, Override, Payout
from psd.rewards.shards import by_shard, shard_of
from psd.rewards.streaks import WEEKS_MAX
from psd.rewards.weeks import check_week
from psd.store.kept import write_kept
from psd.store.keys import payouts_key, rewards_key
from psd.store.lane import Command
from psd.store.records import json_record
from psd.store.redis import Store

_encode = msgspec.json.Encoder().encode
_read_entry = json_record(BlacklistEntry, "rewards: an entry of the blacklist")
_read_override = json_record(Override, "rewards: an override")
_read_payout = json_record(Payout, "rewards: a payout")


class Ledger:
    """Reads and writes these decisions."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def bar(self, owner: str, note: str, author: str) -> bool:
        """Put an owner on the blacklist; False when it was there, with its first note kept."""
        _check_text("owner", owner)
        _check_text("note", note, least=0)
        _check_text("author", author)
        entry = BlacklistEntry(owner, note, author, self._clock.now_s())
        command = ("HSETNX", rewards_key("blacklist"), owner, _encode(entry))
        [added] = await write_kept(self._store, [command])
        return bool(added)

    async def unbar(self, owner: str) -> bool:
        """Take an owner off the blacklist; False when it was not there."""
        command = ("HDEL", rewards_key("blacklist"), owner)
        [removed] = await write_kept(self._store, [command])
        return bool(removed)

    async def barred(self, owner: str) -> BlacklistEntry | None:
        """The entry of one owner."""
        found = await self._store.reads.call(("HGET", rewards_key("blacklist"), owner))
        return None if found is None else _read_entry(found)

    async def blacklist(self) -> dict[str, BlacklistEntry]:
        """All entries, by owner. 1 call."""
        found = await self._store.reads.call(("HVALS", rewards_key("blacklist")))
        entries = (_read_entry(each) for each in found)
        return {each.owner: each for each in sorted(entries, key=lambda each: each.owner)}

    async def override(
        self, week: int, vehicle: int, streak: int, note: str, author: str
    ) -> Override:
        """Set a streak by hand; an earlier one of the same week is replaced."""
        check_week(week)
        _check_text("note", note)
        _check_text("author", author)
        if not 0 <= streak <= WEEKS_MAX:
            raise OutOfBoundsError(f"streak: {streak} must lie between 0 and {WEEKS_MAX}")
        if not 0 <= vehicle < 2**63:
            raise OutOfBoundsError(f"vehicle: {vehicle} must lie between 0 and 2^63 - 1")
        made = Override(week, vehicle, streak, note, author, self._clock.now_s())
        await self._change_override(made.week, ("HSET", _field(week, vehicle), _encode(made)))
        return made

    async def drop_override(self, week: int, vehicle: int) -> None:
        """Take an override back; raises NotFoundError where there is none."""
        held = {(each.week, each.vehicle) for each in await self.overrides()}
        if (week, vehicle) not in held:
            raise NotFoundError(f"override: none for vehicle {vehicle} in week {week}")
        await self._change_override(week, ("HDEL", _field(week, vehicle)))

    async def overrides(self, week: int | None = None) -> list[Override]:
        """All of them, or those of one week, in the order of week and vehicle. 1 call."""
        found = await self._store.reads.call(("HVALS", rewards_key("overrides")))
        made = (_read_override(each) for each in found)
        wanted = [each for each in made if week is None or each.week == week]
        return sorted(wanted, key=lambda each: (each.week, each.vehicle))

    async def record(self, payouts: Sequence[Payout]) -> None:
        """Keep what was paid; a later record of the same week and vehicle replaces. 1 trip."""
        commands: list[Command] = [
            (
                "HSET",
                payouts_key(shard_of(each.vehicle), each.week),
                each.vehicle,
                _encode(each),
            )
            for each in payouts
        ]
        await write_kept(self._store, commands)

    async def payouts_of_shard(self, shard: int, week: int) -> dict[int, Payout]:
        """What was paid for a week to a shard's vehicles. 1 call."""
        found = await self._store.reads.call(("HVALS", payouts_key(shard, week)))
        payouts = (_read_payout(each) for each in found)
        return {each.vehicle: each for each in payouts}

    async def payouts(self, vehicles: Iterable[int], week: int) -> Mapping[int, Payout]:
        """What was paid for a week to these vehicles. 1 trip."""
        groups = by_shard(vehicles)
        commands: list[Command] = [
            ("HMGET", payouts_key(shard, week), *members) for shard, members in groups.items()
        ]
        if not commands:
            return {}
        replies = await self._store.reads.call_all(commands)
        found = (_read_payout(each) for reply in replies for each in reply if each)
        return {each.vehicle: each for each in found}

    async def _change_override(
        self, week: int, change: tuple[str, str] | tuple[str, str, bytes]
    ) -> None:
        """Write, then mark the week dirty, as late activity does (psd/rewards/booking.py)."""
        verb, *rest = change
        key = rewards_key("overrides")
        _, begun = await write_kept(
            self._store, [(verb, key, *rest), ("GET", rewards_key("begun"))]
        )
        if begun is not None and week <= int(begun):
            await write_kept(self._store, [("HINCRBY", rewards_key("dirty"), week, 1)])


def _field(week: int, vehicle: int) -> str:
    return f"{week}:{vehicle}"


def _check_text(field: str, text: str, least: int = 1) -> None:
    if not least <= len(text) <= TEXT_MAX:
        raise OutOfBoundsError(
            f"{field}: {len(text)} characters; {least} to {TEXT_MAX} are allowed"
        )

"""Keeps what people decide about rewards (psd/rewards/decisions.py).

None of it is touched by a computation, so it survives every rerun. All of it is archived before it
is kept, one decision at a time (psd/archive/turns.py), so it survives the store as well::

    blacklist   owner -> note, author, when          bars the owner's vehicles from payout only
    overrides   week, vehicle -> streak, note, author    the streak of that week; marks it dirty
    payouts     week, vehicle -> tokens, request, when   what was paid, whatever is due now
    versions    blacklist:<owner>, override:<week>:<vehicle> -> version of the last decision

The version of a payout stands in its record. Owners are texts as in the registry
(psd/rewards/vehicles.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import msgspec

from psd.archive.decisions import Kinds, Redone, Tail
from psd.archive.turns import Turn, Turns
from psd.clock import Clock
from psd.errors import NotFoundError, OutOfBoundsError
from psd.failpoints import reach
from psd.rewards.decisions import (
    KINDS,
    TEXT_MAX,
    Barred,
    BlacklistEntry,
    LedgerDecision,
    Noted,
    Overridden,
    Override,
    OverrideDropped,
    Paid,
    Payout,
    Unbarred,
)
from psd.rewards.keys import payouts_key, rewards_key
from psd.rewards.shards import by_shard, shard_of
from psd.rewards.streaks import WEEKS_MAX
from psd.rewards.weeks import check_week
from psd.store.kept import write_kept
from psd.store.lane import Command
from psd.store.records import json_record
from psd.store.redis import Store

SUBJECT = "rewards"
"""Whoever decides about rewards waits for whoever does so already."""

SCANNED = 1_000
"""Entries of one command that reads: 1 ms of Redis, where HVALS of 100,000 took 42."""


class _KeptPayout(Payout, frozen=True, kw_only=True):
    """A payout with the version of its decision; 0 of one from before there were versions."""

    version: int = 0


_encode = msgspec.json.Encoder().encode
_read_entry = json_record(BlacklistEntry, "rewards: an entry of the blacklist")
_read_override = json_record(Override, "rewards: an override")
_read_payout = json_record(Payout, "rewards: a payout")
_read_kept = json_record(_KeptPayout, "rewards: a payout")


class Rulings:
    """Reads and writes these decisions."""

    kinds: Kinds = KINDS

    def __init__(self, store: Store, clock: Clock, turns: Turns) -> None:
        self._store = store
        self._clock = clock
        self._turns = turns

    async def bar(self, owner: str, note: str, author: str) -> bool:
        """Put an owner on the blacklist; False when it was there, with its first note kept."""
        _check_text("owner", owner)
        _check_text("note", note, least=0)
        _check_text("author", author)
        async with self.turn() as turn:
            if await self.barred(owner) is not None:
                return False
            entry = BlacklistEntry(owner, note, author, self._clock.now_s())
            await self._decide(turn, Barred(entry=entry))
        return True

    async def unbar(self, owner: str) -> bool:
        """Take an owner off the blacklist; False when it was not there."""
        async with self.turn() as turn:
            if await self.barred(owner) is None:
                return False
            await self._decide(turn, Unbarred(owner=owner))
        return True

    async def barred(self, owner: str) -> BlacklistEntry | None:
        """The entry of one owner."""
        found = await self._store.reads.call(("HGET", rewards_key("blacklist"), owner))
        return None if found is None else _read_entry(found)

    async def blacklist(self) -> dict[str, BlacklistEntry]:
        """All entries, by owner. 1 trip for some SCANNED of them."""
        entries = [_read_entry(each) for each in await self._kept("blacklist")]
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
        async with self.turn() as turn:
            made = Override(week, vehicle, streak, note, author, self._clock.now_s())
            await self._decide(turn, Overridden(override=made))
        return made

    async def drop_override(self, week: int, vehicle: int) -> None:
        """Take an override back; raises NotFoundError where there is none."""
        async with self.turn() as turn:
            held = {(each.week, each.vehicle) for each in await self.overrides()}
            if (week, vehicle) not in held:
                raise NotFoundError(f"override: none for vehicle {vehicle} in week {week}")
            await self._decide(turn, OverrideDropped(week=week, vehicle=vehicle))

    async def overrides(self, week: int | None = None) -> list[Override]:
        """All of them, or those of one week, in the order of week and vehicle.

        1 trip for some SCANNED of them.
        """
        made = [_read_override(each) for each in await self._kept("overrides")]
        wanted = [each for each in made if week is None or each.week == week]
        return sorted(wanted, key=lambda each: (each.week, each.vehicle))

    async def _kept(self, name: str) -> list[bytes]:
        """Whatever a hash without a limit holds, a part at a time.

        What changes meanwhile may be seen as it was, or as it is.
        """
        found: dict[bytes, bytes] = {}
        cursor: bytes | None = b"0"
        while cursor is not None:
            command: Command = ("HSCAN", rewards_key(name), cursor, "COUNT", SCANNED)
            cursor, page = await self._store.reads.call(command)
            # A part may come twice while the hash grows.
            found.update(zip(page[::2], page[1::2], strict=True))
            cursor = None if cursor == b"0" else cursor
        return [*found.values()]

    @contextlib.asynccontextmanager
    async def turn(self, floor: int = 0) -> AsyncIterator[Turn]:
        """The turn to decide about rewards: until it ends, nobody else does."""
        async with self._turns.turn(SUBJECT, floor) as turn:
            yield turn

    async def record(self, turn: Turn, week: int, payouts: Sequence[Payout]) -> None:
        """Keep what was paid; a later record of the same week and vehicle replaces. 1 trip."""
        await self._decide(turn, Paid(week=week, payouts=[*payouts]))

    async def payouts_of_shard(self, shard: int, week: int) -> dict[int, Payout]:
        """What was paid for a week to a shard's vehicles. 1 call."""
        found = await self._store.reads.call(("HVALS", payouts_key(shard, week)))
        payouts = (_read_payout(each) for each in found)
        return {each.vehicle: each for each in payouts}

    async def kept_payouts(self, shard: int, week: int) -> list[tuple[int, Payout]]:
        """The same with the versions of the decisions. 1 call."""
        found = await self._store.reads.call(("HVALS", payouts_key(shard, week)))
        return [(_read_kept(each).version, _read_payout(each)) for each in found]

    async def version(self, subject: str) -> int:
        """That of the last decision about a subject, 0 for none. 1 call."""
        return int(await self._store.reads.call(("HGET", rewards_key("versions"), subject)) or 0)

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

    def redo(self, redone: Redone, _tail: Tail, *, is_dry: bool) -> LedgerRedo:
        """Carries out again what an archive has of these decisions."""
        return LedgerRedo(self, redone, is_dry=is_dry)

    async def unknown(self, decision: LedgerDecision) -> LedgerDecision | None:
        """What of a decision the store has neither kept nor a later one of; None for nothing."""
        if isinstance(decision, Paid):
            return await self._unpaid(decision)
        key = rewards_key("versions")
        held = await self._store.writes.call(("HGET", key, decision.subject))
        return decision if int(held or 0) < decision.version else None

    async def carry_out(self, decision: LedgerDecision) -> None:
        """Keep a decision that is archived; once more changes nothing. 1 trip, or 2."""
        if isinstance(decision, Paid):
            await self._pay(decision)
            return
        key = rewards_key("versions")
        version: Command = ("HSET", key, decision.subject, decision.version)
        week = _week_of(decision)
        if week is None:
            await write_kept(self._store, [_writing(decision), version])
            return
        begun: Command = ("GET", rewards_key("begun"))
        *_, newest = await write_kept(self._store, [_writing(decision), begun])
        # As late activity does (psd/rewards/booking.py). The version last: until it stands, a
        # replay does all of this again.
        mark: Command = ("HINCRBY", rewards_key("dirty"), week, 1)
        is_read = newest is not None and week <= int(newest)
        await write_kept(self._store, [mark, version] if is_read else [version])

    async def _decide(self, turn: Turn, decision: LedgerDecision) -> None:
        await self.carry_out(await turn.archived(decision))
        reach("decision_kept")

    async def _pay(self, paid: Paid) -> None:
        commands: list[Command] = []
        for each in paid.payouts:
            kept = _KeptPayout(**msgspec.structs.asdict(each), version=paid.version)
            key = payouts_key(shard_of(each.vehicle), paid.week)
            commands.append(("HSET", key, each.vehicle, _encode(kept)))
        await write_kept(self._store, commands)

    async def _unpaid(self, paid: Paid) -> Paid | None:
        groups = by_shard(each.vehicle for each in paid.payouts)
        commands: list[Command] = [
            ("HMGET", payouts_key(shard, paid.week), *members) for shard, members in groups.items()
        ]
        replies = await self._store.writes.call_all(commands)
        held = [_read_kept(each) for reply in replies for each in reply if each]
        versions = {each.vehicle: each.version for each in held}
        due = [each for each in paid.payouts if versions.get(each.vehicle, -1) < paid.version]
        return msgspec.structs.replace(paid, payouts=due) if due else None


class LedgerRedo:
    """Carries decisions out again from the archive (psd/archive/redoing.py), each as it comes."""

    def __init__(self, ledger: Rulings, redone: Redone, *, is_dry: bool) -> None:
        self._ledger = ledger
        self._redone = redone
        self._is_dry = is_dry

    async def take(self, decision: LedgerDecision) -> None:
        """Carry out what no later decision has replaced."""
        due = await self._ledger.unknown(decision)
        if due is not None and not self._is_dry:
            async with self._ledger.turn(decision.version):
                # Somebody may have decided meanwhile.
                due = await self._ledger.unknown(decision)
                if due is not None:
                    await self._ledger.carry_out(due)
        self._redone.count(due is not None)

    async def finish(self) -> None:
        """Nothing waits."""


def _writing(decision: Noted) -> Command:
    """The command that keeps a decision about one subject."""
    blacklist, overrides = rewards_key("blacklist"), rewards_key("overrides")
    match decision:
        case Barred(entry=entry):
            return ("HSET", blacklist, entry.owner, _encode(entry))
        case Unbarred(owner=owner):
            return ("HDEL", blacklist, owner)
        case Overridden(override=made):
            return ("HSET", overrides, _field(made.week, made.vehicle), _encode(made))
        case OverrideDropped(week=week, vehicle=vehicle):
            return ("HDEL", overrides, _field(week, vehicle))


def _week_of(decision: Noted) -> int | None:
    """The week whose streaks a decision changes."""
    if isinstance(decision, Overridden):
        return decision.override.week
    return decision.week if isinstance(decision, OverrideDropped) else None


def _field(week: int, vehicle: int) -> str:
    return f"{week}:{vehicle}"


def _check_text(field: str, text: str, least: int = 1) -> None:
    if not least <= len(text) <= TEXT_MAX:
        raise OutOfBoundsError(
            f"{field}: {len(text)} characters; {least} to {TEXT_MAX} are allowed"
        )

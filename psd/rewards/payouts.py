"""From a computed week to what is to be paid, and from receipts to what was.

A row is due what it earned less what was paid for it before, so that a computation that raises
a share after it was paid leaves the difference due, and one that lowers it leaves nothing::

    week,vehicle,owner,points,tokens,paid,due,request,barred
    10,7,0x12..ef,7000,4419966720000000000000,0,4419966720000000000000,,
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from psd.rewards.decisions import BlacklistEntry, Payout
from psd.rewards.receipts import Earned, Receipt, payout_of
from psd.rewards.registry import Registry
from psd.rewards.rows import Row
from psd.rewards.rulings import Rulings
from psd.rewards.store import RewardsStore, asked_week
from psd.rewards.vehicles import Vehicle
from psd.rewards.week_results import WeekResult

RECEIPTS_AT_ONCE = 5_000
"""Receipts that are checked, or kept, in one trip."""


class PayoutRow(msgspec.Struct, frozen=True):
    """One vehicle's week for whoever pays; amounts in wei, as texts.

    ``barred`` is the note of the blacklist, ``request`` what paid the row before.
    """

    week: int
    vehicle: int
    owner: str
    points: int
    tokens: str
    paid: str
    due: str
    request: str
    barred: str


async def payout_rows(
    rewards: RewardsStore, ledger: Rulings, registry: Registry, result: WeekResult
) -> AsyncIterator[PayoutRow]:
    """The rows of a week that earned tokens, shard by shard. 2 calls a shard and 1 for 64."""
    blacklist = await ledger.blacklist()
    shards = sorted(await registry.shards())
    position = 0
    async for rows in rewards.rows(result, shards):
        shard, position = shards[position], position + 1
        if not rows:
            continue
        vehicles = await registry.shard(shard)
        paid = await ledger.payouts_of_shard(shard, result.week)
        for row in rows:
            found = vehicles.get(row.vehicle)
            yield _payout_row(result, row, found, paid.get(row.vehicle), blacklist)


def _payout_row(
    result: WeekResult,
    row: Row,
    vehicle: Vehicle | None,
    payout: Payout | None,
    blacklist: dict[str, BlacklistEntry],
) -> PayoutRow:
    tokens = result.tokens(row)
    paid = int(payout.tokens) if payout else 0
    owner = (vehicle and vehicle.owner) or ""
    barred = blacklist.get(owner)
    due = max(tokens - paid, 0) if owner and barred is None else 0
    return PayoutRow(
        week=result.week,
        vehicle=row.vehicle,
        owner=owner,
        points=row.points,
        tokens=str(tokens),
        paid=str(paid),
        due=str(due),
        request=payout.request if payout else "",
        barred=(barred.note or "yes") if barred else "",
    )


async def record_receipts(
    rewards: RewardsStore,
    ledger: Rulings,
    registry: Registry,
    week: int,
    receipts: Sequence[Receipt],
    now_s: int,
    *,
    is_correction: bool = False,
) -> int:
    """Keep what was paid, and tell how many of the receipts were not kept before.

    All are checked before the first is kept. Raises NotFoundError for a week that was never
    computed, ConflictError for the first receipt that stands against it. 8 trips for 5,000.
    """
    async with ledger.turn() as turn:
        asked_week(await rewards.results(), week)
        made: list[Payout] = []
        for start in range(0, len(receipts), RECEIPTS_AT_ONCE):
            page = receipts[start : start + RECEIPTS_AT_ONCE]
            held = await _held_against(rewards, ledger, registry, week, page)
            payouts = (
                payout_of(receipt, week, earned, now_s, is_correction=is_correction)
                for receipt, earned in zip(page, held, strict=True)
            )
            made += [payout for payout in payouts if payout is not None]
            await turn.go_on()
        for start in range(0, len(made), RECEIPTS_AT_ONCE):
            await turn.go_on()
            await ledger.record(turn, week, made[start : start + RECEIPTS_AT_ONCE])
    return len(made)


async def _held_against(
    rewards: RewardsStore,
    ledger: Rulings,
    registry: Registry,
    week: int,
    receipts: Sequence[Receipt],
) -> list[Earned]:
    vehicles = [receipt.vehicle for receipt in receipts]
    results, rows = await rewards.rows_of(vehicles, [week])
    paid = await ledger.payouts(vehicles, week)
    named = await registry.vehicles([each.vehicle for each in receipts if each.owner])
    owners = {number: vehicle.owner or "" for number, vehicle in named.items()}
    return [
        Earned(
            tokens=results[week].tokens(row) if (row := rows[vehicle].get(week)) else None,
            owner=owners.get(vehicle, ""),
            paid=paid.get(vehicle),
        )
        for vehicle in vehicles
    ]

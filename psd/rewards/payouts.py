"""From a computed week to what is to be paid, and from receipts to what was.

A row is due what it earned less what was paid for it before, so that a computation that raises
a share after it was paid leaves the difference due, and one that lowers it leaves nothing::

    week,vehicle,owner,points,tokens,paid,due,request,barred
    10,7,0x12..ef,7000,4419966720000000000000,0,4419966720000000000000,,
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable

import msgspec

from psd.errors import MalformedError, OutOfBoundsError
from psd.rewards.decisions import BlacklistEntry, Payout
from psd.rewards.ledger import Ledger
from psd.rewards.registry import Registry
from psd.rewards.results import WeekResult
from psd.rewards.rows import Row
from psd.rewards.store import RewardsStore
from psd.rewards.vehicles import Vehicle

COLUMNS = ("vehicle", "tokens", "request")
DIGITS_MAX = 60
"""A pool of 10^60 is more than anybody pays; longer numbers are mistakes."""


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
    rewards: RewardsStore, ledger: Ledger, registry: Registry, result: WeekResult
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


def read_receipts(lines: Iterable[str], week: int, now_s: int) -> list[Payout]:
    """The payouts of a CSV text with the columns vehicle, tokens (wei), request.

    ``tokens`` is all that was paid for the week, not the last part of it. Raises an InputError
    that names the line; then none may be recorded.
    """
    reader = csv.DictReader(lines)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise MalformedError(f"line 1: no column {missing[0]!r}; expected {', '.join(COLUMNS)}")
    found: dict[int, Payout] = {}
    for row in reader:
        where = f"line {reader.line_num}"
        vehicle = _whole(where, "vehicle", row["vehicle"])
        tokens = _whole(where, "tokens", row["tokens"])
        if vehicle >= 2**63:
            raise OutOfBoundsError(f"{where}: vehicle: {vehicle} is past 2^63 - 1")
        if vehicle in found:
            raise MalformedError(f"{where}: vehicle: {vehicle} stands twice")
        found[vehicle] = Payout(week, vehicle, str(tokens), row["request"] or "", now_s)
    return list(found.values())


def _whole(where: str, name: str, text: str | None) -> int:
    text = (text or "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX):
        raise MalformedError(f"{where}: {name}: {text[:DIGITS_MAX]!r} is no whole number")
    return int(text)

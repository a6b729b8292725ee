"""An audit of a store: what is asked of it, its owners one after the other, then what domains keep.

::

    async for audited in whole_audit(runtime, Orders(None, None, repair=False, rate=100.0)):
        audited.outcome, audited.differences     "found", [psd:{p0}:7:1:d:201604 12: 374, ...]

What is held against what, and who is believed, is in psd/audit/truth.py and totals.py. Every owner
and thing is audited as it stands at one moment, while everybody goes on booking.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Protocol

import msgspec

from psd.archive.erasures import erasures_of
from psd.archive.reader import Span, read_placed
from psd.audit.archived import ArchivedReports
from psd.audit.index_check import IndexAudit
from psd.audit.layout import Limits
from psd.audit.sweep import Audited, Auditor, OwnerRate, Scope, Sweep, lifetimes_of
from psd.columns.sealing import Sealer
from psd.config import Settings
from psd.domain.rules import every_rule
from psd.engine.column_modes import kept_as, modes_of
from psd.engine.events import TIME_END_S
from psd.runtime import Runtime
from psd.store.redis import Store

ALL_TIME_MS = TIME_END_S * 1000

RATE_DEFAULT = 100.0
"""Owners' things a second. One of 20 bookings takes 0.2 ms of Redis's time, one of 200 0.5 ms:
with this rate an audit is 2 to 5 % of its core (docs/operations.md)."""

WORDS = {"clean": "clean", "found": "different", "repaired": "repaired", "busy": "changing"}


class Orders(msgspec.Struct, frozen=True):
    """What is audited, and how; None is all users, all things, no archive."""

    uids: frozenset[int] | None
    things: frozenset[int] | None
    repair: bool
    rate: float
    archive: Path | None = None
    domains: Collection[str] = ()

    @property
    def has_buckets(self) -> bool:
        """Whether the buckets are audited: where domains are named, these alone are."""
        return not self.domains

    @property
    def has_domains(self) -> bool:
        """Whether domains are audited: not where somebody asks for some users or things."""
        return self.uids is None and self.things is None

    @property
    def seals(self) -> bool:
        """Whether logs that are over are packed: by a repair of all users."""
        return self.repair and self.has_buckets and self.uids is None

    def modes(self, settings: Settings) -> dict[int, str]:
        """How the boards are kept of things all of whose columns are looked at."""
        if self.uids is not None or not self.has_buckets:
            return {}
        modes, asked = modes_of(settings.things), self.things
        return {thing: mode for thing, mode in modes.items() if asked is None or thing in asked}


class Steps(Protocol):
    """Who is told how far an audit is."""

    def expect(self, more: int, /) -> None:
        """So many more are there to be audited."""

    def advance(self) -> None:
        """One is."""


class NoSteps:
    """Nobody is told."""

    def expect(self, more: int, /) -> None:
        """Not told."""

    def advance(self) -> None:
        """Not told."""


async def whole_audit(
    runtime: Runtime, orders: Orders, steps: Steps | None = None
) -> AsyncIterator[Audited]:
    """Everything that is asked for; a repair that leaves nothing wrong packs logs at its end."""
    store, settings = runtime.store, runtime.settings
    outcomes: Counter[str] = Counter()
    async with sweeping(runtime, orders) as sweep:
        sealer = Sealer(store.writes, runtime.clock.now_s(), orders.things)
        over = await sealer.listed() if orders.seals else []
        everything = bucket_audits(sweep, store, settings, orders, steps or NoSteps())
        async for audited in chained(everything, of_domains(runtime, orders)):
            outcomes[audited.outcome] += 1
            yield audited
        if not orders.repair or outcomes["found"] + outcomes["busy"]:
            return
        if modes := orders.modes(settings):
            await store.writes.call(kept_as(modes))
        async for _ in sealer.run(over, waits=False):
            continue


async def bucket_audits(
    sweep: Sweep, store: Store, settings: Settings, orders: Orders, steps: Steps
) -> AsyncIterator[Audited]:
    """Every owner and thing once; those that miss reports after the archive was read."""
    if not orders.has_buckets:
        return
    wanting: dict[str, Audited] = {}
    async for audited in sweep.run(orders.repair, orders.archive is not None, steps.expect):
        steps.advance()
        if audited.wants_archive:
            wanting[audited.prefix] = audited
        else:
            yield audited
    if not wanting or orders.archive is None:
        return
    # What another store accepted is nothing that this one lost (psd/archive/ownership.py).
    own = {await store.known_identity()}
    reports = ArchivedReports(
        every_rule(settings), wanting, store.partitions, erasures_of(orders.archive, own)
    )
    for placed in read_placed(orders.archive, Span(0, ALL_TIME_MS, stores=own)):
        reports.take(placed.entry, placed.stamp.number)
    async for audited in sweep.complete(wanting, reports):
        yield audited


async def of_domains(runtime: Runtime, orders: Orders) -> AsyncIterator[Audited]:
    """What domains keep beside buckets."""
    for name, part in runtime.parts.items():
        if part.audit is None or not orders.has_domains:
            continue
        if not orders.domains or name in orders.domains:
            async for audited in part.audit(repair=orders.repair):
                yield audited


async def chained(*parts: AsyncIterator[Audited]) -> AsyncIterator[Audited]:
    """One behind the other."""
    for part in parts:
        async for audited in part:
            yield audited


@contextlib.asynccontextmanager
async def sweeping(runtime: Runtime, orders: Orders) -> AsyncIterator[Sweep]:
    """The audit of a runtime's store, over a connection of its own."""
    lane = runtime.store.new_lane()
    try:
        settings = runtime.settings
        auditor = Auditor(lane, settings, await lifetimes_of(lane, settings), Limits())
        index = IndexAudit(runtime.store.writes)
        scope = await scope_of(orders, runtime.store)
        yield Sweep(auditor, lane, scope, OwnerRate(orders.rate), index)
    finally:
        await lane.close()


async def scope_of(orders: Orders, store: Store) -> Scope:
    """What is audited: users by their roots in this store."""
    if orders.uids is None:
        return Scope(None, orders.things)
    placement = await store.placed()
    return Scope({placement.owner_root(uid) for uid in orders.uids}, orders.things)


def audit_summary(outcomes: Counter[str], differences: int) -> str:
    """``2,412 audited: 2,411 clean, 1 different; 1 difference``."""
    parts = [f"{outcomes[name]:,} {word}" for name, word in WORDS.items() if outcomes[name]]
    noun = "difference" if differences == 1 else "differences"
    told = f": {', '.join(parts)}" if parts else ""
    return f"{outcomes.total():,} audited{told}; {differences:,} {noun}"

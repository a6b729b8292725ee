"""``psd verify``: audit the buckets, and repair what is wrong.

::

    $ psd verify
    psd:{p0}:7:1:d:201604 12: 374, should be 373 by its bookings
    2,412 audited: 2,411 clean, 1 different; 1 difference
    $ psd verify 7 --thing steps --repair
    psd:{p0}:7:1:d:201604 12: 374, should be 373 by its bookings
    1 audited: 1 repaired; 1 difference

What is held against what, and who is believed, is in psd/audit/truth.py and totals.py. Every
owner and thing is audited as it stands at one moment, while everybody goes on booking. Domains that
keep more than buckets audit it themselves (psd/domain/part.py), after these.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import Progress as RichProgress

from psd.archive.erasures import erasures_of
from psd.archive.reader import Span, read_placed
from psd.audit.archived import ArchivedReports
from psd.audit.index_check import IndexAudit
from psd.audit.layout import Limits
from psd.audit.sweep import Audited, Auditor, OwnerRate, Scope, Sweep, lifetimes_of
from psd.cli.arguments import USER, NumbersCommand
from psd.cli.options import pass_settings
from psd.cli.query import running, thing_number
from psd.columns.sealing import Sealer
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.domain.rules import every_rule
from psd.domains import domains
from psd.engine.column_modes import kept_as, modes_of
from psd.engine.events import TIME_END_S
from psd.foreign_texts import on_one_line
from psd.runtime import Runtime
from psd.store.redis import Store
from psd.users import user_of

RATE_DEFAULT = 100.0
"""Owners' things a second. One of 20 bookings takes 0.2 ms of Redis's time, one of 200 0.5 ms:
with this rate an audit is 2 to 5 % of its core (docs/operations.md)."""

ALL_TIME_MS = TIME_END_S * 1000


class Orders(msgspec.Struct, frozen=True):
    """What the command line asks for; None is all users, all things, no archive."""

    uids: frozenset[int] | None
    things: frozenset[int] | None
    repair: bool
    rate: float
    archive: Path | None
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


@click.command(cls=NumbersCommand)
@click.argument("uids", nargs=-1, type=USER, metavar="[UID]...")
@click.option(
    "--thing", "things", multiple=True, metavar="THING", help="Only this thing. Repeatable."
)
@click.option(
    "--domain",
    "only",
    multiple=True,
    type=click.Choice([domain.name for domain in domains() if domain.open]),
    help="Only what this domain keeps. Repeatable.",
)
@click.option("--repair", is_flag=True, help="Write what should be there.")
@click.option(
    "--archive",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where a repair finds reports that are gone. Default: setting archive.folder.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=RATE_DEFAULT,
    show_default=True,
    metavar="N",
    help="At most N owners' things a second; 0 is as fast as it goes.",
)
@pass_settings
def verify(
    loaded: LoadedSettings,
    /,
    *,
    uids: tuple[int | str, ...],
    things: tuple[str, ...],
    only: tuple[str, ...],
    repair: bool,
    archive: Path | None,
    rate: float,
) -> None:
    """Audit the buckets, and repair what is wrong.

    All users and counts, or the users named by UID. Every total is held against what lies
    below it, leaves against the reports of activities. Each difference is a line: key, field,
    what is there, what should be, and by what. Safe while workers book. Exit code 1 when there
    were differences that are not repaired. What domains keep is audited behind it, unless users or
    things are named.
    """
    settings = loaded.settings
    if only and (uids or things):
        raise click.UsageError("--domain: a domain is audited whole, without UID and --thing")
    folder = archive or Path(settings.archive.folder)
    orders = Orders(
        frozenset(user_of(uid) for uid in uids) or None,
        frozenset(thing_number(thing, settings) for thing in things) or None,
        repair,
        rate,
        folder if repair and folder.is_dir() else None,
        only,
    )
    outcomes, differences = asyncio.run(audit(settings, orders))
    click.echo(summary(outcomes, differences))
    if outcomes["found"] or outcomes["busy"]:
        click.get_current_context().exit(1)


async def audit(settings: Settings, orders: Orders) -> tuple[Counter[str], int]:
    """Audit all that is asked for and print the differences; owners by outcome, differences."""
    outcomes: Counter[str] = Counter()
    differences = 0
    with progress() as bar:
        async with sweeping(settings, orders) as (sweep, runtime):
            store = runtime.store
            sealer = Sealer(store.writes, runtime.clock.now_s(), orders.things)
            over = await sealer.listed() if orders.seals else []
            everything = results(sweep, store, settings, orders, bar)
            async for audited in chained(everything, of_domains(runtime, orders)):
                outcomes[audited.outcome] += 1
                differences += len(audited.differences)
                for difference in audited.differences:
                    click.echo(on_one_line(str(difference)))
            is_whole = orders.repair and not outcomes["found"] + outcomes["busy"]
            if is_whole and (modes := orders.modes(settings)):
                await store.writes.call(kept_as(modes))
            if is_whole:
                async for _ in sealer.run(over, waits=False):
                    continue
    return outcomes, differences


async def results(
    sweep: Sweep, store: Store, settings: Settings, orders: Orders, bar: RichProgress
) -> AsyncIterator[Audited]:
    """Every owner and thing once; those that miss reports after the archive was read."""
    if not orders.has_buckets:
        return
    task = bar.add_task("audited", total=0)
    wanting: dict[str, Audited] = {}

    def expect(owners: int) -> None:
        bar.update(task, total=(bar.tasks[0].total or 0) + owners)

    async for audited in sweep.run(orders.repair, orders.archive is not None, expect):
        bar.advance(task)
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
async def sweeping(
    settings: Settings, orders: Orders, *, migrates: bool = False
) -> AsyncIterator[tuple[Sweep, Runtime]]:
    """The audit of a store, over a connection of its own; ``migrates``: of one not whole yet."""
    async with running(settings, migrates=migrates, any_columns=True) as runtime:
        lane = runtime.store.new_lane()
        try:
            auditor = Auditor(lane, settings, await lifetimes_of(lane, settings), Limits())
            index = IndexAudit(runtime.store.writes)
            scope = await scope_of(orders, runtime.store)
            yield Sweep(auditor, lane, scope, OwnerRate(orders.rate), index), runtime
        finally:
            await lane.close()


async def scope_of(orders: Orders, store: Store) -> Scope:
    """What is audited: users by their roots in this store."""
    if orders.uids is None:
        return Scope(None, orders.things)
    placement = await store.placed()
    return Scope({placement.owner_root(uid) for uid in orders.uids}, orders.things)


@contextlib.contextmanager
def progress() -> Iterator[RichProgress]:
    """A bar over owners on a terminal's stderr; nothing elsewhere."""
    console = Console(stderr=True)
    with RichProgress(console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar


WORDS = {"clean": "clean", "found": "different", "repaired": "repaired", "busy": "changing"}


def summary(outcomes: Counter[str], differences: int) -> str:
    """``2,412 audited: 2,411 clean, 1 different; 1 difference``."""
    parts = [f"{outcomes[name]:,} {word}" for name, word in WORDS.items() if outcomes[name]]
    noun = "difference" if differences == 1 else "differences"
    told = f": {', '.join(parts)}" if parts else ""
    return f"{outcomes.total():,} audited{told}; {differences:,} {noun}"

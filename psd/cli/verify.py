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
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import click
from rich.progress import Progress as RichProgress

from psd.audit.sweep import Audited, Sweep
from psd.cli.arguments import USER, NumbersCommand
from psd.cli.bars import bars
from psd.cli.options import pass_settings
from psd.cli.query import running, thing_number
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.domains import domains
from psd.foreign_texts import on_one_line
from psd.operations import auditing
from psd.operations.auditing import RATE_DEFAULT, Orders, Steps, audit_summary, bucket_audits
from psd.runtime import Runtime
from psd.store.redis import Store
from psd.users import user_of


class BarSteps(Steps):
    """Told by a bar over owners."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task = bar.add_task("audited", total=0)

    def expect(self, owners: int) -> None:
        """The bar is longer."""
        self._bar.update(self._task, total=(self._bar.tasks[0].total or 0) + owners)

    def advance(self) -> None:
        """One more is done."""
        self._bar.advance(self._task)


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
        async with running(settings, any_columns=True) as runtime:
            async for audited in auditing.whole_audit(runtime, orders, BarSteps(bar)):
                outcomes[audited.outcome] += 1
                differences += len(audited.differences)
                for difference in audited.differences:
                    click.echo(on_one_line(str(difference)))
    return outcomes, differences


def results(
    sweep: Sweep, store: Store, settings: Settings, orders: Orders, bar: RichProgress
) -> AsyncIterator[Audited]:
    """Every owner and thing once, told by a bar."""
    return bucket_audits(sweep, store, settings, orders, BarSteps(bar))


@contextlib.asynccontextmanager
async def sweeping(
    settings: Settings, orders: Orders, *, migrates: bool = False
) -> AsyncIterator[tuple[Sweep, Runtime]]:
    """The audit of a store, by a runtime of its own; ``migrates``: of one not whole yet."""
    async with (
        running(settings, migrates=migrates, any_columns=True) as runtime,
        auditing.sweeping(runtime, orders) as sweep,
    ):
        yield sweep, runtime


@contextlib.contextmanager
def progress(unit: str = "users' things") -> Iterator[RichProgress]:
    """A bar over owners on a terminal's stderr; nothing elsewhere."""
    with bars(unit) as bar:
        yield bar


summary = audit_summary

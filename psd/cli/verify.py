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
from collections import Counter
from pathlib import Path

import click
import msgspec

from psd.audit.examine import Discrepancy
from psd.cli.arguments import USER, NumbersCommand
from psd.cli.options import pass_settings
from psd.cli.printing import json_option, show_json
from psd.cli.progress import progress
from psd.cli.query import running, thing_number
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.domains import domains
from psd.foreign_texts import on_one_line
from psd.operations.auditing import RATE_DEFAULT, Orders, audit_summary, whole_audit
from psd.users import user_of


class Verified(msgspec.Struct):
    """What an audit came to: users' things by outcome, and each difference."""

    audited: int
    outcomes: dict[str, int]
    differences: list[Discrepancy]


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
@json_option
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
    as_json: bool,
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
    outcomes, differences = asyncio.run(audit(settings, orders, shows=not as_json))
    if as_json:
        show_json(Verified(outcomes.total(), dict(outcomes), differences))
    else:
        click.echo(audit_summary(outcomes, len(differences)))
    if outcomes["found"] or outcomes["busy"]:
        click.get_current_context().exit(1)


async def audit(
    settings: Settings, orders: Orders, *, shows: bool
) -> tuple[Counter[str], list[Discrepancy]]:
    """Audit all that is asked for; owners by outcome, and differences, which it may print."""
    outcomes: Counter[str] = Counter()
    differences: list[Discrepancy] = []
    with progress("audited", 0, "users' things") as bar:
        async with running(settings, any_columns=True) as runtime:
            async for audited in whole_audit(runtime, orders, bar):
                outcomes[audited.outcome] += 1
                differences += audited.differences
                for difference in audited.differences if shows else ():
                    click.echo(on_one_line(str(difference)))
    return outcomes, differences

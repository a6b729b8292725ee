"""``psd convert pointspaced``: move what the Go daemon's Redis holds into psd.

::

    $ psd convert pointspaced --from redis://10.0.0.7:6379/0 --dry-run
    54,321 hashes of 321 users' things: 12,345 checked, 0 refused
    $ psd convert pointspaced --from redis://10.0.0.7:6379/0
    54,321 hashes of 321 users' things: 12,345 booked, 0 refused
    only coarser buckets were left of 3 activities' units, booked at their starts: 2 months, 1 day
    9,876 buckets compared (12 months, 301 days, ...): psd answers what they held

What is booked is in psd/exports/old_buckets.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from psd.cli.interrupted import going_on
from psd.cli.lazy import Group
from psd.cli.migrate import settings_of, store_url
from psd.cli.options import pass_settings
from psd.cli.printing import json_option, show_json
from psd.cli.progress import progress
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.exports.booking_taking import TakenRows
from psd.exports.converting import Coarse, Converter, OldConversion
from psd.exports.old_buckets import LEVELS
from psd.exports.old_store import OldStore
from psd.foreign_texts import on_one_line
from psd.observe.metrics import Metrics
from psd.store.redis import Store

SHOWN = 20


class Converted(msgspec.Struct):
    """What a conversion came to, or would.

    ``coarse`` are units of which only coarser buckets were left, ``compared`` buckets of which psd
    was asked, both by level; ``different`` of these are answered otherwise.
    """

    hashes: int
    owners: int
    outcomes: dict[str, int]
    refusals: list[str]
    coarse: dict[str, int]
    compared: dict[str, int]
    different: int


@click.group(cls=Group)
def convert() -> None:
    """Move what another daemon holds into psd."""


@convert.command()
@click.option(
    "--from",
    "origin",
    required=True,
    type=store_url,
    metavar="URL",
    help="The Redis of pointspaced, redis://host:port/db; it is only read.",
)
@click.option(
    "--coarse",
    type=click.Choice(["start", "refuse"]),
    default="start",
    show_default=True,
    help="Where only coarser buckets are left: book at their start, or leave the activity out.",
)
@click.option("--dry-run", is_flag=True, help="Check everything; write nothing.")
@click.option("--no-compare", is_flag=True, help="Do not ask psd for every bucket afterwards.")
@json_option
@pass_settings
def pointspaced(
    loaded: LoadedSettings,
    /,
    *,
    origin: str,
    coarse: Coarse,
    dry_run: bool,
    no_compare: bool,
    as_json: bool,
) -> None:
    """Book what the hashes of a pointspaced hold.

    Its seconds are booked as they are, activity by activity, and its counts. Where only coarser
    buckets are left, because finer ones have expired, what they hold is booked at their first
    second, and told. It may run while pointspaced does, and again: nothing is booked twice. Things
    go by their numbers. Exit code 1 when something was refused, or psd answers otherwise than a
    bucket.
    """
    with going_on("the same command again goes on, and books nothing twice"):
        old, told, taken = asyncio.run(
            _converted(loaded.settings, origin, coarse, dry_run, not no_compare)
        )
    refusals = [*told.refused, *(str(error) for _, error in taken.refusals), *old.spoiled]
    _warn(old, refusals)
    if as_json:
        show_json(_document(old, told, taken, refusals))
    else:
        _show(old, told, taken, len(refusals))
    if dry_run:
        click.echo("dry run: nothing was written", err=True)
    elif not no_compare:
        _show_compared(told, shows=not as_json)
    click.get_current_context().exit(1 if refusals or told.different else 0)


async def _converted(
    settings: Settings, origin: str, coarse: Coarse, is_dry: bool, compares: bool
) -> tuple[OldStore, OldConversion, TakenRows]:
    store = Store(settings_of(settings, origin).redis, Metrics())
    try:
        async with (
            store.lane_to_anyone() as lane,
            running(settings, archiving=not is_dry) as runtime,
        ):
            old = OldStore(lane)
            converter = Converter(runtime, old, coarse, is_dry=is_dry, compares=compares)
            size = sum([await each.call(("DBSIZE",)) for each in await lane.lanes()])
            with progress("convert", size, "hashes") as bar:
                told = await converter.run(bar.advance)
    finally:
        await store.close()
    return old, told, converter.taker.taken


def _warn(old: OldStore, refusals: Sequence[str]) -> None:
    for line in refusals[:SHOWN]:
        click.echo(on_one_line(line), err=True)
    if len(refusals) > SHOWN:
        click.echo(f"... and {len(refusals) - SHOWN:,} more refused", err=True)
    if old.others:
        example = on_one_line(old.example)
        click.echo(f"{old.others:,} keys are none of pointspaced's, such as {example}", err=True)


def _show(old: OldStore, told: OldConversion, taken: TakenRows, refused: int) -> None:
    counts = [f"{n:,} {status}" for status, n in _outcomes(taken).items()]
    of = f"{old.hashes:,} hashes of {told.owners:,} users' things and counts"
    click.echo(f"{of}: {', '.join([*counts, f'{refused:,} refused'])}")
    if told.coarse:
        units = _by_level(told.coarse)
        click.echo(f"only coarser buckets were left of some units, booked at their starts: {units}")


def _document(
    old: OldStore, told: OldConversion, taken: TakenRows, refusals: list[str]
) -> Converted:
    return Converted(
        old.hashes,
        told.owners,
        _outcomes(taken),
        refusals,
        dict(told.coarse),
        dict(told.compared),
        told.different,
    )


def _outcomes(taken: TakenRows) -> dict[str, int]:
    return {status: n for status, n in taken.outcomes.items() if n and status != "refused"}


def _show_compared(told: OldConversion, *, shows: bool) -> None:
    for line in told.differences:
        click.echo(on_one_line(line), err=True)
    if not shows:
        return
    levels = _by_level(told.compared)
    verdict = (
        f"{told.different:,} are answered otherwise"
        if told.different
        else "psd answers what they held"
    )
    click.echo(f"{told.compared.total():,} buckets compared ({levels}): {verdict}")


def _by_level(counts: dict[str, int]) -> str:
    """``2 months, 1 day``."""
    found = [(counts[level], level) for level in LEVELS.values() if counts.get(level)]
    return (
        ", ".join(f"{number:,} {level}{'s' * (number != 1)}" for number, level in found) or "none"
    )

"""``psd seal``: pack the logs of boards whose months, days and hours are over.

::

    $ psd seal --dry-run
    26 logs would be sealed: 421,936 -> 160,212 bytes
    $ psd seal
    26 logs sealed: 421,936 -> 160,212 bytes; 1 changed meanwhile
    $ psd seal
    0 logs sealed: 0 -> 0 bytes

How, and what makes it safe while everybody books and reads, is in psd/columns/sealing.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import click
import msgspec

from psd.cli.options import pass_settings
from psd.cli.printing import json_option, show_json
from psd.cli.progress import progress
from psd.cli.query import running, thing_number
from psd.columns.sealing import Sealer, Sealing
from psd.config import Settings
from psd.config_sources import LoadedSettings


class Sealed(msgspec.Struct):
    """What a run has sealed, or would; ``changed`` logs were written meanwhile."""

    sealed: int
    bytes_before: int
    bytes_after: int
    changed: int
    spoiled: list[str]


@click.command()
@click.option(
    "--thing", "things", multiple=True, metavar="THING", help="Only this thing. Repeatable."
)
@click.option("--dry-run", is_flag=True, help="Count what would be sealed; write nothing.")
@json_option
@pass_settings
def seal(
    loaded: LoadedSettings, /, *, things: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Seal logs of boards that are over.

    What boards of everybody read of months, days and hours that ended more than a day ago is
    packed: 16 bytes a booking become some 6. Never needed; safe while workers book and boards are
    read. What is booked late goes on in a log of its own, until this is called again. Exit code 1
    when a log is spoiled: psd verify --repair mends it.
    """
    settings = loaded.settings
    numbers = frozenset(thing_number(thing, settings) for thing in things) or None
    found = sealed_of(asyncio.run(sealings(settings, numbers, dry_run)))
    if as_json:
        show_json(found)
    else:
        for log in found.spoiled:
            click.echo(f"{log}: spoiled, see psd verify")
        click.echo(summary(found, dry_run))
    if found.spoiled:
        click.get_current_context().exit(1)


async def sealings(
    settings: Settings, things: Collection[int] | None, dry_run: bool
) -> list[Sealing]:
    """Seal all that is over, and tell of each log."""
    with progress("sealed", None, "logs") as bar:
        async with running(settings) as runtime:
            lane = runtime.store.new_lane()
            try:
                sealer = Sealer(lane, runtime.clock.now_ms() / 1000, things)
                units = await sealer.listed()
                bar.reach(0, len(units))
                done: list[Sealing] = []
                async for each in sealer.run(units, dry_run=dry_run):
                    bar.advance()
                    done.append(each)
                return done
            finally:
                await lane.close()


def sealed_of(done: Collection[Sealing]) -> Sealed:
    """All of them together."""
    packed = [each for each in done if each.verdict == "sealed"]
    return Sealed(
        len(packed),
        sum(each.before for each in packed),
        sum(each.after for each in packed),
        sum(each.verdict == "changed" for each in done),
        [str(each.unit.log) for each in done if each.verdict == "spoiled"],
    )


def summary(found: Sealed, dry_run: bool) -> str:
    """``26 logs sealed: 421,936 -> 160,212 bytes; 1 changed meanwhile``."""
    noun = "log" if found.sealed == 1 else "logs"
    verb = "would be sealed" if dry_run else "sealed"
    changed = f"; {found.changed:,} changed meanwhile" if found.changed else ""
    sizes = f"{found.bytes_before:,} -> {found.bytes_after:,} bytes"
    return f"{found.sealed:,} {noun} {verb}: {sizes}{changed}"

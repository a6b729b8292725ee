"""``psd rewards statement``, ``history`` and ``weeks``: what was computed, straight from the store.

::

    $ psd rewards statement 7 --week 4
    vehicle 7, week 4: 2022-02-28T05:00:00Z to 2022-03-07T05:00:00Z
    connection streak      5   Connected: one more than the 4 weeks before.
    ...
    $ psd rewards history 42
    $ psd rewards weeks --json | jq .points

On a terminal the tables have lines and colours; elsewhere they are plain text, one row a line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import click

from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_json, show_table, write_csv, write_csv_cells
from psd.cli.query import running
from psd.clock import utc_text
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.rewards.accounts import WeekSum
from psd.rewards.listings import WeekLine
from psd.rewards.part import RewardsPart
from psd.rewards.shares import tokens_text
from psd.rewards.statement import Seen, Statement
from psd.rewards.vehicles import owner_text
from psd.rewards.week_lines import week_lines
from psd.rewards.weeks import bounds

DATE_CHARACTERS = len("2022-01-31")
"""Every week begins and ends at 05:00 UTC, so its dates say enough in a table."""


@click.command()
@click.argument("vehicle", type=click.IntRange(0, 2**63 - 1))
@click.option("--week", type=int, help="The week. Default: the newest that was computed.")
@forms
@pass_settings
def statement(loaded: LoadedSettings, /, *, vehicle: int, week: int | None, form: Form) -> None:
    """Explain the week of a vehicle.

    Each number with the rule that led to it, the activity that was seen, and what was paid.
    """
    found = asyncio.run(_statement(loaded.settings, vehicle, week))
    if form == "json":
        show_json(found)
        return
    if form == "csv":
        write_csv(found.explanation)
        return
    show_statement(found)


@click.command()
@click.argument("owner")
@forms
@pass_settings
def history(loaded: LoadedSettings, /, *, owner: str, form: Form) -> None:
    """List the weeks of an owner's vehicles.

    OWNER is a user id or an address. Newest first; points and tokens of all vehicles that are
    the owner's now.
    """
    sums = asyncio.run(_history(loaded.settings, owner))
    if form == "json":
        show_json(*map(_history_line, sums))
        return
    if form == "csv":
        told = [_history_line(each) for each in sums]
        names = ("week", "start", "end", "points", "tokens")
        write_csv_cells(names, [[line[name] for name in names] for line in told])
        return
    if not sums:
        click.echo(f"owner {owner}: no vehicle has a week yet", err=True)
        return
    rows = [(str(e.week), _start(e.week), f"{e.points:,}", tokens_text(e.tokens)) for e in sums]
    show_table(("week", "start", "points", "tokens"), rows, right={0, 2, 3})


@click.command()
@forms
@pass_settings
def weeks(loaded: LoadedSettings, /, *, form: Form) -> None:
    """List the weeks and the state of each.

    Newest first. `dirty` counts what came since a week was computed; `psd rewards calculate`
    computes it, and every week after it, again.
    """
    lines = asyncio.run(_weeks(loaded.settings))
    if form == "json":
        show_json(*lines)
        return
    if form == "csv":
        write_csv(lines)
        return
    show_table(tuple(WEEK_COLUMNS), [_cells(line) for line in lines], right={0, *range(5, 12)})


async def _statement(settings: Settings, vehicle: int, week: int | None) -> Statement:
    async with running(settings) as runtime:
        return await runtime.part(RewardsPart).accounts.statement(
            vehicle, week, lambda _owner: True
        )


async def _history(settings: Settings, owner: str) -> list[WeekSum]:
    async with running(settings) as runtime:
        return await runtime.part(RewardsPart).accounts.history(owner_text(owner))


async def _weeks(settings: Settings) -> list[WeekLine]:
    async with running(settings) as runtime:
        return await week_lines(runtime.part(RewardsPart).results)


WEEK_COLUMNS: Mapping[str, Callable[[WeekLine], Any]] = {
    "week": lambda line: line.week,
    "start": lambda line: line.start[:DATE_CHARACTERS],
    "end": lambda line: line.end[:DATE_CHARACTERS],
    "status": lambda line: f"{line.status}: {line.reason}" if line.reason else line.status,
    "tables": lambda line: line.tables,
    "vehicles": lambda line: line.vehicles,
    "connected": lambda line: line.connected,
    "points": lambda line: line.points,
    "pool": lambda line: None if line.pool is None else tokens_text(int(line.pool)),
    "tokens": lambda line: None if line.tokens is None else tokens_text(int(line.tokens)),
    "levels": lambda line: None if line.levels is None else "/".join(map(str, line.levels)),
    "dirty": lambda line: line.dirty,
    "computed at": lambda line: line.computed_at,
}


def _cells(line: WeekLine) -> tuple[str, ...]:
    values = [read(line) for read in WEEK_COLUMNS.values()]
    return tuple(
        "-" if value is None else f"{value:,}" if isinstance(value, int) else value
        for value in values
    )


def show_statement(found: Statement) -> None:
    """A statement as people read it."""
    click.echo(f"vehicle {found.vehicle}, week {found.week}: {found.start} to {found.end}")
    rows = [
        (each.number.replace("_", " "), _number(each.number, each.value), each.rule)
        for each in found.explanation
    ]
    show_table(("number", "value", "why"), rows, right={1})
    if found.integrations:
        names = ("integration", "paired", "counted", "signals", "first seen", "last seen")
        show_table(names, [_seen(each) for each in found.integrations], right={3})
    click.echo(
        f"computed {found.computed_at} from {found.source} "
        f"by tables {found.tables.version} ({found.tables.digest})"
    )
    if found.dirty:
        click.echo("something came since that is not computed yet: psd rewards calculate")


def _number(name: str, value: int | str) -> str:
    if name in ("tokens", "paid"):
        return tokens_text(int(value))
    return f"{value:,}" if isinstance(value, int) else value


def _seen(seen: Seen) -> tuple[str, ...]:
    return (
        seen.integration,
        "yes" if seen.paired else "no",
        "yes" if seen.counted else "no",
        "-" if seen.signals is None else f"{seen.signals:,}",
        seen.first_seen or "-",
        seen.last_seen or "-",
    )


def _history_line(each: WeekSum) -> dict[str, Any]:
    return {
        "week": each.week,
        "start": _start(each.week),
        "end": utc_text(bounds(each.week).end),
        "points": each.points,
        "tokens": str(each.tokens),
    }


def _start(week: int) -> str:
    return utc_text(bounds(week).start)

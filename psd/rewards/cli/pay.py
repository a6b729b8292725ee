"""What whoever pays needs: exports, records of what was paid, the blacklist, overrides.

::

    $ psd rewards export 10 --due > due.csv          week,vehicle,owner,points,tokens,paid,due,...
    $ psd rewards paid 10 receipts.csv               vehicle,tokens,request
    $ psd rewards blacklist add 0x12..ef --note "stolen wallet"
    $ psd rewards override set 7 --week 5 --streak 12 --note "support case 981"
"""

from __future__ import annotations

import asyncio
import csv
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, TypeVar

import click
import msgspec

from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, say, show_json, write_csv
from psd.cli.query import running
from psd.clock import utc_text
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import NotFoundError
from psd.foreign_texts import in_spreadsheet
from psd.rewards.part import RewardsPart
from psd.rewards.payouts import PayoutRow, payout_rows, record_receipts
from psd.rewards.receipts import Receipt, read_receipts
from psd.rewards.rulings import Rulings
from psd.rewards.store import asked_week
from psd.rewards.vehicles import owner_text

T = TypeVar("T")

author_option = click.option(
    "--author",
    default=getpass.getuser,
    show_default="your login",
    help="Who decided it.",
)
note_option = click.option("--note", required=True, help="Why.")


@click.command()
@click.argument("week", type=int, required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "ndjson"]),
    default="csv",
    show_default=True,
    help="Form of the rows.",
)
@click.option("--due", is_flag=True, help="Only rows of which something is still to be paid.")
@click.option("--output", type=click.File("w"), default="-", help="File to write. Default: stdout.")
@pass_settings
def export(
    loaded: LoadedSettings, /, *, week: int | None, form: str, due: bool, output: IO[str]
) -> None:
    """Write a week for whoever pays.

    WEEK is by default the newest computed one. Tokens are in the smallest unit (10^-18). `due`
    is tokens less what was paid, 0 for an owner on the blacklist and for a vehicle without an
    owner.
    """
    write = _csv_writer(output) if form == "csv" else _ndjson_writer(output)
    asyncio.run(_export(loaded.settings, week, due, write))


@click.command()
@click.argument("week", type=int)
@click.argument("receipts", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--correction",
    "is_correction",
    is_flag=True,
    help="Also record totals that are less than was recorded, more than the vehicle earned, or "
    "of another request or owner.",
)
@pass_settings
def paid(loaded: LoadedSettings, /, *, week: int, receipts: Path, is_correction: bool) -> None:
    """Record what was paid.

    RECEIPTS is a CSV file with the columns vehicle, tokens (all that was paid for the week so
    far), request. Rows of an export are taken as they are. Records survive every computation of
    the week. The same file again changes nothing. A file with a wrong line is refused whole.
    """
    with receipts.open("rb") as file:
        found = read_receipts(file, week)
    count = asyncio.run(_record(loaded.settings, week, found, is_correction))
    known = f", {len(found) - count:,} were recorded before" if count < len(found) else ""
    click.echo(f"{count:,} payouts recorded{known}")


@click.group(cls=Group)
def blacklist() -> None:
    """Look after owners who are not paid.

    Their vehicles go on earning points.
    """


@blacklist.command("add")
@click.argument("owner")
@note_option
@author_option
@pass_settings
def blacklist_add(loaded: LoadedSettings, /, *, owner: str, note: str, author: str) -> None:
    """Put OWNER on the blacklist. One that is there keeps its first note."""
    added = asyncio.run(
        _deciding(
            loaded.settings,
            lambda ledger: ledger.bar(owner_text(owner), note, author),
        )
    )
    click.echo("added" if added else "it was there already; its first note stays")


@blacklist.command("rm")
@click.argument("owner")
@pass_settings
def blacklist_rm(loaded: LoadedSettings, /, *, owner: str) -> None:
    """Take OWNER off the blacklist."""
    removed = asyncio.run(
        _deciding(loaded.settings, lambda ledger: ledger.unbar(owner_text(owner)))
    )
    if not removed:
        raise NotFoundError(f"owner: {owner} is not on the blacklist")
    click.echo("removed")


@blacklist.command("ls")
@forms
@pass_settings
def blacklist_ls(loaded: LoadedSettings, /, *, form: Form) -> None:
    """List the blacklist: owner, since when, by whom, and why."""
    entries = asyncio.run(_asking(loaded.settings, lambda ledger: ledger.blacklist()))
    if form == "csv":
        write_csv([*entries.values()])
    elif form == "json":
        show_json(*entries.values())
    else:
        for each in entries.values():
            say(f"{each.owner}  {utc_text(each.created_at_s)}  {each.author}: {each.note}")


@click.group(cls=Group)
def override() -> None:
    """Look after streaks that are set by hand.

    The week is computed anew with them at the next calculate.
    """


@override.command("set")
@click.argument("vehicle", type=int)
@click.option("--week", required=True, type=int, help="The week whose streak is set.")
@click.option("--streak", required=True, type=int, help="Connected weeks that it shall be.")
@note_option
@author_option
@pass_settings
def override_set(
    loaded: LoadedSettings,
    /,
    *,
    vehicle: int,
    week: int,
    streak: int,
    note: str,
    author: str,
) -> None:
    """Set the connection streak of VEHICLE in a week; an earlier one is replaced.

    The level of the week and all later streaks follow from it at the next calculate, which
    begins at that week.
    """
    asyncio.run(
        _deciding(
            loaded.settings,
            lambda ledger: ledger.override(week, vehicle, streak, note, author),
        )
    )
    click.echo(f"week {week} of vehicle {vehicle}: streak {streak}; compute the week to see it")


@override.command("rm")
@click.argument("vehicle", type=int)
@click.option("--week", required=True, type=int, help="The week whose streak was set.")
@pass_settings
def override_rm(loaded: LoadedSettings, /, *, vehicle: int, week: int) -> None:
    """Take an override back; the streak is computed again at the next calculate."""
    asyncio.run(
        _deciding(
            loaded.settings,
            lambda ledger: ledger.drop_override(week, vehicle),
        )
    )
    click.echo("removed")


@override.command("ls")
@click.option("--week", type=int, help="Only those of this week.")
@forms
@pass_settings
def override_ls(loaded: LoadedSettings, /, *, week: int | None, form: Form) -> None:
    """List the overrides: week, vehicle, streak, by whom, and why."""
    made = asyncio.run(_asking(loaded.settings, lambda ledger: ledger.overrides(week)))
    if form == "csv":
        write_csv(made)
    elif form == "json":
        show_json(*made)
    else:
        for each in made:
            say(
                f"week {each.week}  vehicle {each.vehicle}  streak {each.streak}  "
                f"{utc_text(each.created_at_s)}  {each.author}: {each.note}"
            )


async def _asking(settings: Settings, ask: Callable[[Rulings], Awaitable[T]]) -> T:
    async with running(settings) as runtime:
        return await ask(runtime.part(RewardsPart).ledger)


async def _deciding(settings: Settings, decide: Callable[[Rulings], Awaitable[T]]) -> T:
    """What comes of a decision, which goes to the archive as well."""
    async with running(settings, archiving=True) as runtime:
        return await decide(runtime.part(RewardsPart).ledger)


async def _export(
    settings: Settings, week: int | None, due: bool, write: Callable[[PayoutRow], None]
) -> None:
    async with running(settings) as runtime:
        rewards = runtime.part(RewardsPart)
        result = asked_week(await rewards.results.results(), week)
        async for row in payout_rows(rewards.results, rewards.ledger, rewards.registry, result):
            if not due or int(row.due):
                write(row)


async def _record(
    settings: Settings, week: int, receipts: list[Receipt], is_correction: bool
) -> int:
    async with running(settings, archiving=True) as runtime:
        rewards = runtime.part(RewardsPart)
        return await record_receipts(
            rewards.results,
            rewards.ledger,
            rewards.registry,
            week,
            receipts,
            runtime.clock.now_s(),
            is_correction=is_correction,
        )


def _csv_writer(output: IO[str]) -> Callable[[PayoutRow], None]:
    rows = csv.writer(output, lineterminator="\n")
    rows.writerow(PayoutRow.__struct_fields__)

    def write(row: PayoutRow) -> None:
        cells = msgspec.structs.astuple(row)
        rows.writerow(in_spreadsheet(c) if isinstance(c, str) else c for c in cells)

    return write


def _ndjson_writer(output: IO[str]) -> Callable[[PayoutRow], None]:
    encode = msgspec.json.Encoder().encode

    def write(row: PayoutRow) -> None:
        output.write(encode(row).decode() + "\n")

    return write

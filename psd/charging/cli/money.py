"""``psd charging ledger``, ``post``, ``link``: money at the command line.

::

    $ psd charging post u1 5000 --kind opening --id opening/u1 --note "moved from the old system"
    1 posted: 5000
    $ psd charging ledger u1
     n  when                  kind     cents  balance  id          note
     1  2024-08-18T00:00:00Z  opening   5000     5000  opening/u1  moved from the old system
    $ psd charging link u1
    /topup/u1?expires=1723940100&signature=9f0c...
"""

from __future__ import annotations

import asyncio
import getpass
from typing import get_args

import click

from psd.charging.accounts.account_answers import LedgerRows
from psd.charging.accounts.account_questions import rows_of
from psd.charging.accounts.account_store import Posted
from psd.charging.accounts.ledger_entries import EntryKind, LedgerEntry
from psd.charging.part import ChargingPart
from psd.charging.payments.signed_links import Purpose, link_path
from psd.charging.settings import ChargingSettings
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, say, show_rows
from psd.cli.query import running
from psd.clock import SystemClock, utc_text
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import ConfigError
from psd.users import canonical

COLUMNS = ("n", "when", "kind", "cents", "balance", "id", "note")
BY_HAND = ("opening", "topup_manual", "adjustment", "refund")


def _customer(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    return canonical(value, "customer")


customer_argument = click.argument("customer", callback=_customer)


@click.command()
@customer_argument
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    metavar="N",
    help="The newest so many.",
)
@forms
@pass_settings
def ledger(loaded: LoadedSettings, /, *, customer: str, limit: int, form: Form) -> None:
    """Show the ledger of CUSTOMER, the newest entries first."""
    found = asyncio.run(_ledger(loaded.settings, customer, limit))
    cells = [
        [
            *(str(each.n), utc_text(each.completed_ms // 1000), each.kind),
            *(str(each.cents_aud), str(each.balance_cents), each.id, each.note),
        ]
        for each in found.data
    ]
    show_rows(form, found.data, COLUMNS, cells, {0, 3, 4}, found)


async def _ledger(settings: Settings, customer: str, limit: int) -> LedgerRows:
    async with running(settings) as runtime:
        return await rows_of(runtime.part(ChargingPart).desk, customer, 0, limit)


@click.command()
@customer_argument
@click.argument("cents", type=int)
@click.option(
    "--kind",
    type=click.Choice(BY_HAND),
    default="adjustment",
    show_default=True,
    help="What it is.",
)
@click.option("--id", "id_", required=True, metavar="ID", help="The same id is posted once.")
@click.option(
    "--note", required=True, metavar="TEXT", help="Why; whoever reads the ledger sees it."
)
@click.option("--session", default="", metavar="ID", help="The session that it is about.")
@pass_settings
def post(
    loaded: LoadedSettings,
    /,
    *,
    customer: str,
    cents: int,
    kind: EntryKind,
    id_: str,
    note: str,
    session: str,
) -> None:
    """Post CENTS to the ledger of CUSTOMER by hand; below 0 takes them off.

    Nothing in a ledger is ever changed: what was posted wrongly is put right by another entry.
    """
    assert kind in get_args(EntryKind), "it is one of the choices"
    entry = LedgerEntry(
        id=id_,
        kind=kind,
        cents=cents,
        at_ms=SystemClock().now_ms(),
        session=session,
        note=note,
        by=getpass.getuser(),
    )
    posted = asyncio.run(_post(loaded.settings, customer, entry))
    what = "posted" if posted.is_new else "was there"
    say(f"{posted.n} {what}: {posted.balance_cents}")


async def _post(settings: Settings, customer: str, entry: LedgerEntry) -> Posted:
    async with running(settings, archiving=True) as runtime:
        return await runtime.part(ChargingPart).desk.post(customer, entry)


@click.command()
@customer_argument
@click.option("--manage", is_flag=True, help="To manage cards, instead of topping up.")
@pass_settings
def link(loaded: LoadedSettings, /, *, customer: str, manage: bool) -> None:
    """Print a link by which CUSTOMER can top up, or manage cards, without a token.

    It is a path of the face, valid for 15 minutes. Whoever has it can follow it.
    """
    own = loaded.settings.of(ChargingSettings)
    if not own.stripe_key:
        raise ConfigError("charging.stripe_key: links are signed by it, and it is empty")
    purpose: Purpose = "manage" if manage else "topup"
    say(link_path(own.stripe_key, purpose, customer, SystemClock().now_s()))

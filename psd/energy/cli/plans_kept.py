"""``psd energy plans ls``, ``show``, ``put``, ``import`` and ``rm``: price plans.

::

    $ psd energy plans put eco eco.json
    eco: made
    $ psd energy plans import 539f6a23.json --format urdb --plan lp1 --tz America/Chicago
    lp1: made
    $ psd energy plans ls
"""

from __future__ import annotations

import asyncio
import getpass
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, say, show_json, show_rows
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.energy.part import EnergyPart
from psd.energy.plan_questions import PlanAnswer, plan_answer
from psd.energy.plan_records import plan_name, plan_sent
from psd.energy.plan_store import PLANS_MAX
from psd.errors import MalformedError
from psd.queries.boards.versions import EITHER, NEW
from psd.tariffs.urdb import plan_of_urdb

FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.group(cls=Group)
def plans() -> None:
    """Keep price plans."""


@plans.command()
@forms
@pass_settings
def ls(loaded: LoadedSettings, /, *, form: Form) -> None:
    """List the plans."""
    rows = asyncio.run(_all(loaded.settings))
    names = ("plan", "supplier", "currency", "versions", "revision", "changed")
    cells = [
        (
            row.plan,
            row.versions[-1].supplier,
            row.versions[-1].currency,
            str(len(row.versions)),
            str(row.revision),
            f"{row.changed_at} by {row.changed_by}",
        )
        for row in rows
    ]
    show_rows(form, rows, names, cells, {3, 4})


@plans.command()
@click.argument("plan")
@forms
@pass_settings
def show(loaded: LoadedSettings, /, *, plan: str, form: Form) -> None:
    """Print the versions of a plan.

    JSON is the whole plan.
    """

    async def read() -> PlanAnswer:
        async with running(loaded.settings) as runtime:
            return plan_answer((await runtime.part(EnergyPart).plans.get(plan)).stored)

    answer = asyncio.run(read())
    if form == "json":
        show_json(answer, indented=True)
        return
    names = ("valid from", "supplier", "currency", "zone", "rates", "series")
    cells = [
        (
            "ever" if each.valid_from is None else each.valid_from.isoformat(),
            each.supplier or "-",
            each.currency,
            each.tz,
            str(len(each.rates)),
            each.series or "-",
        )
        for each in answer.versions
    ]
    show_rows(form, answer.versions, names, cells, {4})


@plans.command()
@click.argument("plan")
@click.argument("file", type=FILE)
@click.option("--new", is_flag=True, help="Fail where a plan of this name is there.")
@pass_settings
def put(loaded: LoadedSettings, /, *, plan: str, file: Path, new: bool) -> None:
    """Keep a version of a plan, or all of them, from a JSON file.

    A version of the same valid_from takes the place of the one there.
    """
    _put(loaded.settings, plan, _document(file), new=new)


@plans.command("import")
@click.argument("file", type=FILE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["urdb"]),
    default="urdb",
    show_default=True,
    help="What wrote it.",
)
@click.option("--plan", default="", metavar="NAME", help="Default: the tariff's label.")
@click.option("--tz", required=True, help="The zone of its clocks, such as America/Chicago.")
@click.option("--label", default="", help="Which tariff of a page of them.")
@click.option("--currency", default="USD", show_default=True, help="Of its prices.")
@click.option("--without-demand", is_flag=True, help="Leave out charges of the highest power.")
@pass_settings
def import_plan(
    loaded: LoadedSettings,
    /,
    *,
    file: Path,
    form: str,
    plan: str,
    tz: str,
    label: str,
    currency: str,
    without_demand: bool,
) -> None:
    """Keep a plan from a file of the U.S. Utility Rate Database (JSON, versions 3 to 8).

    What a plan cannot say is refused by its field, or told.
    """
    del form  # there is one
    found = plan_of_urdb(
        _document(file),
        tz,
        plan=plan,
        label=label,
        currency=currency,
        without_demand=without_demand,
    )
    for note in found.notes:
        say(note, err=True)
    _put(loaded.settings, found.fields["plan"], found.fields, new=False)


@plans.command()
@click.argument("plan")
@pass_settings
def rm(loaded: LoadedSettings, /, *, plan: str) -> None:
    """Take a plan away."""

    async def drop() -> None:
        async with running(loaded.settings, archiving=True) as runtime:
            await runtime.part(EnergyPart).plans.drop(plan)

    asyncio.run(drop())
    say(f"{plan}: gone")


def _put(settings: Settings, plan: str, document: Any, *, new: bool) -> None:
    name = plan_name(plan)
    if not isinstance(document, dict):
        raise MalformedError("file: expected one JSON object")
    sent = plan_sent(name, document)

    async def keep() -> bool:
        async with running(settings, archiving=True) as runtime:
            store = runtime.part(EnergyPart).plans
            _, is_new = await store.put(name, sent, getpass.getuser(), NEW if new else EITHER)
            return is_new

    say(f"{name}: {'made' if asyncio.run(keep()) else 'kept'}")


def _document(file: Path) -> Any:
    """The JSON of a file, its numbers as they are written."""
    with click.open_file(str(file), "rb") as stream:
        try:
            return json.loads(stream.read(), parse_float=Decimal)
        except (ValueError, RecursionError) as exc:
            raise MalformedError(f"file: not JSON ({exc})") from exc


async def _all(settings: Settings) -> list[Any]:
    async with running(settings) as runtime:
        found = await runtime.part(EnergyPart).plans.page("", PLANS_MAX)
        return [plan_answer(each.stored) for each in found]

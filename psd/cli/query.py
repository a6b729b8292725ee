"""``psd query`` and ``psd write``: one sum, one report, straight from and into the store.

They need no server and no queue::

    $ psd write --thing steps --uid 7 --aid 1 --value 400 --ts2 2016-04-12T08:00:00Z
    booked
    $ psd query steps 7 2016-04-12 2016-04-13
    400
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
import msgspec

from psd.archive.messages import metrics_entries
from psd.cli.arguments import USER, NumbersCommand, thing_then_user
from psd.cli.lean_imports import lean
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_rows
from psd.cli.times import fixed_time_argument, time_argument
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.engine.event_fields import MetricFields
from psd.engine.plan import Range
from psd.queries.moments import check_ends
from psd.users import user_of

if TYPE_CHECKING:
    from psd.runtime import Runtime


@click.command(cls=NumbersCommand)
@click.argument("asked", nargs=2, metavar="THING UID")
@click.argument("start")
@click.argument("end")
@click.option("--atid", type=int, help="Only activities of this type.")
@click.option("--aid", type=int, help="Only this activity.")
@click.option("--inclusive", is_flag=True, help="Count the second END too, as /v1 and /v2 do.")
@forms
@pass_settings
def query(
    loaded: LoadedSettings,
    /,
    *,
    form: Form,
    asked: tuple[str, str],
    start: str,
    end: str,
    atid: int | None,
    aid: int | None,
    inclusive: bool,
) -> None:
    """Print one user's sum of a thing over a range.

    START and END are RFC 3339, dates (2016-04-12, 2016-05, 2016), Unix seconds, or relative (-7d,
    now, today, yesterday); END itself is not in the range.
    """
    thing, uid = thing_then_user(asked, loaded.settings.things)
    number = thing_number(thing or "", loaded.settings)
    first, last = time_argument(start), time_argument(end) + inclusive
    check_ends(first, last, (start, end))
    question = Question(user_of(uid), number, Range(first, last), atid, aid)
    found = asyncio.run(ask(loaded.settings, question))
    if form == "table":
        click.echo(found)
    else:
        row = QueriedSum(str(uid), str(thing), found)
        show_rows(form, [row], (), (), set())


@click.command()
@click.option("--thing", required=True, help="What is summed, for example steps.")
@click.option("--uid", required=True, type=USER, help="Whose it is.")
@click.option("--atid", default=0, show_default=True, help="Type of the activity.")
@click.option("--aid", default=0, show_default=True, help="Id of the activity.")
@click.option("--value", required=True, type=int, help="The activity's total from ts1 to ts2.")
@click.option("--ts1", type=fixed_time_argument, metavar="TIME", help="Start. Default: ts2.")
@click.option(
    "--ts2", required=True, type=fixed_time_argument, metavar="TIME", help="End, inclusive."
)
@click.option("--increment", is_flag=True, help="Add the value once for --id instead.")
@click.option("--id", "event_id", help="Id of the increment.")
@pass_settings
def write(
    loaded: LoadedSettings,
    /,
    *,
    ts1: int | None,
    ts2: int,
    increment: bool,
    event_id: str | None,
    **numbers: Any,
) -> None:
    """Book one report.

    Prints booked, unchanged (it was known), duplicate (the increment's id was known) or
    withdrawn (its activity was). Times are RFC 3339, dates or Unix seconds.
    """
    if event_id is not None and not increment:
        raise click.UsageError("--id belongs to --increment")
    fields = MetricFields(
        **numbers,
        ts1=ts2 if ts1 is None else ts1,
        ts2=ts2,
        mode="increment" if increment else "total",
        id=event_id,
    )
    click.echo(asyncio.run(book(loaded.settings, fields)))


def thing_number(name: str, settings: Settings) -> int:
    """The number of a thing; a usage error names those that exist."""
    if name not in settings.things:
        known = ", ".join(sorted(settings.things))
        raise click.UsageError(f"thing {name!r} is not configured; known are {known}")
    return settings.things[name].id


class QueriedSum(msgspec.Struct, frozen=True):
    """The answer as a row."""

    uid: str
    thing: str
    sum: int


class Question(msgspec.Struct, frozen=True):
    """What is asked for; ``atid`` and ``aid`` None are all of them."""

    uid: int
    thing: int
    range: Range
    atid: int | None
    aid: int | None


async def ask(settings: Settings, asked: Question) -> int:
    """The sum, from the store."""
    async with running(settings) as runtime:
        if asked.aid is not None:
            return await runtime.engine.activity_sum(
                asked.uid, asked.thing, asked.aid, asked.range, asked.atid
            )
        [owner] = await runtime.engine.sums(
            [asked.uid], [asked.thing], [asked.range], atid=asked.atid
        )
        return owner.sums.get(asked.thing, 0)


async def book(settings: Settings, fields: MetricFields) -> str:
    """Book the report and say what became of it; a refusal is raised."""
    async with running(settings, archiving=True) as runtime:
        now_ms = runtime.clock.now_ms()
        report = runtime.rules.report(fields, now_ms // 1000)
        [outcome] = await runtime.intake.accept([report], lambda: metrics_entries(now_ms, [fields]))
        if outcome.error is not None:
            raise outcome.error
        return outcome.status


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    *,
    archiving: bool = False,
    migrates: bool = False,
    any_columns: bool = False,
) -> AsyncIterator[Runtime]:
    """A runtime that is closed at the end; it is imported here, so that help needs none."""
    with lean():
        opening = import_module("psd.runtime")
    runtime: Runtime = await opening.open_runtime(
        settings, archiving=archiving, migrates=migrates, any_columns=any_columns
    )
    try:
        yield runtime
    finally:
        await runtime.close()

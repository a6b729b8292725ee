"""``psd rewards calculate`` and ``psd rewards what-if``: the weekly job and its trials.

::

    $ psd rewards calculate
    weeks 4 to 10: week 4 has late activity
    week 10  200 rows, 187 connected, 1,034,000 points, 1,105,000 tokens
    $ psd rewards calculate --dry-run
    week 4: 3 of 200 rows differ, +6,000 points; 4,419.9 tokens move
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from psd.cli.options import pass_settings
from psd.cli.printing import show_json
from psd.cli.progress import ProgressBar, bars
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.event_loop import new_event_loop
from psd.observe.logs import configure_logging
from psd.rewards.computation import RunProgress
from psd.rewards.configuration import signals_of
from psd.rewards.difference import WeekDifference
from psd.rewards.job import RunSummary
from psd.rewards.part import RewardsPart
from psd.rewards.participants import RunSources
from psd.rewards.rows import Row
from psd.rewards.settings import RewardsSettings
from psd.rewards.shares import tokens_text
from psd.rewards.sources.choice import NAMES, open_sources
from psd.rewards.tables import Tables, load_tables
from psd.rewards.week_results import WeekResult

if TYPE_CHECKING:
    from psd.runtime import Runtime

T = TypeVar("T")

_WEEKS = re.compile(r"(\d{1,4})(?:\.\.(\d{1,4}))?", re.ASCII)

sources_option = click.option(
    "--source",
    "sources",
    multiple=True,
    type=click.Choice(NAMES),
    help="Where activity comes from, redis (the default) or elasticsearch; grpc describes "
    "vehicles. Repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a week.")


@click.command()
@click.argument("week", type=int, required=False)
@click.option("--from", "start", type=int, help="Compute all weeks from this one on.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@sources_option
@json_option
@pass_settings
def calculate(
    loaded: LoadedSettings,
    /,
    *,
    week: int | None,
    start: int | None,
    dry_run: bool,
    sources: Sequence[str],
    as_json: bool,
) -> None:
    """Compute a week and every computed week after it.

    WEEK is by default the last that has ended. Begins at the earliest week before it that has
    late activity. Running it again changes nothing; killed at any point, the same command
    continues. Readers see the old results until all new ones are complete.
    """
    configure_logging(loaded.settings.log)
    if dry_run:
        found = _run(try_calculate(loaded.settings, week, start, sources))
        show_differences(found, as_json=as_json)
        return
    summary = _run(calculate_for_good(loaded.settings, week, start, sources))
    show_summary(summary, as_json=as_json)


@click.command("what-if")
@click.option(
    "--conf",
    "tables_path",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tables to compute by, in the form of conf/rewards.toml.",
)
@click.option("--weeks", required=True, metavar="A..B", help="The weeks, for example 4..9.")
@sources_option
@json_option
@pass_settings
def what_if(
    loaded: LoadedSettings,
    /,
    *,
    tables_path: Path,
    weeks: str,
    sources: Sequence[str],
    as_json: bool,
) -> None:
    """Show what other tables would have paid.

    Computes real weeks by them and compares with what is visible. Writes nothing.
    """
    configure_logging(loaded.settings.log)
    match = _WEEKS.fullmatch(weeks)
    if match is None:
        raise click.BadParameter(f"{weeks!r} is not A..B", param_hint="--weeks")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise click.BadParameter(f"{weeks!r} ends before it begins", param_hint="--weeks")
    tables = load_tables(tables_path)
    found = _run(try_tables(loaded.settings, tables, (first, last), sources))
    show_differences(found, as_json=as_json)


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on the faster event loop where there is one."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(coroutine)


async def calculate_for_good(
    settings: Settings, week: int | None, start: int | None, names: Sequence[str]
) -> RunSummary:
    """Compute and publish."""
    async with (
        running(settings) as runtime,
        reading(runtime, runtime.part(RewardsPart).tables, names) as sources,
    ):
        rewards = runtime.part(RewardsPart)
        with watching("computing") as watch:
            return await rewards.job.calculate(rewards.tables, sources, week, start, watch)


async def try_calculate(
    settings: Settings, week: int | None, start: int | None, names: Sequence[str]
) -> list[WeekDifference]:
    """What :func:`calculate_for_good` would change."""
    async with (
        running(settings) as runtime,
        reading(runtime, runtime.part(RewardsPart).tables, names) as sources,
    ):
        rewards = runtime.part(RewardsPart)
        weeks = await rewards.job.weeks_of_calculate(week, start)
        with watching("trying") as watch:
            return await rewards.job.trial(rewards.tables, sources, weeks, watch)


async def try_tables(
    settings: Settings, tables: Tables, weeks: tuple[int, int], names: Sequence[str]
) -> list[WeekDifference]:
    """What these weeks would be by other tables."""
    async with running(settings) as runtime, reading(runtime, tables, names) as sources:
        job = runtime.part(RewardsPart).job
        asked = await job.weeks_of_what_if(*weeks)
        with watching("trying") as watch:
            return await job.trial(tables, sources, asked, watch)


@contextlib.asynccontextmanager
async def reading(
    runtime: Runtime, tables: Tables | None, names: Sequence[str]
) -> AsyncIterator[RunSources]:
    """The sources of these names, closed at the end; by the settings' tables unless given."""
    settings, own = runtime.settings, runtime.part(RewardsPart).tables
    sources = open_sources(
        names,
        settings.of(RewardsSettings),
        runtime.engine,
        signals_of(settings.things, own),
        tables or own,
    )
    try:
        yield sources
    finally:
        await sources.close()


@contextlib.contextmanager
def watching(verb: str) -> Iterator[Callable[[RunProgress], None]]:
    """A bar for each week, over its shards."""
    with bars() as begun:
        weeks: dict[int, ProgressBar] = {}

        def watch(progress: RunProgress) -> None:
            if progress.week not in weeks:
                weeks[progress.week] = begun(f"{verb} week {progress.week}", None, "shards")
            weeks[progress.week].reach(progress.done, progress.total)

        yield watch


def show_summary(summary: RunSummary, *, as_json: bool) -> None:
    """A line a week."""
    if as_json:
        show_json(*summary.results)
        return
    if summary.continued:
        click.echo("a run that had been broken off was continued")
    for result in summary.results:
        click.echo(result_line(result))


def result_line(result: WeekResult) -> str:
    """``week 10  200 rows, 187 connected, 1,034,000 points, 1,105,000 tokens``."""
    return (
        f"week {result.week}  {result.rows:,} rows, {result.connected:,} connected, "
        f"{result.points:,} points, {tokens_text(result.distributed)} tokens"
    )


def show_differences(differences: Sequence[WeekDifference], *, as_json: bool) -> None:
    """What would change, a block a week."""
    if as_json:
        show_json(*differences)
        return
    for each in differences:
        click.echo(difference_line(each))
        if each.before is not None and each.before.levels != each.after.levels:
            click.echo(f"  levels {each.before.levels} -> {each.after.levels}")
        for change in each.examples:
            tokens = tokens_text(change.tokens_after - change.tokens_before)
            click.echo(
                f"  vehicle {change.vehicle}: {row_text(change.before)} -> "
                f"{row_text(change.after)}, {tokens} tokens"
            )
        unshown = each.rows_changed - len(each.examples)
        if unshown > 0:
            click.echo(f"  ... and {unshown:,} more")


def difference_line(found: WeekDifference) -> str:
    """The difference of one week in a sentence."""
    week, after = found.after.week, found.after
    if found.is_empty:
        return f"week {week}: no difference"
    if found.before is None:
        return f"week {week} is new: " + result_line(after).partition("  ")[2]
    points = after.points - found.before.points
    connected = after.connected - found.before.connected
    return (
        f"week {week}: {found.rows_changed:,} of {after.rows:,} rows differ, "
        f"{connected:+,} connected, {points:+,} points; "
        f"{tokens_text(found.tokens_gained)} tokens gained, "
        f"{tokens_text(found.tokens_lost)} lost"
    )


def row_text(row: Row | None) -> str:
    """A row in a few words."""
    if row is None:
        return "no row"
    off = f", {row.disconnection_streak} off" if row.disconnection_streak else ""
    return f"streak {row.connection_streak}{off}, {row.points:,} points"

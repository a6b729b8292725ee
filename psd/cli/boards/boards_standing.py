"""``psd boards standing``, ``bracket`` and ``final``: how a board stands, straight from the store.

::

    $ psd boards standing april --as-of 2016-04-20 --compare-to 2016-04-19 --limit 3
    rank         uid   value  ...  change
       1  8877689391  240123       +1
    $ psd boards bracket cup
    $ psd boards final april --declare
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import TYPE_CHECKING, Any, get_args

import click
import msgspec
from msgspec import UNSET

from psd.cli.arguments import USER
from psd.cli.boards.boards_keep import deciding, on_boards
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_json, show_rows, show_table, write_csv
from psd.cli.sparkline import BAR_CHARACTERS, bar
from psd.config_sources import LoadedSettings
from psd.queries.boards.answers import (
    BracketAnswer,
    ContenderRow,
    FinalAnswer,
    MatchRow,
    RoundRow,
)
from psd.queries.boards.requests import StandingQuery
from psd.queries.parsing import from_pairs
from psd.queries.requests import LIMIT_MAX, SPAN_MAX, Ties
from psd.queries.results import LeaderboardAnswer, Standing

if TYPE_CHECKING:
    from psd.runtime import Runtime

as_of_option = click.option("--as-of", metavar="TIME", help="The instant. Default: now.")


@click.command()
@click.argument("name")
@as_of_option
@click.option("--compare-to", metavar="TIME", help="An earlier instant, or a range START/END.")
@click.option("--tz", metavar="ZONE", help="Zone of dates. Default: that of the board's window.")
@click.option("--ties", type=click.Choice(get_args(Ties)), help="How equal values rank.")
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), help="How many. Default: 10.")
@click.option("--cursor", help="What an answer gave as next.")
@click.option("--around", type=USER, metavar="UID", help="Those around this user.")
@click.option("--span", type=click.IntRange(0, SPAN_MAX), help="How many on each side.")
@forms
@pass_settings
def standing(loaded: LoadedSettings, /, *, name: str, form: Form, **asked: Any) -> None:
    """Print who stands where."""
    pairs = [(field, str(value)) for field, value in asked.items() if value is not None]
    query = from_pairs(pairs, StandingQuery).of(name)
    answer = asyncio.run(
        on_boards(loaded.settings, lambda runtime: runtime.queries.leaderboard(query))
    )
    _show_standings(form, answer, answer.data)
    if form == "table":
        _tell_around(answer)


@click.command()
@click.argument("name")
@as_of_option
@forms
@pass_settings
def bracket(loaded: LoadedSettings, /, *, name: str, as_of: str | None, form: Form) -> None:
    """Print the head-to-head rounds."""
    answer = asyncio.run(
        on_boards(loaded.settings, lambda runtime: runtime.challenges.bracket(name, as_of))
    )
    if form == "json":
        show_json(answer)
    elif form == "csv":
        write_csv([_line(each, match) for each in answer.rounds for match in each.matches])
    else:
        _show_bracket(answer)


@click.command()
@click.argument("name")
@click.option("--declare", is_flag=True, help="Keep the standing as the final one.")
@click.option("--as-of", metavar="TIME", help="The instant to declare. Default: the window's end.")
@click.option("--again", is_flag=True, help="In the place of a final that was declared before.")
@forms
@pass_settings
def final(
    loaded: LoadedSettings,
    /,
    *,
    name: str,
    declare: bool,
    as_of: str | None,
    again: bool,
    form: Form,
) -> None:
    """Print or declare the final of a board.

    A final stays as it was declared; what the buckets say otherwise by now is printed below.
    """
    if not declare and (as_of is not None or again):
        raise click.UsageError("--as-of and --again belong to --declare")

    async def ask(runtime: Runtime) -> FinalAnswer:
        if declare:
            author = getpass.getuser()
            return await runtime.finals.declare(name, author, as_of, again=again)
        return await runtime.finals.read(name)

    asking = deciding if declare else on_boards
    answer = asyncio.run(asking(loaded.settings, ask))
    _show_standings(form, answer, answer.data)
    if form == "table":
        _tell_final(answer)


class BracketLine(msgspec.Struct, frozen=True):
    """A match of a bracket, flat."""

    round: int
    state: str
    seed: int
    uid: str
    score: int | None
    other_seed: int | None
    other_uid: str | None
    other_score: int | None
    ahead: str | None
    winner: str | None


def _show_standings(form: Form, answer: msgspec.Struct, rows: list[Standing]) -> None:
    names = ["rank", "uid", "value", "reached at", "percentile"]
    right = {0, 1, 2, 4}
    is_compared = bool(rows) and rows[0].previous_rank is not UNSET
    if is_compared:
        names += ["was", "change", "value change"]
        right |= {5, 6, 7}
    has_bars = sys.stdout.isatty()
    highest = max((row.value for row in rows), default=0)
    cells = [
        (
            str(row.rank),
            row.uid,
            f"{row.value:,}",
            row.reached_at or "-",
            f"{row.percentile:g}",
            *(_changes(row) if is_compared else ()),
            *((bar(row.value, highest, BAR_CHARACTERS),) if has_bars else ()),
        )
        for row in rows
    ]
    names += [""] if has_bars else []
    show_rows(form, rows, names, cells, right, answer)


def _changes(row: Standing) -> tuple[str, str, str]:
    values = (row.previous_rank, row.rank_change, row.value_change)
    was, places, value = ("-" if each in (None, UNSET) else each for each in values)
    return (
        str(was),
        f"{places:+}" if isinstance(places, int) else "-",
        f"{value:+,}" if isinstance(value, int) else "-",
    )


def _tell_around(answer: LeaderboardAnswer) -> None:
    exact = "" if answer.exact else f", exact to the {answer.resolution} only"
    click.echo(f"{answer.range.start} to {answer.range.end}, {answer.total} members{exact}")
    if answer.next is not None:
        click.echo(f"more: --cursor {answer.next}")


def _tell_final(answer: FinalAnswer) -> None:
    click.echo(f"declared by {answer.declared_by} at {answer.declared_at}, as of {answer.as_of}")
    if answer.rounds is not UNSET:
        click.echo(f"champion: {answer.champion or '-'}")
    if not answer.exact:
        click.echo("whether anything differs now cannot be told: the detail has expired")
    for each in answer.differences:
        click.echo(
            f"now {each.uid}: rank {each.rank} -> {each.rank_now}, "
            f"value {each.value:,} -> {each.value_now:,}"
        )
    for match in answer.match_differences or ():
        was, now = match.declared.winner, match.now.winner
        click.echo(f"now round {match.round}, match {match.match}: {was} -> {now}")


def _line(each: RoundRow, match: MatchRow) -> BracketLine:
    other = match.second
    return BracketLine(
        each.number,
        each.state,
        match.first.seed,
        match.first.uid,
        match.first.score,
        None if other is None else other.seed,
        None if other is None else other.uid,
        None if other is None else other.score,
        match.ahead,
        match.winner,
    )


def _show_bracket(answer: BracketAnswer) -> None:
    rows = []
    for each in answer.rounds:
        label = f"{each.number} {each.state.replace('_', ' ')}"
        rows += [
            (label if at == 0 else "", *_cells(match)) for at, match in enumerate(each.matches)
        ] or [(label, "-", "", "", "", "", "", "")]
    names = ("round", "seed", "uid", "score", "seed", "uid", "score", "winner")
    show_table(names, rows, right={1, 2, 3, 4, 5, 6, 7})
    champion = "nobody yet" if answer.champion is None else answer.champion
    click.echo(f"as of {answer.as_of}, seeded by {answer.seeded_by}, champion: {champion}")


def _cells(match: MatchRow) -> tuple[str, ...]:
    if match.second is None:
        return (*_contender(match.first), "", "bye", "", match.winner or "")
    ahead = f"({match.ahead})" if match.ahead and match.winner is None else ""
    return (*_contender(match.first), *_contender(match.second), match.winner or ahead)


def _contender(row: ContenderRow) -> tuple[str, str, str]:
    return str(row.seed), row.uid, "-" if row.score is None else f"{row.score:,}"

"""``psd top``, ``around`` and ``compare``: who stands where, from a server.

::

    $ psd top steps --start 2016-04-12 --end 2016-04-13 --limit 3
    $ psd around steps 22 --span 2
    $ psd compare steps --compare-to 2016-04-12T08:00:00Z --start 2016-04-12 --end 2016-04-13
     rank  change  uid  value  was  difference
        1       =   11   9000    1       +9000
        2      ▼1   22   5000    1       +5000

A board is that of everybody, of the users that ``--uid`` names, or a named one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click
from msgspec import UNSET, UnsetType

from psd.cli.arguments import USER, NumbersCommand, thing_then_user
from psd.cli.asking import (
    Asking,
    asks,
    given,
    is_looked_at,
    range_options,
    tell_next,
    tell_range,
    zone_option,
)
from psd.cli.looking_again import look_again
from psd.cli.sparkline import BAR_CHARACTERS, bar
from psd.queries.requests import LIMIT_MAX, SPAN_MAX, Ties
from psd.queries.results import LeaderboardAnswer, Standing

WATCH_S = 2.0


def of_a_board(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say of whom its board is, and when."""
    for option in (
        click.option("--ties", type=click.Choice(get_args(Ties)), help="How equal values rank."),
        click.option("--as-of", metavar="TIME", help="As the board stood then. Default: now."),
        zone_option,
        range_options,
        click.option(
            "--uid", type=USER, metavar="UID", multiple=True, help="Of this user. Repeatable."
        ),
        click.option("--board", metavar="NAME", help="Of the members of a named board."),
    ):
        function = option(function)
    return function


def one_or_two(
    ctx: click.Context, param: click.Parameter, words: tuple[str, ...]
) -> tuple[str | None, int | str]:
    """The thing, if one is named, and the user (a click callback)."""
    if len(words) > 2:
        raise click.BadParameter(f"{' '.join(words)!r} is more than a thing and a user")
    return thing_then_user(words)


limit_option = click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=10, show_default=True, help="How many."
)
cursor_option = click.option("--cursor", help="What the page before gave.")
bars_option = click.option("--bars", is_flag=True, help="A bar beside each value.")


@click.command()
@click.argument("thing", required=False)
@of_a_board
@limit_option
@cursor_option
@bars_option
@click.option("--watch", "watches", is_flag=True, help="Ask again every 2 s, until Ctrl-C.")
@click.option("--looks", type=click.IntRange(1), metavar="N", help="With --watch: how many times.")
@asks
def top(
    asking: Asking,
    /,
    *,
    thing: str | None,
    uid: tuple[int | str, ...],
    limit: int,
    cursor: str | None,
    bars: bool,
    watches: bool,
    looks: int | None,
    **board: Any,
) -> None:
    """Print the first of a board.

    A running server is asked. THING is needed unless --board names a board, which has its own.
    """
    if looks is not None and not watches:
        raise click.UsageError("--looks belongs to --watch")
    fields = fields_of(thing, uid, board)
    with asking.client() as psd:

        def ask() -> LeaderboardAnswer:
            return psd.leaderboard(limit=limit, cursor=cursor, **fields)

        if watches:
            look_again(asking, ask, lambda answer: _show(asking, answer, bars=bars), WATCH_S, looks)
        else:
            _show(asking, ask(), bars=bars)


@click.command(cls=NumbersCommand)
@click.argument("asked", nargs=-1, required=True, metavar="[THING] UID", callback=one_or_two)
@of_a_board
@click.option(
    "--span",
    type=click.IntRange(0, SPAN_MAX),
    default=5,
    show_default=True,
    help="How many on each side.",
)
@bars_option
@asks
def around(
    asking: Asking,
    /,
    *,
    asked: tuple[str | None, int | str],
    uid: tuple[int | str, ...],
    span: int,
    bars: bool,
    **board: Any,
) -> None:
    """Print a user with those before and behind.

    A running server is asked. THING is needed unless --board names a board, which has its own.
    """
    thing, user = asked
    fields = fields_of(thing, uid, board)
    with asking.client() as psd:
        answer = psd.around(str(user), span=span, **fields)
    _show(asking, answer, bars=bars, user=str(user))


@click.command()
@click.argument("thing", required=False)
@click.option(
    "--compare-to",
    required=True,
    metavar="TIME|START/END",
    help="An earlier instant, or another range.",
)
@of_a_board
@limit_option
@cursor_option
@asks
def compare(
    asking: Asking,
    /,
    *,
    thing: str | None,
    compare_to: str,
    uid: tuple[int | str, ...],
    limit: int,
    cursor: str | None,
    **board: Any,
) -> None:
    """Print who overtook whom.

    A running server is asked. THING is needed unless --board names a board, which has its own.
    """
    fields = fields_of(thing, uid, board)
    with asking.client() as psd:
        answer = psd.leaderboard(compare_to=compare_to, limit=limit, cursor=cursor, **fields)
    names = ["rank", "change", "uid", "value", "was", "difference"]
    cells = [
        [
            str(row.rank),
            arrow(row.rank_change),
            row.uid,
            str(row.value),
            _told(row.previous_rank),
            _told(row.value_change, "+d"),
        ]
        for row in answer.data
    ]
    asking.show(answer, answer.data, names, cells, {*range(6)})
    _tell(asking, answer)


def arrow(places: int | UnsetType | None) -> str:
    """The places that somebody won or lost.

    >>> arrow(2), arrow(-1), arrow(0), arrow(None)
    ('▲2', '▼1', '=', 'new')
    """
    if places is None or places is UNSET:
        return "new"
    if places == 0:
        return "="
    return f"▲{places}" if places > 0 else f"▼{-places}"


def _told(number: int | UnsetType | None, form: str = "d") -> str:
    return "-" if number is None or number is UNSET else f"{number:{form}}"


def fields_of(
    thing: str | None, uid: tuple[int | str, ...], board: dict[str, Any]
) -> dict[str, Any]:
    """What is asked of a board, by the options that were given."""
    if thing is None and board["board"] is None:
        raise click.UsageError("Missing argument 'THING', or --board.")
    return given(thing=thing, uid=tuple(map(str, uid)), **board)


def _show(asking: Asking, answer: LeaderboardAnswer, *, bars: bool, user: str = "") -> None:
    has_bars = bars or is_looked_at()
    highest = max((row.value for row in answer.data), default=0)
    names = ["rank", "uid", "value", "percentile", "reached", *([""] if has_bars else [])]
    cells = [
        _line(row, highest if has_bars else None, is_user=row.uid == user) for row in answer.data
    ]
    asking.show(answer, answer.data, names, cells, {0, 1, 2, 3})
    _tell(asking, answer)


def _line(row: Standing, highest: int | None, *, is_user: bool) -> list[str]:
    return [
        f"> {row.rank}" if is_user else str(row.rank),
        row.uid,
        str(row.value),
        f"{row.percentile:.1f}",
        row.reached_at or "-",
        *([] if highest is None else [bar(row.value, highest, BAR_CHARACTERS)]),
    ]


def _tell(asking: Asking, answer: LeaderboardAnswer) -> None:
    tell_range(answer)
    if asking.form != "json":
        tell_next(answer.next)

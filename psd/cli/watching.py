"""``psd watch``: a board that is asked for again and again.

::

    $ psd watch steps --start today
     rank  moved    uid  value  gained
        1     ▲1     22   9400    +400
        2     ▼1     11   9000       =
    12:00:05  every 2 s, Ctrl-C ends it

looking_again.py says how it is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from psd.cli.asking import Asking, asks
from psd.cli.looking_again import look_again
from psd.cli.standings import arrow, fields_of, limit_option, of_a_board

if TYPE_CHECKING:
    from psd.client import Client
    from psd.queries.results import LeaderboardAnswer

every_option = click.option(
    "--every-s",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
looks_option = click.option(
    "--looks", type=click.IntRange(1), metavar="N", help="End after so many looks. Default: never."
)


@click.command()
@click.argument("thing", required=False)
@of_a_board
@limit_option
@every_option
@looks_option
@asks
def watch(
    asking: Asking,
    /,
    *,
    thing: str | None,
    uid: tuple[int | str, ...],
    limit: int,
    every_s: float,
    looks: int | None,
    **board: Any,
) -> None:
    """Show the first of a board as they move.

    A running server is asked. THING is needed unless --board names a board, which has its own.
    `moved` are places since the look before, `gained` is what came since the first one.
    """
    fields = fields_of(thing, uid, board)
    before: dict[str, tuple[int, int]] = {}
    first: dict[str, int] = {}

    def show(answer: LeaderboardAnswer) -> None:
        nonlocal before
        for row in answer.data:
            first.setdefault(row.uid, row.value if not before else 0)
        cells = [
            [
                str(row.rank),
                arrow(before[row.uid][0] - row.rank if row.uid in before else None),
                row.uid,
                str(row.value),
                _gained(row.value - first[row.uid]),
            ]
            for row in answer.data
        ]
        before = {row.uid: (row.rank, row.value) for row in answer.data}
        names = ["rank", "moved", "uid", "value", "gained"]
        asking.show(answer, answer.data, names, cells, {*range(5)})

    with asking.client() as psd:
        look_again(asking, lambda: _board(psd, limit, fields), show, every_s, looks)


def _board(psd: Client, limit: int, fields: dict[str, Any]) -> LeaderboardAnswer:
    return psd.leaderboard(limit=limit, **fields)


def _gained(value: int) -> str:
    return f"{value:+}" if value else "="

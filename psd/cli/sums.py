"""``psd sum``: what users have of things, from a server.

::

    $ psd sum steps 11 22 --start 2016-04-12 --end 2016-04-13
     uid  thing   sum
      11  steps  9000
      22  steps  5000
    $ psd sum steps,calories 11 --aggregates sum,max,first --start 2016-04-12
"""

from __future__ import annotations

import click
import msgspec

from psd.cli.arguments import USER, NumbersCommand
from psd.cli.asking import (
    Asking,
    asks,
    given,
    is_looked_at,
    range_options,
    tell_range,
)
from psd.cli.sparkline import BAR_CHARACTERS, bar
from psd.queries.requests import AGGREGATES, EVERY, Aggregate
from psd.queries.results import SumRow


def aggregates_in(ctx: click.Context, param: click.Parameter, text: str) -> list[Aggregate]:
    """The aggregates of a list with commas (a click callback)."""
    try:
        return msgspec.convert(text.split(","), list[Aggregate])
    except msgspec.ValidationError as exc:
        raise click.BadParameter(f"{text!r}: known are {', '.join(AGGREGATES)}") from exc


@click.command(name="sum", cls=NumbersCommand)
@click.argument("thing", metavar="THING[,THING...]")
@click.argument("uid", type=USER, nargs=-1, required=True)
@range_options
@click.option("--as-of", metavar="TIME", help="As if later bookings had not happened yet.")
@click.option(
    "--aggregates",
    default="sum",
    callback=aggregates_in,
    metavar="NAME,NAME,...",
    help=f"Of {', '.join(AGGREGATES)}. Default: sum.",
)
@click.option(
    "--every",
    type=click.Choice(EVERY),
    default="day",
    show_default=True,
    help="Unit of min, max and avg.",
)
@click.option("--tz", default="UTC", show_default=True, help="Zone of that unit and of dates.")
@asks
def sums(
    asking: Asking,
    /,
    *,
    thing: str,
    uid: tuple[int | str, ...],
    start: str | None,
    end: str | None,
    atid: tuple[int, ...],
    as_of: str | None,
    aggregates: list[Aggregate],
    every: str,
    tz: str,
) -> None:
    """Print what users have of things over a range.

    A running server is asked; psd query asks the store. The range begins in 1970 unless --start
    is given.
    """
    fields = given(start=start, end=end, as_of=as_of, atid=atid, every=every, tz=tz)
    with asking.client() as psd:
        answer = psd.sum(
            thing=thing.split(","), uid=[*map(str, uid)], aggregates=aggregates, **fields
        )
    names = ["uid", "thing", *aggregates]
    cells = [
        [row.uid, row.thing, *(_cell(row, name) for name in aggregates)] for row in answer.data
    ]
    if is_looked_at() and len(answer.data) > 1 and "sum" in aggregates:
        names.append("")
        for row, bar_text in zip(cells, _bars(answer.data), strict=True):
            row.append(bar_text)
    right = {0, *range(2, 2 + len(aggregates))}
    asking.show(answer, answer.data, names, cells, right)
    tell_range(answer)


def _cell(row: SumRow, name: str) -> str:
    value = getattr(row, name)
    if isinstance(value, float):
        return f"{value:.2f}"
    return "-" if value is None else str(value)


def _bars(rows: list[SumRow]) -> list[str]:
    """Bars of the sums, those of one thing beside each other."""
    highest: dict[str, int] = {}
    sums = [row.sum if isinstance(row.sum, int) else 0 for row in rows]
    for row, value in zip(rows, sums, strict=True):
        highest[row.thing] = max(highest.get(row.thing, 0), value)
    return [
        bar(value, highest[row.thing], BAR_CHARACTERS)
        for row, value in zip(rows, sums, strict=True)
    ]

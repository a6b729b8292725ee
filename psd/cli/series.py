"""``psd series``: sums by calendar unit, from a server.

::

    $ psd series steps 11 22 --every hour --start 2016-04-12 --end 2016-04-13 --sparkline
    steps  ▁▁▁▁▁▁▁▁█▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  0 to 14000
    $ psd series steps 11 --every day --tz Europe/Berlin --start 2016-04-01 --bars

Dates are those of ``--tz``. A row that is only a part of its unit says how far it goes::

    $ psd series steps 11 --tz Europe/Berlin --start 2016-04-11 --end 2016-04-12T12:00
     start       thing   sum  part
     2016-04-11  steps     0
     2016-04-12  steps  9000  to 2016-04-12 12:00+02:00

On a terminal a series has its sparkline above its table.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import click
from msgspec import UNSET

from psd.cli.arguments import USER, NumbersCommand
from psd.cli.asking import (
    Asking,
    asks,
    columns,
    given,
    is_looked_at,
    range_options,
    tell_range,
)
from psd.cli.sparkline import BAR_CHARACTERS, bar, sparkline
from psd.queries.requests import EVERY
from psd.queries.results import SeriesPoint
from psd.zones import zone

Group = tuple[str, str]
"""A thing, and the user or the type of one of its series."""

FINE = ("minute", "hour")
SPARKLINE_COLUMNS = 60
"""Where there is no terminal to measure."""


@click.command(cls=NumbersCommand)
@click.argument("thing", metavar="THING[,THING...]")
@click.argument("uid", type=USER, nargs=-1, required=True)
@click.option("--every", type=click.Choice(EVERY), default="day", show_default=True, help="Unit.")
@click.option(
    "--tz", default="UTC", show_default=True, help="IANA time zone of the units and of dates."
)
@range_options
@click.option("--as-of", metavar="TIME", help="As if later bookings had not happened yet.")
@click.option(
    "--fill",
    type=click.Choice(["zero", "null", "none"]),
    default="zero",
    show_default=True,
    help="What stands where nothing was booked; none leaves it out.",
)
@click.option("--by", type=click.Choice(["uid", "atid"]), help="A series for each.")
@click.option("--bars", is_flag=True, help="A bar beside each number.")
@click.option("--sparkline", "only_lines", is_flag=True, help="A line for each series, no table.")
@asks
def series(
    asking: Asking,
    /,
    *,
    thing: str,
    uid: tuple[int | str, ...],
    every: str,
    tz: str,
    start: str | None,
    end: str | None,
    atid: tuple[int, ...],
    as_of: str | None,
    fill: str,
    by: str | None,
    bars: bool,
    only_lines: bool,
) -> None:
    """Print sums by minute, day, month or another unit.

    A running server is asked. Users are added up unless --by uid tells them apart. --start is
    needed.
    """
    if start is None:
        raise click.UsageError("Missing option '--start'.")
    fields = given(end=end, as_of=as_of, atid=atid, by=by, every=every, tz=tz, fill=fill)
    with asking.client() as psd:
        answer = psd.series(thing=thing.split(","), uid=[*map(str, uid)], start=start, **fields)
    if asking.form == "table" and (only_lines or is_looked_at()):
        _show_lines(answer.data)
    if asking.form != "table" or not only_lines:
        names, cells = _table(answer.data, by, every, zone(tz), bars=bars)
        asking.show(answer, answer.data, names, cells, {names.index("sum")})
    tell_range(answer)


def _table(
    points: list[SeriesPoint], by: str | None, every: str, tz: ZoneInfo, *, bars: bool
) -> tuple[list[str], list[list[str]]]:
    highest: dict[str, int] = {}
    for point in points:
        highest[point.thing] = max(highest.get(point.thing, 0), point.sum or 0)
    has_parts = any(point.partial for point in points)
    names = ["start", "thing", *([by] if by else []), "sum"]
    names += [*(["part"] if has_parts else []), *([""] if bars else [])]
    cells = [
        [
            moment_in(point.start, tz, is_fine=every in FINE),
            point.thing,
            *([group_of(point)[1]] if by else []),
            "-" if point.sum is None else str(point.sum),
            *([_part(point, tz, is_fine=every in FINE)] if has_parts else []),
            *([bar(point.sum or 0, highest[point.thing], BAR_CHARACTERS)] if bars else []),
        ]
        for point in points
    ]
    return names, cells


def _part(point: SeriesPoint, tz: ZoneInfo, *, is_fine: bool) -> str:
    """How far a part of a unit goes; nothing of a whole one."""
    return f"to {moment_in(point.end, tz, is_fine=is_fine)}" if point.partial else ""


def _show_lines(points: list[SeriesPoint]) -> None:
    groups: dict[Group, list[int | None]] = {}
    for point in points:
        groups.setdefault(group_of(point), []).append(point.sum)
    labels = {group: " ".join(filter(None, group)) for group in groups}
    label_width = max(map(len, labels.values()), default=0)
    for group, values in groups.items():
        known = [value for value in values if value is not None]
        ends = f"{min(known)} to {max(known)}" if known else "nothing"
        room = columns() - label_width - len(ends) - 4 if is_looked_at() else SPARKLINE_COLUMNS
        line = sparkline(values, max(room, 8))
        click.echo(f"{labels[group]:<{label_width}}  {line}  {ends}")


def group_of(point: SeriesPoint) -> Group:
    """Which series a point belongs to."""
    told = point.uid if point.uid is not UNSET else point.atid
    return point.thing, "" if told is UNSET else str(told)


def moment_in(text: str, tz: ZoneInfo, *, is_fine: bool) -> str:
    """A time of an answer as it is in a zone; of a unit that begins at midnight the date alone.

    >>> moment_in("2016-04-11T22:00:00Z", ZoneInfo("Europe/Berlin"), is_fine=False)
    '2016-04-12'
    """
    local = dt.datetime.fromisoformat(text).astimezone(tz)
    if not is_fine and local.time() == dt.time():
        return str(local.date())
    seconds = "minutes" if local.second == 0 else "seconds"
    return local.isoformat(" ", seconds)

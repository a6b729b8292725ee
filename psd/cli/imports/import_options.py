"""The options of ``psd import``: how a file is read, and where its rows go."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import click

from psd.cli.imports.import_plan import delimiter_of
from psd.cli.printing import forms
from psd.cli.server_options import server_options
from psd.cli.times import format_argument
from psd.errors import BadQueryError
from psd.exports.row_kinds import kinds
from psd.zones import zone


def zone_of(name: str) -> ZoneInfo:
    """A time zone of the IANA database (a click type)."""
    try:
        return zone(name)
    except BadQueryError as error:
        raise click.BadParameter(str(error)) from error


_READING = (
    click.option("--uid", metavar="COL", help="Column of the users: numbers or names. Needed."),
    click.option("--time", metavar="COL", help="Column of the time. Needed."),
    click.option(
        "--time-format",
        metavar="F",
        type=format_argument,
        help="Format of the time as strptime has it, for example '%m/%d/%Y %H:%M'. "
        "Default: RFC 3339, dates or Unix seconds. Of names of zones (%Z) UTC, GMT and Z are read.",
    ),
    click.option(
        "--tz",
        metavar="ZONE",
        type=zone_of,
        default="UTC",
        help="Zone of times that bring none, such as Europe/Berlin. What its clocks show twice or "
        "never is refused. Default: UTC.",
    ),
    click.option(
        "--thing",
        "things",
        multiple=True,
        metavar="THING=COL",
        help="A thing and the column of its value. Needed, repeatable.",
    ),
    click.option(
        "--scale",
        "scales",
        multiple=True,
        metavar="[THING=]N",
        help="Multiply values by N, in decimals: 0.125 kWh times 1000 are 125. What is no whole "
        "number then is refused. Repeatable.",
    ),
    click.option("--skip-blank", is_flag=True, help="Leave blank values out; they are counted."),
    click.option("--atid", metavar="COL|N", help="Activity type. Default: 0."),
    click.option("--aid", metavar="COL|N", help="Activity id. Default: the row's time."),
    click.option(
        "--format",
        "file_format",
        type=click.Choice(["csv", "ndjson", "parquet"]),
        help="Default: by the name, else by the first character. Parquet is read of exports.",
    ),
    click.option(
        "--kind",
        type=click.Choice(kinds()),
        help="FILE is one of psd export, of this kind; a folder of an export says so itself.",
    ),
    click.option(
        "--delimiter",
        metavar="C",
        type=delimiter_of,
        help="Between the cells of a CSV: one character, or tab, semicolon, pipe. Default: the one "
        "of these, or a comma, under which the heading has the columns that are named.",
    ),
)
_GOING = (
    click.option(
        "--via",
        type=click.Choice(["queue", "http", "direct"]),
        help="Through the queue, a running server, or straight into the store. Default: http; of "
        "--undo, as the import went in.",
    ),
    server_options,
    click.option("--wait", is_flag=True, help="With --via queue: wait until the queue is empty."),
    click.option(
        "--dry-run", is_flag=True, help="Show what the first rows mean; nothing is sent or kept."
    ),
    click.option(
        "--no-undo",
        is_flag=True,
        help="Keep no journal and do not ask what stands before: there is no way back.",
    ),
    click.option("--undo", "import_id", metavar="ID", help="Take an import back."),
    click.option("--list", "lists", is_flag=True, help="List the imports that have a journal."),
    forms,
)


def import_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give the command all of them."""
    for option in reversed((*_READING, *_GOING)):
        decorate: Callable[[Callable[..., None]], Callable[..., None]] = option
        function = decorate(function)
    return function

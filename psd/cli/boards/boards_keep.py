"""``psd boards ls``, ``show``, ``create``, ``edit`` and ``rm``: what boards are made of.

::

    $ psd boards create april --thing steps --start 2016-04-01 --end 2016-05-01 --title "April cup"
    april: made
    $ psd boards create week --thing steps --rolling 604800
    $ psd boards create cup --thing steps --every month --tz Europe/Berlin --seeded-by april \
          --round 2016-05-02/2016-05-09 --round 2016-05-09/2016-05-16
    $ psd boards edit april --note "the winner gets a bicycle"
"""

from __future__ import annotations

import asyncio
import functools
import getpass
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_json, show_rows, show_table, write_csv
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import ChangedError, ConflictError
from psd.queries.boards.board_windows import BoardWindow, CalendarWindow, FixedWindow
from psd.queries.boards.definitions import Definition, StoredBoard
from psd.queries.boards.requests import BoardRow
from psd.queries.boards.versions import NEW
from psd.queries.parsing import from_fields
from psd.queries.requests import EVERY, LIMIT_MAX, Ties

if TYPE_CHECKING:
    from psd.runtime import Runtime

R = TypeVar("R")
T = TypeVar("T")


def definition_options(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options that say what a board is made of."""
    for option in reversed(_OPTIONS):
        function = option(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **given: Any) -> R:
        names = [each for each in given if each not in ("name", "thing")]
        own = {name: given.pop(name) for name in names}
        return function(*args, fields=_fields(own), **given)

    return wrapper


_OPTIONS = (
    click.option("--start", metavar="TIME", help="A fixed window: its first second."),
    click.option("--end", metavar="TIME", help="A fixed window: the second after its last."),
    click.option("--rolling", type=int, metavar="SECONDS", help="A window that moves on."),
    click.option("--every", type=click.Choice(EVERY), help="A window by the calendar."),
    click.option("--tz", help="Time zone of the calendar, such as Europe/Berlin. Default: UTC."),
    click.option("--atid", multiple=True, help="Count this type of activities only. Repeatable."),
    click.option("--ties", type=click.Choice(get_args(Ties)), help="How equal values rank."),
    click.option("--title", help="What people call the board."),
    click.option("--note", help="Anything else about it."),
    click.option(
        "--round",
        "rounds",
        multiple=True,
        metavar="START/END",
        help="The window of a head-to-head round. Repeatable, in order.",
    ),
    click.option("--seeded-by", metavar="BOARD", help="Whose standing seeds the rounds."),
    click.option("--seeded-at", metavar="TIME", help="When. Default: as the first round begins."),
    click.option("--order", metavar="UID,UID,...", help="Who is seeded how, the best first."),
)


@click.command()
@forms
@pass_settings
def ls(loaded: LoadedSettings, /, *, form: Form) -> None:
    """List the boards."""
    rows = asyncio.run(on_boards(loaded.settings, _all))
    names = ("name", "thing", "window", "rounds", "members", "title")
    cells = [
        (
            row.name,
            row.thing,
            window_text(row.window),
            str(len(row.rounds.windows)) if row.rounds else "-",
            str(row.members),
            row.title,
        )
        for row in rows
    ]
    show_rows(form, rows, names, cells, {3, 4})


@click.command()
@click.argument("name")
@forms
@pass_settings
def show(loaded: LoadedSettings, /, *, name: str, form: Form) -> None:
    """Show what a board is made of."""

    async def read(runtime: Runtime) -> BoardRow:
        return await _row(runtime, await runtime.boards.get(name))

    row = asyncio.run(on_boards(loaded.settings, read))
    if form == "json":
        show_json(row)
        return
    if form == "csv":
        write_csv([row])
        return
    rounds = [] if row.rounds is None else row.rounds.windows
    seeding = () if row.rounds is None else (("seeded by", _seeding(row)),)
    lines = [
        *((field, str(getattr(row, field))) for field in ("name", "title", "thing")),
        ("window", window_text(row.window)),
        ("atids", ", ".join(map(str, row.atid)) or "all"),
        ("ties", row.ties),
        *((f"round {at}", f"{each.start} to {each.end}") for at, each in enumerate(rounds, 1)),
        *seeding,
        ("members", str(row.members)),
        ("note", row.note),
        ("changed", f"{row.changed_at} by {row.changed_by}, revision {row.revision}"),
    ]
    show_table(("", ""), lines, right=set())


@click.command()
@click.argument("name")
@click.option("--thing", required=True, help="What is summed, for example steps.")
@definition_options
@pass_settings
def create(loaded: LoadedSettings, /, *, name: str, thing: str, fields: Mapping[str, Any]) -> None:
    """Make a board.

    Its window is fixed (--start, --end), moves on (--rolling) or is a unit of the calendar
    (--every). Members come by `psd boards members`.
    """
    if "window" not in fields:
        raise click.UsageError("a board needs a window: --start and --end, --rolling or --every")
    definition = from_fields({"thing": thing, **fields}, Definition)

    async def make(runtime: Runtime) -> None:
        try:
            await runtime.boards.put(name, definition, getpass.getuser(), versions=NEW)
        except ChangedError as exc:
            raise ConflictError(f"board: {name!r} is there already; see psd boards edit") from exc

    asyncio.run(deciding(loaded.settings, make))
    click.echo(f"{name}: made")


@click.command()
@click.argument("name")
@click.option("--thing", help="What is summed, for example steps.")
@click.option("--no-rounds", is_flag=True, help="Have no head-to-head rounds any longer.")
@definition_options
@pass_settings
def edit(
    loaded: LoadedSettings, /, *, name: str, thing: str | None, fields: Mapping[str, Any]
) -> None:
    """Change what a board is made of.

    What is not given stays. Rounds are replaced as a whole.
    """
    changed = {**fields, **({} if thing is None else {"thing": thing})}
    if not changed:
        raise click.UsageError("nothing to change; see psd boards edit --help")
    board = asyncio.run(
        deciding(
            loaded.settings, lambda runtime: runtime.boards.patch(name, changed, getpass.getuser())
        )
    )
    click.echo(f"{name}: revision {board.revision}")


@click.command()
@click.argument("name")
@pass_settings
def rm(loaded: LoadedSettings, /, *, name: str) -> None:
    """Take a board away with all that it has.

    Its members and its final go, too. What they booked stays.
    """
    asyncio.run(deciding(loaded.settings, lambda runtime: runtime.boards.drop(name)))
    click.echo(f"{name}: gone")


async def on_boards(settings: Settings, ask: Callable[[Runtime], Awaitable[T]]) -> T:
    """What a question about boards is answered by the store."""
    async with running(settings) as runtime:
        return await ask(runtime)


async def deciding(settings: Settings, decide: Callable[[Runtime], Awaitable[T]]) -> T:
    """What comes of a decision about a board, which goes to the archive as well."""
    async with running(settings, archiving=True) as runtime:
        return await decide(runtime)


def window_text(window: BoardWindow) -> str:
    """A window as a table shows it."""
    if isinstance(window, FixedWindow):
        return f"{window.start} to {window.end}"
    if isinstance(window, CalendarWindow):
        return f"{window.every} in {window.tz}"
    return f"last {window.seconds} s"


async def _all(runtime: Runtime) -> list[BoardRow]:
    rows: list[BoardRow] = []
    while True:
        page = await runtime.boards.page(rows[-1].name if rows else "", LIMIT_MAX)
        counts = await runtime.boards.counts_of(page)
        rows += [BoardRow.of(*each) for each in zip(page, counts, strict=True)]
        if len(page) < LIMIT_MAX:
            return rows


async def _row(runtime: Runtime, board: StoredBoard) -> BoardRow:
    [count] = await runtime.boards.counts_of([board])
    return BoardRow.of(board, count)


def _seeding(row: BoardRow) -> str:
    assert row.rounds is not None, "asked of boards with rounds alone"
    if row.rounds.order:
        return "order " + ", ".join(map(str, row.rounds.order))
    at = row.rounds.seeded_at
    return f"board {row.rounds.seeded_by or row.name}" + ("" if at is None else f" at {at}")


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a definition that the options name."""
    named = {name: given[name] for name in ("ties", "title", "note") if given[name] is not None}
    window, rounds = _window(given), _rounds(given)
    if given.get("no_rounds"):
        if rounds:
            raise click.UsageError("--no-rounds and --round contradict each other")
        named["rounds"] = None
    return {
        **named,
        **({"atid": list(given["atid"])} if given["atid"] else {}),
        **({"window": window} if window else {}),
        **({"rounds": rounds} if rounds else {}),
    }


def _window(given: Mapping[str, Any]) -> dict[str, Any]:
    start, end, rolling, every = (given[each] for each in ("start", "end", "rolling", "every"))
    kinds = [start is not None or end is not None, rolling is not None, every is not None]
    if sum(kinds) > 1:
        raise click.UsageError("one window: --start and --end, --rolling, or --every")
    if given["tz"] is not None and every is None:
        raise click.UsageError("--tz belongs to --every")
    if kinds[0]:
        if start is None or end is None:
            raise click.UsageError("a fixed window has --start and --end")
        return {"kind": "fixed", "start": start, "end": end}
    if kinds[1]:
        return {"kind": "rolling", "seconds": rolling}
    return {"kind": "calendar", "every": every, "tz": given["tz"] or "UTC"} if kinds[2] else {}


def _rounds(given: Mapping[str, Any]) -> dict[str, Any]:
    seeding = {
        "seeded_by": given["seeded_by"],
        "seeded_at": given["seeded_at"],
        "order": given["order"].split(",") if given["order"] else None,
    }
    known = {name: value for name, value in seeding.items() if value is not None}
    if not given["rounds"]:
        if known:
            raise click.UsageError("--seeded-by, --seeded-at and --order belong to --round")
        return {}
    windows = []
    for text in given["rounds"]:
        start, slash, end = text.partition("/")
        if not slash:
            raise click.BadParameter(f"{text!r} is not START/END", param_hint="--round")
        windows.append({"start": start, "end": end})
    return {"windows": windows, **known}

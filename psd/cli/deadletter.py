"""``psd dlq``: look after the messages that could not be booked.

::

    $ psd dlq ls
    0f2a6c3b1d4e5f60  2016-04-12T00:00:00Z  wrong_type  attempts 1  metric.uid: expected `int`...
    $ psd dlq show 0f2a6c3b1d4e5f60
    $ psd dlq replay 0f2a6c3b1d4e5f60      # publish the original again
    1 replayed
    came back: 1b07e5d2c3a49f81  2016-04-12T00:00:00Z  wrong_type  attempts 1  metric.uid: ...
    $ psd dlq drop --all

Letters are taken out of the queue to be looked at and put back at the end (see
psd/queue/deadletter.py), so two of these commands at the same time see each a part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

import click

from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_json, write_csv_cells
from psd.cli.query import running
from psd.clock import utc_text
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import NotFoundError, QueueUnavailableError
from psd.operations.dead_letters import LetterDesk, LettersFound, readable
from psd.queue.deadletter import LETTERS_MAX, Letter
from psd.queue.letter_runs import LetterRun

LETTERS_DEFAULT = 1000
SHOWN_MAX = 20

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, LETTERS_MAX),
    default=LETTERS_DEFAULT,
    show_default=True,
    help="Look at that many letters at most.",
)
all_option = click.option("--all", "everything", is_flag=True, help="All letters there are.")
LETTER_COLUMNS = (
    "id",
    "code",
    "reason",
    "attempts",
    "first_seen",
    "cut_bytes",
    "body",
    "body_base64",
)
"""Of a CSV: a body is text, or base64 where it is none."""

ids_argument = click.argument("ids", nargs=-1, metavar="[ID]...")


@click.group(cls=Group)
def dlq() -> None:
    """Look after the dead letter."""


@dlq.command("ls")
@limit_option
@forms
@pass_settings
def list_letters(loaded: LoadedSettings, /, *, limit: int, form: Form) -> None:
    """List the letters, oldest first: id, time, code, attempts, reason."""
    seen = asyncio.run(letters(loaded.settings, limit))
    found = seen.letters
    show_letters(found, form)
    if seen.away:
        raise QueueUnavailableError(seen.away)
    if not found:
        click.echo("the dead letter is empty", err=True)
    elif len(found) == limit:
        click.echo(f"these are the first {limit}; there may be more (--limit)", err=True)


@dlq.command()
@click.argument("letter_id", metavar="ID")
@limit_option
@forms
@pass_settings
def show(loaded: LoadedSettings, /, *, letter_id: str, limit: int, form: Form) -> None:
    """Show one letter with the original message.

    The body is base64 where it is not text.
    """
    try:
        letter = asyncio.run(found_letter(loaded.settings, letter_id, limit))
    except NotFoundError as error:
        raise click.ClickException(str(error)) from error
    if form != "table":
        show_letters([letter], form)
        return
    for name, value in readable(letter).items():
        click.echo(f"{name:<13} {value}")


@dlq.command()
@ids_argument
@all_option
@pass_settings
def replay(loaded: LoadedSettings, /, *, ids: tuple[str, ...], everything: bool) -> None:
    """Publish the original messages to their topic again and drop the letters.

    Each letter that is there when this begins is replayed once. One that comes back within a
    second is told with its reason, and the exit code is 1.

    Events that were booked already are not booked twice, except counts without an id of
    their own: those are known by the id of their message, and a replay is a new message.
    """
    check_choice(ids, everything)
    finish_with("replayed", asyncio.run(replayed(loaded.settings, ids)), ids)


@dlq.command()
@ids_argument
@all_option
@pass_settings
def drop(loaded: LoadedSettings, /, *, ids: tuple[str, ...], everything: bool) -> None:
    """Delete letters for good."""
    check_choice(ids, everything)
    finish_with("dropped", asyncio.run(dropped(loaded.settings, ids)), ids)


def check_choice(ids: tuple[str, ...], everything: bool) -> None:
    """Refuse a command line that names no letters, or some and all."""
    if bool(ids) == everything:
        raise click.UsageError("give the ids of letters, or --all")


def finish_with(verb: str, run: LetterRun, ids: Collection[str]) -> None:
    """Say what was done; exit code 1 when something was not, or came back."""
    click.echo(f"{len(run.done)} {verb}", err=True)
    came_back = run.came_back if verb == "replayed" else []
    problems = [*run.failed]
    problems += [f"{each}: no such letter" for each in ids if each not in run.seen]
    problems += [f"came back: {summary(each)}" for each in came_back[:SHOWN_MAX]]
    if len(came_back) > SHOWN_MAX:
        problems.append(f"... and {len(came_back) - SHOWN_MAX} more came back")
    if run.is_full:
        problems.append(f"{LETTERS_MAX} letters can be held at once: run it again for the rest")
    for problem in problems:
        click.echo(problem, err=True)
    newer = run.came_since + len(run.came_back) - len(came_back)
    if newer:
        click.echo(f"{newer} came meanwhile and are left", err=True)
    if run.away:
        raise QueueUnavailableError(run.away)
    if problems:
        click.get_current_context().exit(1)


@asynccontextmanager
async def letter_desk(settings: Settings) -> AsyncIterator[LetterDesk]:
    """The dead letter of the configured queue."""
    async with running(settings) as runtime:
        yield LetterDesk(runtime)


async def letters(settings: Settings, limit: int) -> LettersFound:
    """The letters that are there, all of which stay."""
    async with letter_desk(settings) as desk:
        return await desk.look(limit)


async def found_letter(settings: Settings, letter_id: str, limit: int) -> Letter:
    """One of them."""
    async with letter_desk(settings) as desk:
        return await desk.find(letter_id, limit)


async def replayed(settings: Settings, ids: Collection[str]) -> LetterRun:
    """Replay these letters, or all."""
    async with letter_desk(settings) as desk:
        return await desk.replay(ids)


async def dropped(settings: Settings, ids: Collection[str]) -> LetterRun:
    """Drop these letters, or all."""
    async with letter_desk(settings) as desk:
        return await desk.drop(ids)


def show_letters(found: Sequence[Letter], form: Form) -> None:
    """Letters a line each, or as rows of a CSV."""
    if form == "csv":
        rows = [readable(letter) for letter in found]
        cells = [[row.get(name) for name in LETTER_COLUMNS] for row in rows]
        write_csv_cells(LETTER_COLUMNS, cells)
        return
    if form == "json":
        show_json(*map(readable, found))
        return
    for letter in found:
        click.echo(summary(letter))


def summary(letter: Letter) -> str:
    """One line of ``psd dlq ls``."""
    at = utc_text(letter.first_seen_s)
    return f"{letter.id}  {at}  {letter.code}  attempts {letter.attempts}  {letter.reason}"

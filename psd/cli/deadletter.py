"""``psd dlq``: look after the messages that could not be booked.

::

    $ psd dlq ls
    0f2a6c3b1d4e5f60  2016-04-12T00:00:00Z  wrong_type  attempts 1  metric.uid: expected `int`...
    $ psd dlq show 0f2a6c3b1d4e5f60
    $ psd dlq replay 0f2a6c3b1d4e5f60      # publish the original again
    $ psd dlq drop --all

Letters are taken out of the queue to be looked at and put back at the end (see
psd/queue/deadletter.py), so two of these commands at the same time see each a part.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import click
import msgspec

from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.clock import utc_text
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import MalformedError
from psd.queue.deadletter import INSPECT_CHANNEL, DeadLetterBox, HeldLetter, Letter
from psd.runtime import open_runtime

LETTERS_DEFAULT = 1000
LETTERS_MAX = 2500
"""nsqd hands out no more than this at once (-max-rdy-count)."""

Action = Callable[[DeadLetterBox, HeldLetter], Awaitable[None]]

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, LETTERS_MAX),
    default=LETTERS_DEFAULT,
    show_default=True,
    help="Look at that many letters at most.",
)
all_option = click.option("--all", "everything", is_flag=True, help="All letters there are.")
ids_argument = click.argument("ids", nargs=-1, metavar="[ID]...")


@click.group(cls=Group)
def dlq() -> None:
    """Look after the dead letter."""


@dlq.command("ls")
@limit_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the body.")
@pass_settings
def list_letters(loaded: LoadedSettings, /, *, limit: int, as_json: bool) -> None:
    """List the letters, oldest first: id, time, code, attempts, reason."""
    for letter in asyncio.run(letters(loaded.settings, limit)):
        click.echo(as_json_line(letter) if as_json else summary(letter))


@dlq.command()
@click.argument("letter_id", metavar="ID")
@limit_option
@pass_settings
def show(loaded: LoadedSettings, /, *, letter_id: str, limit: int) -> None:
    """Show one letter with the original message.

    The body is base64 where it is not text.
    """
    found = [each for each in asyncio.run(letters(loaded.settings, limit)) if each.id == letter_id]
    if not found:
        raise click.ClickException(f"no letter {letter_id} among the first {limit}")
    for letter in found:
        for name, value in readable(letter).items():
            click.echo(f"{name:<13} {value}")


@dlq.command()
@ids_argument
@all_option
@pass_settings
def replay(loaded: LoadedSettings, /, *, ids: tuple[str, ...], everything: bool) -> None:
    """Publish the original messages to their topic again and drop the letters.

    Events that were booked already are not booked twice, except counts without an id of
    their own: those are known by the id of their message, and a replay is a new message.
    """
    check_choice(ids, everything)
    finish_with("replayed", asyncio.run(act(loaded.settings, DeadLetterBox.replay, ids)), ids)


@dlq.command()
@ids_argument
@all_option
@pass_settings
def drop(loaded: LoadedSettings, /, *, ids: tuple[str, ...], everything: bool) -> None:
    """Delete letters for good."""
    check_choice(ids, everything)
    finish_with("dropped", asyncio.run(act(loaded.settings, DeadLetterBox.drop, ids)), ids)


def check_choice(ids: tuple[str, ...], everything: bool) -> None:
    """Refuse a command line that names no letters, or some and all."""
    if bool(ids) == everything:
        raise click.UsageError("give the ids of letters, or --all")


def finish_with(verb: str, outcome: Outcome, ids: Collection[str]) -> None:
    """Say what was done; exit code 1 when something was not."""
    click.echo(f"{len(outcome.done)} {verb}", err=True)
    problems = [*outcome.failed]
    problems += [f"{each}: no such letter" for each in ids if each not in outcome.seen]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        click.get_current_context().exit(1)


class Outcome(msgspec.Struct):
    """What became of the letters that were asked for."""

    done: list[str] = []
    failed: list[str] = []
    seen: set[str] = set()


async def letters(settings: Settings, limit: int) -> list[Letter]:
    """The letters that are there; all of them stay."""
    async with dead_letter_box(settings) as box:
        return [held.letter for held in await box.take(limit)]


async def act(settings: Settings, action: Action, ids: Collection[str]) -> Outcome:
    """Do something with the letters of these ids, or with all when there are none."""
    outcome = Outcome()
    async with dead_letter_box(settings) as box:
        kept = 0
        while kept < LETTERS_MAX and (taken := await box.take(LETTERS_MAX - kept)):
            for held in taken:
                letter_id = held.letter.id
                if ids and letter_id not in ids:
                    kept += 1
                    continue
                outcome.seen.add(letter_id)
                try:
                    await action(box, held)
                except MalformedError as error:
                    outcome.failed.append(str(error))
                    kept += 1
                else:
                    outcome.done.append(letter_id)
            if ids and outcome.seen.issuperset(ids):
                break
    return outcome


@asynccontextmanager
async def dead_letter_box(settings: Settings) -> AsyncIterator[DeadLetterBox]:
    """The box of the configured queue."""
    queue_settings = msgspec.structs.replace(
        settings.queue,
        topic=settings.queue.deadletter_topic,
        channel=INSPECT_CHANNEL,
        max_in_flight=LETTERS_MAX,
    )
    runtime = await open_runtime(msgspec.structs.replace(settings, queue=queue_settings))
    try:
        async with DeadLetterBox(runtime.new_queue()) as box:
            yield box
    finally:
        await runtime.close()


def summary(letter: Letter) -> str:
    """One line of ``psd dlq ls``."""
    at = utc_text(letter.first_seen_s)
    return f"{letter.id}  {at}  {letter.code}  attempts {letter.attempts}  {letter.reason}"


def readable(letter: Letter) -> dict[str, Any]:
    """The letter for people and for JSON; without ``cut_bytes`` where nothing was cut."""
    fields = {**msgspec.structs.asdict(letter), "first_seen": utc_text(letter.first_seen_s)}
    del fields["first_seen_s"], fields["body"]
    if not letter.cut_bytes:
        del fields["cut_bytes"]
    text = letter.body.decode(errors="replace")
    # Anything else may be a sequence that takes over the terminal.
    if text.encode() == letter.body and all(c.isprintable() or c in "\n\t" for c in text):
        return {**fields, "body": text}
    return {**fields, "body_base64": base64.b64encode(letter.body).decode()}


def as_json_line(letter: Letter) -> str:
    """One line of ``psd dlq ls --json``."""
    return msgspec.json.encode(readable(letter)).decode()

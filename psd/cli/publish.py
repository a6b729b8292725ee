"""``psd publish``: put messages on the queue, one a line.

Each line is a message as workers take it, checked by the same rules before it leaves::

    {"command":"metric","metric":{"thing":"steps","uid":7,"aid":1,"value":400,"ts2":1460419200}}
    {"command":"count","count":{"thing":"signups","value":1,"ts":1460419200,"id":"s-91"}}

Lines go out as they come, so that a pipe that stays open is served as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click

from psd.cli.input_files import LINE_BYTES_MAX, NumberedLine, lines_of, opened, parts_of
from psd.cli.interrupted import going_on
from psd.cli.options import pass_settings
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import InputError, QueueUnavailableError, TooLargeError
from psd.queue.interface import PublishProgress, Queue
from psd.runtime import Runtime, open_runtime


@click.command()
@click.argument(
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    default="-",
)
@click.option(
    "--skip",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Leave out the first N lines: what an earlier try has queued.",
)
@pass_settings
def publish(loaded: LoadedSettings, /, *, file: Path, skip: int) -> None:
    """Put messages on the queue.

    FILE holds one JSON message a line, also packed by gzip; without it, or with -, standard input
    is read. A line that no worker would book is not published but reported with its number, and
    the exit code is 1; the other lines are published. Where the queue stops answering, the exit
    code is 75, and the last line says how many lines are queued and how to go on behind them.
    """
    sent = SentLines(skip)
    with opened(file) as source, going_on(lambda: how_to_go_on(sent.lines, sent.progress, skip)):
        published, refused = asyncio.run(publish_lines(loaded.settings, source, sent))
    click.echo(f"{published} published, {refused} refused", err=True)
    if refused:
        click.get_current_context().exit(1)


class SentLines:
    """The numbered lines that are sent just now, or were last; and how far they are."""

    def __init__(self, skip: int) -> None:
        self.skip = skip
        self.lines: Sequence[tuple[int, bytes]] = ()
        self.progress = PublishProgress()


async def publish_lines(settings: Settings, source: BinaryIO, sent: SentLines) -> tuple[int, int]:
    """How many lines were published and how many refused."""
    runtime = await open_runtime(settings)
    queue = runtime.new_queue()
    published = refused = 0
    portions = lines_of(parts_of(source))
    try:
        while portion := await asyncio.to_thread(next, portions, None):
            due = [numbered for numbered in portion if numbered[0] > sent.skip]
            good = [
                (numbered[0], line)
                for numbered in due
                if (line := good_line(runtime, numbered)) is not None
            ]
            await publish_portion(queue, settings.queue.topic, good, sent)
            published += len(good)
            refused += len(due) - len(good)
    finally:
        await queue.close()
        await runtime.close()
    return published, refused


async def publish_portion(
    queue: Queue, topic: str, lines: Sequence[tuple[int, bytes]], sent: SentLines
) -> None:
    """Publish numbered lines; an error says behind which line to go on."""
    if not lines:
        return
    sent.lines, sent.progress = lines, PublishProgress()
    try:
        await queue.publish(topic, [line for _, line in lines], sent.progress)
    except (QueueUnavailableError, TooLargeError) as exc:
        raise type(exc)(f"{exc}; {how_to_go_on(lines, sent.progress, sent.skip)}") from exc


def how_to_go_on(
    lines: Sequence[tuple[int, bytes]], progress: PublishProgress, skip: int = 0
) -> str:
    """``published everything before line 1241, and perhaps lines 1241 to 1304; go on with ...``."""
    numbers = [number for number, _ in lines]
    behind = numbers[-1] if numbers else skip
    first = numbers[progress.known] if progress.known < len(numbers) else behind + 1
    perhaps = ""
    if progress.unknown:
        last = numbers[progress.known + progress.unknown - 1]
        perhaps = (
            f", and perhaps lines {first} to {last}" if last > first else f", and perhaps {last}"
        )
    return f"published everything before line {first}{perhaps}; go on with --skip {first - 1}"


def good_line(runtime: Runtime, numbered: NumberedLine) -> bytes | None:
    """The line, if workers would take it; else None, and it is reported."""
    number, line = numbered
    try:
        if isinstance(line, InputError):
            raise line
        if len(line) > LINE_BYTES_MAX:
            raise TooLargeError(f"line: {len(line)} bytes; at most {LINE_BYTES_MAX} are allowed")
        # The queue's own id stands in for the id of a count that brings none.
        runtime.rules.events(line, runtime.clock.now_s(), message_id="line")
    except InputError as error:
        click.echo(f"line {number}: {error.code}: {error}", err=True)
        return None
    return line

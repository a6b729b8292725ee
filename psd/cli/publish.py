"""``psd publish``: put messages on the queue, one a line.

Each line is a message as workers take it, checked by the same rules before it leaves::

    {"command":"metric","metric":{"thing":"steps","uid":7,"aid":1,"value":400,"ts2":1460419200}}
    {"command":"count","count":{"thing":"signups","value":1,"ts":1460419200,"id":"s-91"}}

Lines go out as they come, so that a pipe that stays open is served as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import click

from psd.cli.options import pass_settings
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import InputError, QueueUnavailableError, TooLargeError
from psd.queue.base import Progress, Queue
from psd.runtime import Runtime, open_runtime

READ_BYTES = 262_144
LINE_BYTES_MAX = 1_000_000
"""nsqd refuses messages past 1 MiB by default."""


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--skip",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Leave out the first N lines: what an earlier try has queued.",
)
@pass_settings
def publish(loaded: LoadedSettings, /, *, file: BinaryIO, skip: int) -> None:
    """Put messages on the queue.

    FILE holds one JSON message a line; without it, or with -, standard input is read. A line
    that no worker would book is not published but reported with its number, and the exit
    code is 1; the other lines are published. Where the queue stops answering, the exit code
    is 75, and the last line says how many lines are queued and how to go on behind them.
    """
    published, refused = asyncio.run(publish_lines(loaded.settings, file, skip))
    click.echo(f"{published} published, {refused} refused", err=True)
    if refused:
        click.get_current_context().exit(1)


async def publish_lines(settings: Settings, source: BinaryIO, skip: int = 0) -> tuple[int, int]:
    """How many lines were published and how many refused."""
    runtime = await open_runtime(settings)
    queue = runtime.new_queue()
    published = refused = 0
    portions = numbered_portions(source)
    try:
        while portion := await asyncio.to_thread(next, portions, None):
            due = [(number, line) for number, line in portion if number > skip]
            good = [(number, line) for number, line in due if is_good(runtime, number, line)]
            await publish_portion(queue, settings.queue.topic, good)
            published += len(good)
            refused += len(due) - len(good)
    finally:
        await queue.close()
        await runtime.close()
    return published, refused


async def publish_portion(queue: Queue, topic: str, lines: Sequence[tuple[int, bytes]]) -> None:
    """Publish numbered lines; an error says behind which line to go on."""
    progress = Progress()
    try:
        await queue.publish(topic, [line for _, line in lines], progress)
    except (QueueUnavailableError, TooLargeError) as exc:
        raise type(exc)(f"{exc}; {how_to_go_on(lines, progress)}") from exc


def how_to_go_on(lines: Sequence[tuple[int, bytes]], progress: Progress) -> str:
    """``everything before line 1241 is queued, and perhaps lines 1241 to 1304; go on with ...``."""
    numbers = [number for number, _ in lines]
    first = numbers[progress.known]
    perhaps = ""
    if progress.unknown:
        last = numbers[progress.known + progress.unknown - 1]
        perhaps = (
            f", and perhaps lines {first} to {last}" if last > first else f", and perhaps {last}"
        )
    return f"everything before line {first} is queued{perhaps}; go on with --skip {first - 1}"


def is_good(runtime: Runtime, number: int, line: bytes) -> bool:
    """Whether workers would take the line; reports it if not."""
    try:
        if len(line) > LINE_BYTES_MAX:
            raise TooLargeError(f"line: {len(line)} bytes; at most {LINE_BYTES_MAX} are allowed")
        # The queue's own id stands in for the id of a count that brings none.
        runtime.rules.events(line, runtime.clock.now_s(), message_id="line")
    except InputError as error:
        click.echo(f"line {number}: {error.code}: {error}", err=True)
        return False
    return True


def numbered_portions(source: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    """The lines that are there, with their numbers from 1 on; blank lines are left out.

    Reads what a pipe has instead of waiting until a block is full.
    """
    read = getattr(source, "read1", source.read)
    number, rest = 0, b""
    while chunk := read(READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        portion = [(number + at, line.strip()) for at, line in enumerate(lines, start=1)]
        number += len(lines)
        # A line past the limit is refused whatever else it holds: keep just enough to tell.
        rest = rest[: LINE_BYTES_MAX + 1]
        if filled := [(at, line) for at, line in portion if line]:
            yield filled
    if rest.strip():
        yield [(number + 1, rest.strip())]

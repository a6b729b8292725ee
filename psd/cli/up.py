"""``psd up``: everything on this machine, with one command.

What it starts and stops is in psd/embedded/stack.py; here are its options, and what it
tells on the terminal: where it listens, lines to try, and a line of status that stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from psd.access.exposure import check_exposure, is_checked
from psd.cli.faces import FACE
from psd.cli.options import RUNNING_FILE, insecure_option, loaded_with, store_overrides
from psd.cli.sample import (
    faces_with_samples,
    leaderboard,
    load_face_sample,
    load_sample,
    sample_thing,
    show_leaderboard,
    users_and_last_week,
)
from psd.clock import utc_text
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.embedded.cluster_servers import ClusterPlan, cluster_plan
from psd.embedded.folder import DataFolder
from psd.embedded.stack import Stack, Status, running_stack
from psd.errors import StoreUnavailableError
from psd.event_loop import new_event_loop
from psd.memory import keep_what_is_there
from psd.observe.logs import configure_logging

STATUS_EVERY_S = 1.0
CLEAR_LINE = "\r\x1b[K"


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder of the embedded store.",
)
@click.option("--redis", metavar="URL", help="Use this Redis and start none.")
@click.option(
    "--cluster",
    type=click.IntRange(2, 16),
    metavar="N",
    help="Start a Redis Cluster of N masters as the store, for development.",
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on. Setting server.host.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port; 0 takes a free one.")
@click.option(
    "--face",
    "ports",
    type=FACE,
    multiple=True,
    metavar="NAME[=PORT]",
    help="Serve the site of an original too, on its own port or this one. Repeatable.",
)
@click.option("--sample", is_flag=True, help="Load what faces have to show, or examples/.")
@insecure_option
@store_overrides
@click.pass_context
def up(
    ctx: click.Context,
    /,
    *,
    data: Path,
    redis: str | None,
    cluster: int | None,
    host: str | None,
    port: int | None,
    ports: tuple[tuple[str, int], ...],
    sample: bool,
    insecure: bool | None,
    **overrides: bool | None,
) -> None:
    """Run everything on this machine: store, server and one worker.

    The store is a Redis-compatible server that is started here: the one in
    $PSD_REDIS_SERVER, or redis-server or valkey-server (6.2 or later) on PATH that no
    Python package brought, or the one of
    pointspace[embedded]. It fsyncs every write and ends with this command, however that ends.
    Interrupt to stop; a second time to stop at once.
    """
    if redis and cluster:
        raise click.UsageError("--cluster starts a store of its own: give it without --redis")
    folder = None if redis else DataFolder(data)
    plan = cluster_plan(folder, cluster or 0) if folder else None
    flags = {
        "redis.url": redis or (plan and plan.url()) or (folder and folder.url),
        "redis.sentinel": None if redis else (),
        "queue.kind": "stream",
        "server.host": host,
        "server.port": port,
        "access.insecure": insecure,
        **dict(ports),
        **{f"redis.{name}": allowed for name, allowed in overrides.items()},
    }
    loaded = load(ctx, flags, folder)
    if sample and not faces_with_samples(loaded.settings):
        sample_thing(loaded.settings)
    configure_logging(loaded.settings.log)
    warning = check_exposure(loaded.settings)
    if warning:
        click.echo(f"psd: warning: {warning}", err=True)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run(loaded.settings, folder, plan, sample=sample))


def load(ctx: click.Context, flags: dict[str, Any], folder: DataFolder | None) -> LoadedSettings:
    """The settings; the terminal belongs to the status line, so warnings are all that is logged."""
    own = RUNNING_FILE if folder is None else folder.settings
    loaded = loaded_with(ctx, flags, own)
    if folder is not None:
        folders = {"archive.folder": str(folder.archive), "imports.folder": str(folder.imports)}
        unset = [name for name in folders if loaded.sources[name] == "default"]
        flags = {**flags, **{name: folders[name] for name in unset}}
        loaded = loaded_with(ctx, flags, own)
    if loaded.sources["log.level"] != "default":
        return loaded
    return loaded_with(ctx, {**flags, "log.level": "warning"}, own)


async def run(
    settings: Settings, folder: DataFolder | None, plan: ClusterPlan | None, *, sample: bool
) -> None:
    """Run until a signal comes or a part fails; a signal also ends a start that takes long."""
    stopping = asyncio.Event()
    stop_at_signals(stopping)
    serving = asyncio.create_task(serve(settings, folder, plan, sample=sample))
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait((serving, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def serve(
    settings: Settings, folder: DataFolder | None, plan: ClusterPlan | None, *, sample: bool
) -> None:
    """Run everything until cancelled; raises what made a part fail."""
    async with running_stack(settings, folder, plan) as stack:
        keep_what_is_there()
        failed = asyncio.create_task(stack.until_failed())
        talking = asyncio.create_task(talk(stack, folder, sample=sample))
        try:
            ended, _ = await asyncio.wait((failed, talking), return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            failed.cancel()
            talking.cancel()
            await asyncio.gather(failed, talking, return_exceptions=True)
            if sys.stdout.isatty():
                click.echo(CLEAR_LINE + "stopping")


def stop_at_signals(stopping: asyncio.Event) -> None:
    """Stop in order at the first signal, at once at the second (the store ends by itself)."""

    def on_signal() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)


async def talk(stack: Stack, folder: DataFolder | None, *, sample: bool) -> None:
    """Say what there is to try, load the sample when asked to, then show the status."""
    click.echo(f"psd listens on {stack.url}")
    for name, url in stack.faces.items():
        click.echo(f"face {name} listens on {url}")
    if folder is not None:
        click.echo(f"data in {folder.path}")
    if stack.program is not None:
        version = ".".join(map(str, stack.program.version))
        click.echo(f"store: {stack.program.path}, version {version}")
    address = await load_samples(stack) if sample else ""
    click.echo(lines_to_try(stack.url, folder, checked=is_checked(stack.runtime.settings.access)))
    if address:
        click.echo(f"The board of its last week, ready to play:\n\n  {address}\n")
    while True:
        if sys.stdout.isatty():
            click.echo(CLEAR_LINE + await status_line(stack), nl=False)
        await asyncio.sleep(STATUS_EVERY_S)


async def sample_board(stack: Stack) -> str:
    """Load the sample through the queue and print who walked most; the address of that board."""
    click.echo("loading examples/fitbit_hourly_steps.csv through the queue ...")
    tally = await load_sample(stack.runtime)
    uids, week = users_and_last_week()
    status = await stack.status()
    click.echo(
        f"{tally.rows:,} hours of {len(uids)} people: {status.booked_events:,} booked, "
        f"{status.unchanged_events:,} unchanged (hours without steps, or known already)"
    )
    show_leaderboard(await leaderboard(stack.runtime, uids, week), week)
    thing = sample_thing(stack.runtime.settings)
    [name] = [name for name, id_ in stack.runtime.settings.numbers.items() if id_ == thing]
    asked = urlencode({"thing": name, "start": utc_text(week.start), "end": utc_text(week.end)})
    return f"{stack.url}/board?{asked}"


async def load_samples(stack: Stack) -> str:
    """Load what the faces have to look at, or where none has anything, the sample of examples/.

    Where that has a board, its address.
    """
    names = faces_with_samples(stack.runtime.settings)
    for name in names:
        lines = await load_face_sample(stack.runtime, name)
        click.echo(f"the sample of face {name} is loaded; try:\n")
        click.echo("\n".join(f"  {line.format(url=stack.faces[name])}" for line in lines))
    return "" if names else await sample_board(stack)


async def status_line(stack: Stack) -> str:
    """One line: what was booked, what waits, what is held."""
    try:
        return status_text(await stack.status())
    except StoreUnavailableError as error:
        return f"store away: {error}"


def status_text(status: Status) -> str:
    """``12,802 booked, 9,297 unchanged | 0 queued | store 2.4 MB``."""
    return (
        f"{status.booked_events:,} booked, {status.unchanged_events:,} unchanged | "
        f"{status.queued_messages:,} queued | "
        f"store {status.memory_bytes / 1e6:.1f} MB"
    )


def called_as() -> str:
    """How a shell calls psd: by its name where that is on PATH, else by where it is."""
    own = Path(sys.argv[0])
    found = shutil.which("psd")
    if own.name != "psd" or (found and Path(found).samefile(own)):
        return "psd"
    folder = Path.cwd()
    return shlex.quote(str(own.relative_to(folder) if own.is_relative_to(folder) else own))


def lines_to_try(url: str, folder: DataFolder | None, *, checked: bool) -> str:
    """Commands for another terminal; ``checked`` when requests must carry a token."""
    curl = "curl -H 'Authorization: Bearer TOKEN'" if checked else "curl"
    report = '{"thing":"steps","uid":7,"aid":1,"value":400,"ts1":1460444400,"ts2":1460448000}'
    lines = [
        f"{curl} {url}/v1/write -d '{report}'",
        f"{curl} {url}/v1/query/7/steps/all/1460419200/1460505599",
        f"curl {url}/readyz",
    ]
    if folder is not None:
        lines += [
            f"export PSD_CONFIG={shlex.quote(str(folder.settings))}",
            f"{called_as()} query steps 7 2016-04-12 2016-04-13",
            f"{called_as()} top steps",
        ]
    return "\nTry:\n\n" + "\n".join(f"  {line}" for line in lines) + "\n"

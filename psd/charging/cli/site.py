"""``psd charging site``: what runs where the plugs are.

::

    $ psd charging site --site s1 --device 192.168.1.7 --device 192.168.1.8:80 --nsqd 10.0.0.1:4150

It needs no Redis. What it has to say lies in the spool until nsqd has it.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from psd.charging.charging_events import site_id
from psd.charging.sites.site_running import SiteOptions, run_site
from psd.charging.sources.shelly_discovery import zeroconf
from psd.charging.wire import contracts
from psd.cli.options import loaded_with, pass_settings
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import InputError
from psd.event_loop import new_event_loop
from psd.observe.logs import configure_logging


def _site(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return site_id(value)
    except InputError as exc:
        raise click.BadParameter(str(exc)) from exc


def _devices(
    _context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    for each in value:
        host, _, port = each.partition(":")
        if not host or "/" in each or (port and not port.isdecimal()):
            raise click.BadParameter(f"{each}: expected HOST or HOST:PORT")
    return value


@click.command()
@click.option("--site", required=True, callback=_site, metavar="ID", help="The site's id.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    callback=_devices,
    metavar="HOST[:PORT]",
    help="A Shelly of the second generation; repeatable.",
)
@click.option(
    "--discover",
    is_flag=True,
    help="Look for devices by multicast DNS, too (the extra site).",
)
@click.option(
    "--spool",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("site-spool"),
    show_default=True,
    metavar="FOLDER",
    help="Where that lies which nsqd has not taken yet.",
)
@click.option(
    "--spool-mb",
    type=click.IntRange(1, 100_000),
    default=64,
    show_default=True,
    metavar="MB",
    help="More than that is not kept: the oldest goes.",
)
@click.option(
    "--nsqd",
    multiple=True,
    metavar="HOST:PORT",
    help="nsqd to talk to; repeatable. Setting queue.nsqd_addresses.",
)
@pass_settings
def site(
    _loaded: LoadedSettings,
    /,
    *,
    site: str,
    devices: tuple[str, ...],
    discover: bool,
    spool: Path,
    spool_mb: int,
    nsqd: tuple[str, ...],
) -> None:
    """Read the plugs of a site, and switch them as psd says.

    All plugs are read each charging.read_every_ms, and one that does not answer is left out. A
    relay that is on goes off by itself after charging.deadman_s, unless it is told again.
    """
    if not devices and not discover:
        raise click.UsageError("--device, or --discover: there is nothing to read")
    if discover:
        zeroconf()
    flags = {"queue.nsqd_addresses": nsqd or None}
    settings = loaded_with(click.get_current_context(), flags).settings
    configure_logging(settings.log)
    contracts()
    options = SiteOptions(site, devices, spool, spool_mb * 1_000_000, discover)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_until_signal(options, settings))


async def _until_signal(options: SiteOptions, settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_site(options, settings, stop)

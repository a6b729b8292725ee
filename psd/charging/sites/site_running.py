"""Runs a site until it is stopped: one task for each thing that it does, beside each other.

::

    await run_site(SiteOptions("s1", ("192.168.1.7:80",), Path("spool")), settings, stop)

What fails is logged and tried again at its next time: a site has nobody who could start it anew.
When it is stopped it hands over what the spool has, if nsqd answers; relays that are on go off by
themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from psd.charging.relaymanager import RelayManager
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_plugs import SitePlugs
from psd.charging.sites.site_spool import Spool
from psd.charging.sources.shelly import shellies
from psd.charging.sources.shelly_discovery import discovering
from psd.charging.wire import acknowledgements_topic, commands_topic
from psd.clock import SystemClock
from psd.config import Settings
from psd.errors import ConfigError, PsdError
from psd.queue.interface import Queue
from psd.queue.nsq_queue import NsqQueue

log = logging.getLogger("charging.site")

ANNOUNCE_S = 600
FIND_S = 30
FIND_DISCOVERED_S = 2
"""What is discovered is asked who it is so soon; where nothing is new, nobody is asked."""

FORWARD_S = 0.2
TAKEN_MAX = 20
LAST_S = 5.0


class SiteOptions(msgspec.Struct, frozen=True):
    """What is told of a site where it is started.

    One that ``discovers`` looks for devices too, on its ``interfaces``, or all.
    """

    site: str
    devices: tuple[str, ...]
    spool: Path
    spool_bytes_max: int = 64_000_000
    discovers: bool = False
    interfaces: tuple[str, ...] | None = None


async def run_site(options: SiteOptions, settings: Settings, stop: asyncio.Event) -> None:
    """Run until ``stop``; raises ConfigError, StartError for a spool that cannot be written."""
    if settings.queue.kind != "nsq":
        raise ConfigError(f"queue.kind: {settings.queue.kind}: a site talks to nsqd")
    own = settings.of(ChargingSettings)
    spool = Spool(options.spool, options.spool_bytes_max)
    async with shellies() as shelly, contextlib.AsyncExitStack() as on:
        publisher = NsqQueue(settings.queue)
        on.push_async_callback(publisher.close)
        plugs = SitePlugs([shelly(host) for host in options.devices])
        find_s = FIND_S
        if options.discovers:
            find_s = FIND_DISCOVERED_S
            await on.enter_async_context(
                discovering(lambda host: plugs.add(shelly(host)), options.interfaces)
            )
        manager = RelayManager(options.site, plugs, spool, publisher, SystemClock(), own.deadman_s)
        heard = [
            await _listening(on, settings, topic, options.site)
            for topic in (commands_topic(options.site), acknowledgements_topic(options.site))
        ]
        tasks = [
            _every(own.read_every_ms / 1000, "read", manager.read),
            _every(FORWARD_S, "forward", manager.forward),
            _every(own.deadman_s / 3, "renew", manager.renew),
            _every(ANNOUNCE_S, "announce", manager.announce),
            _every(find_s, "find", _finding(plugs, manager)),
            _hearing(heard[0], manager.obey),
            _hearing(heard[1], _acknowledging(manager)),
        ]
        await _until(stop, tasks)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(manager.forward(), LAST_S)


async def _listening(
    on: contextlib.AsyncExitStack, settings: Settings, topic: str, site: str
) -> Queue:
    queue = msgspec.structs.replace(settings.queue, topic=topic, channel=site)
    made = NsqQueue(queue)
    on.push_async_callback(made.close)
    await made.start()
    return made


def _finding(plugs: SitePlugs, manager: RelayManager) -> Callable[[], Awaitable[object]]:
    async def find() -> None:
        if await plugs.find():
            manager.is_acknowledged = False
            await manager.announce()

    return find


def _acknowledging(manager: RelayManager) -> Callable[[bytes], Awaitable[object]]:
    async def acknowledge(_body: bytes) -> None:
        manager.is_acknowledged = True

    return acknowledge


async def _until(stop: asyncio.Event, running: Sequence[Awaitable[None]]) -> None:
    """Run all until ``stop``, or until one fails as it never should."""
    tasks = [asyncio.ensure_future(each) for each in [*running, _stopped(stop)]]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stopped(stop: asyncio.Event) -> None:
    await stop.wait()


async def _every(seconds: float, what: str, act: Callable[[], Awaitable[object]]) -> None:
    """Do something at once and then each so many seconds, however long it takes."""
    loop = asyncio.get_running_loop()
    next_s = loop.time()
    while True:
        await _tried(what, act())
        next_s = max(next_s + seconds, loop.time())
        await asyncio.sleep(next_s - loop.time())


async def _hearing(queue: Queue, act: Callable[[bytes], Awaitable[object]]) -> None:
    """Take what is said on a topic; it is finished whatever it comes to."""
    while messages := await queue.receive(TAKEN_MAX, 0):
        for message in messages:
            await _tried("obey", act(message.body))
        await queue.finish(messages)


async def _tried(what: str, doing: Awaitable[object]) -> None:
    """Whatever goes wrong with devices, disk or queue is over at the next time."""
    try:
        await doing
    except (PsdError, OSError) as error:
        log.warning("%s: %s", what, error)

"""Finds Shelly devices in the network of a site, by multicast DNS.

::

    async with discovering(found.append): ...
    "192.168.1.7:80" is told once, when the device says that it is there, or answers that it is

Devices of the second generation tell of ``_shelly._tcp.local.``, older firmware of
``_http._tcp.local.`` alone, under a name that begins with "shelly". Whoever is found is asked by
its own RPC who it is, so a name proves nothing. It needs the extra ``site``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

from psd.errors import ConfigError

log = logging.getLogger("charging.site")

SERVICES = ("_shelly._tcp.local.", "_http._tcp.local.")
NAMED = "shelly"
ANSWER_MS = 3_000
RPC_PORT = 80

Found = Callable[[str], None]


def zeroconf() -> tuple[Any, Any]:
    """The library's modules; raises ConfigError where the extra is not installed."""
    try:
        return import_module("zeroconf"), import_module("zeroconf.asyncio")
    except ImportError as exc:
        raise ConfigError("--discover: pip install 'pointspace[site]' brings zeroconf") from exc


def is_shelly(service: str, name: str) -> bool:
    """Whether an announcement may be a Shelly's."""
    return service == SERVICES[0] or name.casefold().startswith(NAMED)


def host_of(addresses: Sequence[str], port: int | None) -> str | None:
    """Where a device is asked, by the first IPv4 address that it told; None without one."""
    v4 = [each for each in addresses if ":" not in each]
    return f"{v4[0]}:{port or RPC_PORT}" if v4 else None


@asynccontextmanager
async def discovering(found: Found, interfaces: Sequence[str] | None = None) -> AsyncIterator[None]:
    """Tell of each device once, for as long as this lasts; on all interfaces unless told."""
    plain, asynchronous = zeroconf()
    told: set[str] = set()
    asking: set[asyncio.Task[None]] = set()
    on = {} if interfaces is None else {"interfaces": list(interfaces)}
    network = asynchronous.AsyncZeroconf(ip_version=plain.IPVersion.V4Only, **on)

    async def ask(service: str, name: str) -> None:
        info = asynchronous.AsyncServiceInfo(service, name)
        if not await info.async_request(network.zeroconf, ANSWER_MS):
            return
        host = host_of(info.parsed_addresses(), info.port)
        if host is not None and host not in told:
            told.add(host)
            log.info("found %s at %s", name, host)
            found(host)

    def heard(zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        if state_change is not plain.ServiceStateChange.Removed and is_shelly(service_type, name):
            task = asyncio.ensure_future(ask(service_type, name))
            asking.add(task)
            task.add_done_callback(asking.discard)

    browser = asynchronous.AsyncServiceBrowser(network.zeroconf, list(SERVICES), handlers=[heard])
    try:
        yield
    finally:
        await browser.async_cancel()
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await network.async_close()

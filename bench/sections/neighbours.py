"""(n) Neighbours: the p99 of a stranger's sum while others send the heaviest that they may.

Four connections send one request over and over, each as heavy as the limits allow; eight steady
clients ask for a sum of somebody else (bench/sections/slowloris.py). Every route is walked once,
those of domains, pages and faces too (tests/support/heaviest has the request of each); then those
beside which a stranger waited longest, and three that were the worst once, are measured by turns
with a quiet server. An answer that says that psd failed ends the run; no Stripe is there, and what
asks for one is told so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import ClientSession

from bench.figures import Row, Target, interleaved
from bench.model import WrongAnswerError
from bench.processes import free_port, redis_server
from bench.sections.http import psd_server
from bench.sections.slowloris import p99_ms
from bench.workbench import Workbench
from psd.access.pages.page_users import PageUsers
from psd.access.pages.sessions import Sessions
from psd.config_sources import environment_name, load_settings
from psd.runtime import Runtime, open_runtime
from server.faces import faces, port_setting
from server.pages.cookies import SESSION
from tests.support.charging.yard import yard
from tests.support.clients.http import client_of
from tests.support.heaviest.energy_requests import DAYS
from tests.support.heaviest.heavy_domains import OBJECTS, heavy_meters, heavy_network, heavy_site
from tests.support.heaviest.heavy_owners import heavy_owner, heavy_weeks
from tests.support.heaviest.hog import EVERY, Hog

CONNECTIONS = 4
BOOKINGS = 6_000
WEEKS = 8
BATCH = 500
WALK_SECONDS = 2
WORST = 3
ALWAYS = (
    "POST /v3/events",
    "POST /v3/series",
    "POST /v1/mumt_query/{atid}/{start}/{end}",
)
TARGET = Target("<=", 50.0, 50.0, of="psd")
FAILED = 500
OF_STRIPE = ("/topup/", "/manage/")
PLUGS, SESSIONS, SWAPS, METERS = 1_000, 2_000, 1_000, 500
USER = "hog"


async def run(bench: Workbench) -> None:
    """p99 in milliseconds: quiet, and beside each of the heaviest."""
    log = bench.folder("neighbours.log")
    with redis_server(bench.folder("neighbours")) as socket:
        hog = await fill(socket)
        ports = {port_setting(faces()[face]): free_port() for face in faces()}
        own = {environment_name(name): str(port) for name, port in ports.items()}
        own["PSD_CHARGING_ENABLED"] = "true"
        with psd_server(socket, log, more=own) as url:
            async with client_of(url) as client:
                await hog.sign_in(client)
            beside = Beside(hog, url, dict(zip(faces(), ports.values(), strict=True)))
            walked = {name: await beside.p99(name, WALK_SECONDS)() for name in EVERY}
            worst = sorted(walked, key=lambda name: -walked[name])
            chosen = dict.fromkeys([*worst[:WORST], *ALWAYS])
            seconds = bench.sizes.slow_seconds
            taken = await interleaved(
                bench.sizes.repetitions,
                {name: beside.p99(name, seconds) for name in ("", *chosen)},
            )
    for name in chosen:
        told = f"p99 of a stranger's sum beside {CONNECTIONS} x {name}"
        bench.add(Row("n", told, "ms", taken[name], "none of them", taken[""], TARGET))
    bench.notes.append(
        "n, each route once: "
        + ", ".join(f"{name.partition('{')[0]} {walked[name]:.0f}" for name in worst[:12])
        + f"; the other {len(worst) - 12} less."
    )


async def fill(socket: Path) -> Hog:
    """What the requests are heavy about, and who sends them: somebody who is signed in to pages."""
    own = {
        "redis.url": f"unix://{socket}",
        "redis.durability": "fast",
        "queue.kind": "stream",
        "charging.enabled": True,
    }
    psd = await open_runtime(load_settings(flags=own).settings, archiving=False)
    try:
        events = list(heavy_owner(BOOKINGS))
        for at in range(0, len(events), BATCH):
            await psd.engine.book(events[at : at + BATCH])
        await heavy_weeks(psd, WEEKS)
        await yard(psd)
        await heavy_site(psd, PLUGS, SESSIONS)
        await heavy_network(psd, OBJECTS, SWAPS)
        await heavy_meters(psd, METERS, DAYS)
        return Hog({}, f"{SESSION}={await signed_in(psd)}")
    finally:
        await psd.close()


async def signed_in(psd: Runtime) -> str:
    """A session of somebody who may everything."""
    await psd.page_deciding.add(USER, "a long password", ["admin"])
    users = PageUsers(psd.store)
    user = await users.find(USER)
    assert user is not None, "it was added just now"
    sessions = Sessions(psd.store, users, psd.settings.pages, psd.clock)
    session, _ = await sessions.begin(USER, user, remembered=True)
    return session.token


class Beside:
    """Measures beside somebody's requests; ``ports`` are those of faces."""

    def __init__(self, hog: Hog, url: str, ports: dict[str, int]) -> None:
        self._hog = hog
        self._url = url
        self._ports = ports

    def p99(self, name: str, seconds: int) -> Callable[[], Awaitable[float]]:
        """A measurement of the p99 beside this request; without a name, of a quiet server."""

        async def once() -> float:
            async with self._sending(name):
                return await p99_ms(self._url, seconds)

        return once

    @contextlib.asynccontextmanager
    async def _sending(self, name: str) -> AsyncIterator[None]:
        """Requests on all connections, until it is left."""
        senders = [asyncio.create_task(self._send(name)) for _ in range(CONNECTIONS if name else 0)]
        try:
            yield
        finally:
            for sender in senders:
                if sender.done():
                    sender.result()
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)

    async def _send(self, name: str) -> None:
        """One connection: the next request as soon as the one before is answered, or may be."""
        method, each, shown = self._hog.asked(name)
        face = name.rpartition(": ")[0]
        at = f"http://127.0.0.1:{self._ports[face]}" if face else self._url
        body = each.content or None
        headers = {**shown, **({"Content-Type": each.content_type} if body else {})}
        async with ClientSession() as session:
            while True:
                async with session.request(
                    method, at + each.path, data=body, headers=headers, allow_redirects=False
                ) as told:
                    await told.read()
                    if told.status == FAILED and not each.path.startswith(OF_STRIPE):
                        raise WrongAnswerError(f"{name} is answered {told.status}")
                    wait_s = float(told.headers.get("Retry-After", 0))
                await asyncio.sleep(wait_s)

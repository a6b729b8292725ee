"""A site of simulated plugs over an empty store, whose hours pass when they are told to.

>>> async with charging_yard(redis_server.url, tmp_path) as yard:
...     await yard.paid("u1", 2000)
...     yard.drive_in(0, CarLoad(40_000, 0, 10.0))
...     await yard.seconds(60)

What the site says is kept at once, and what it is told it hears at once: its topics are here, and
everything else is psd's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.charging.charging_changes import Announcement, PlugRequest
from psd.charging.charging_events import announcement, command_result, telemetry
from psd.charging.part import ChargingPart
from psd.charging.relaymanager import RelayManager
from psd.charging.sites.site_plugs import SitePlugs
from psd.charging.sites.site_spool import Spool
from psd.charging.sources.shelly import Shelly
from psd.charging.wire import COMMAND_RESULTS, NEW_DEVICES, TELEMETRY, commands_topic
from psd.clock import ManualClock
from psd.engine.event_rules import rules_of
from psd.runtime import Runtime
from psd.store.keys import stream_key
from server.simulation.car_loads import CarLoad
from server.simulation.fake_shelly import FakeShelly
from tests.support.clients.http import HttpClient, serving
from tests.support.clients.pages import Browser
from tests.support.engine import engine_on

NOON_S = 1_723_939_200
"""2024-08-18 00:00:00 UTC, a Sunday."""

MAC = "A" * 12
FUSE = f"shellyfuze:{MAC}"
READERS = {
    TELEMETRY: telemetry,
    COMMAND_RESULTS: command_result,
    NEW_DEVICES: announcement,
}


class ChargingYard:
    """A running server, the site ``s1``, its device, and a browser at the pages of charging."""

    def __init__(
        self,
        psd: Runtime,
        clock: ManualClock,
        main: HttpClient,
        browser: Browser,
        device: FakeShelly,
    ) -> None:
        self.psd, self.clock, self.main, self.browser = psd, clock, main, browser
        self.device = device
        self.part = psd.part(ChargingPart)
        self._rules = rules_of(psd.settings)
        self._heard = "-"

    def plug(self, number: int) -> str:
        """The id of a relay."""
        return f"shelly:{MAC}:{number}"

    def page(self, number: int) -> str:
        """The path of its page."""
        return f"/plugs/shelly%3A{MAC}%3A{number}/"

    def drive_in(self, number: int, load: CarLoad | None) -> None:
        """A car is plugged in, or None drives away."""
        self.device.switches[number].load = load

    async def start(self, folder: Path, session: aiohttp.ClientSession) -> None:
        """The site announces its plugs, and each of them is nobody's."""
        plugs = SitePlugs([Shelly(self.device.host, session)])
        self.manager = RelayManager("s1", plugs, Spool(folder, 1_000_000), self, self.clock, 180)
        await self.manager.announce()
        await self.seconds(4)

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        """What the site says is kept."""
        [follower] = self.part.followers
        for body in bodies:
            events = READERS[topic](body, self.clock.now_s(), "", self._rules)
            outcomes = await follower.keep(events)
            assert all(each.error is None for each in outcomes), outcomes

    async def seconds(self, count: int) -> None:
        """Seconds pass: the site reads each other one, and does what it is told."""
        for _ in range(count):
            self.clock.advance(1)
            if self.clock.now_s() % 2 == 0:
                await self.manager.read()
            await self._obey()
            await self.manager.forward()
            store, now_ms = self.part.services.store, self.clock.now_ms()
            await self.part.services.clock.look(await store.due(["s1"], now_ms), now_ms)

    async def paid(self, customer: str, cents: int) -> None:
        """An account with money."""
        await self.part.desk.begin(customer)
        if cents:
            now_ms = self.clock.now_ms()
            entry = LedgerEntry(id=f"pi/{customer}", kind="topup_manual", cents=cents, at_ms=now_ms)
            await self.part.desk.post(customer, entry)

    async def ask(self, number: int, customer: str, wanted: str = "enable") -> None:
        """A customer asks a plug for something."""
        now_s, now_ms = self.clock.now_s(), self.clock.now_ms()
        id_ = f"{customer} {wanted} {now_ms}"
        wish = PlugRequest(now_s, id_, self.plug(number), customer, wanted, now_ms)
        [outcome] = await self.part.followers[0].keep([wish])
        assert outcome.error is None, outcome

    async def announce(self, site: str) -> None:
        """Another site has a plug."""
        told = Announcement(self.clock.now_s(), site, (f"{site}-p1",), ())
        await self.part.followers[0].keep([told])

    async def user(self, name: str, *owners: str, writes: bool = True) -> None:
        """Somebody who may sign in, whose password is ``secret``."""
        scopes = ["read", "write"] if writes else ["read"]
        await self.psd.page_deciding.add(name, "secret", scopes, owners)

    async def set(self, name: str, /, **values: str | int) -> None:
        """Set something of ``site``, ``fuse:<fuse>`` or ``plug:<plug>``."""
        await self.part.services.store.set("s1", name, values)

    async def _obey(self) -> None:
        key = stream_key(commands_topic("s1"))
        start = self._heard if self._heard == "-" else f"({self._heard}"
        told: Any = await self.psd.store.client.xrange(key, start)
        for id_, fields in told:
            self._heard = id_.decode()
            await self.manager.obey(fields[b"b"])


@asynccontextmanager
async def charging_yard(
    url: str, folder: Path, settings: Mapping[str, Any] | None = None, switches: int = 3
) -> AsyncIterator[ChargingYard]:
    """A yard with a user ``amp`` whose password is ``secret``, and plugs behind one fuse."""
    clock = ManualClock(NOON_S)
    flags = {"charging.enabled": True, "queue.kind": "stream", **(settings or {})}
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        psd = await enter(engine_on(url, flags, clock))
        main = await enter(serving(psd))
        browser = await enter(Browser(f"{main.url}/charging"))
        device = await enter(FakeShelly(clock, mac=MAC, switches=switches))
        yard = ChargingYard(psd, clock, main, browser, device)
        await yard.user("amp")
        await yard.start(folder, await enter(aiohttp.ClientSession()))
        yield yard

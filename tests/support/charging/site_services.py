"""What a worker does of one site, in the test's own process, beside others if they are wanted.

>>> async with yard_on(redis_url, "p1", "p2") as yard:
...     await yard.charge("p1")
...     await yard.tick(60, p1=10)
>>> (await yard.plug("p1")).place
<PlugState.CHARGING>
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

from msgspec.structs import replace

from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.charging.charging_changes import (
    Announcement,
    CommandResult,
    PlugRequest,
    PlugTaken,
    Telemetry,
)
from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.charging_services import ChargingServices
from psd.charging.part import ChargingPart
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_readings import PlugReading
from psd.charging.plugs.states import RequestStatus
from psd.charging.settings import ChargingSettings
from psd.charging.wire import contracts, unpacked
from psd.clock import ManualClock
from psd.errors import QueueUnavailableError
from psd.observe.metrics import Metrics
from psd.runtime import Runtime
from tests.support.engine import engine_on

NOON_S = 1_723_939_200
SITE = "s1"
CENTS = 5000


class Yard:
    """One process's services of a site, with a queue that can be away, and a clock."""

    def __init__(self, psd: Runtime, clock: ManualClock, **settings: Any) -> None:
        self.psd = psd
        self.clock = clock
        self.desk = psd.part(ChargingPart).desk
        self.published: list[tuple[str, bytes]] = []
        self.queue_is_away = False
        ids = itertools.count(1)
        core = replace(psd.core, metrics=Metrics())
        self.services = ChargingServices(
            core,
            ChargingSettings(**settings),
            self.desk,
            self.publish,
            lambda: f"{id(self)}-{next(ids)}",
            ChargingMetrics(core.metrics),
            lambda _site, _plug, _moved: None,
            f"{id(self)}",
        )
        self.sites, self.store = self.services.sites, self.services.store
        self.requests = itertools.count(1)

    async def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        if self.queue_is_away:
            raise QueueUnavailableError("nsqd: away")
        self.published += [(topic, body) for body in bodies]

    async def plug(self, name: str) -> Plug:
        return (await self.store.view(SITE)).plugs[name]

    async def tick(self, seconds: int = 1, **amps: float) -> None:
        """Seconds, with a reading of each plug that is named in each of them."""
        for _ in range(seconds):
            self.clock.advance(1)
            if amps:
                await self.read(None, **amps)
            await self.look()

    async def read(self, at_s: int | None = None, **amps: float) -> dict[str, int]:
        ms = (self.clock.now_s() if at_s is None else at_s) * 1000
        taken = [
            PlugTaken(name, PlugReading(ms, round(each * 1000), 240_000), 1, 1.0, "f1")
            for name, each in amps.items()
        ]
        return await self.sites.take(Telemetry(ms // 1000, SITE, tuple(taken)))

    async def look(self) -> None:
        now_ms = self.clock.now_ms()
        await self.services.clock.look(await self.store.due([SITE], now_ms), now_ms)

    async def ask(self, name: str, wish: str = "enable", user: str = "u1") -> RequestStatus:
        request = PlugRequest(
            self.clock.now_s(), f"r{next(self.requests)}", name, user, wish, self.clock.now_ms()
        )
        return RequestStatus((await self.sites.request(request)).status)

    async def answer(self, name: str) -> bool:
        """As a site that did what it was told."""
        plug = await self.plug(name)
        return await self.sites.answer(
            CommandResult(
                self.clock.now_s(),
                SITE,
                name,
                plug.command_id,
                plug.command_on,
                self.clock.now_ms(),
            )
        )

    async def charge(self, *names: str, amps: float = 10) -> None:
        """Plugs charge, each for a user of its name."""
        for name in names:
            await self.ask(name, user=f"u{name[1:]}")
        await self.tick(5)
        for name in names:
            await self.answer(name)
        await self.tick(2, **dict.fromkeys(names, amps))

    async def finish(self, name: str) -> None:
        await self.ask(name, "disable", f"u{name[1:]}")
        await self.tick(1, **{name: 0.0})
        await self.answer(name)

    async def balance(self, customer: str = "u1") -> int:
        return (await self.desk.account(customer)).balance_cents

    def commands(self) -> list[Any]:
        return [
            unpacked(body, contracts().LocalStateRequest)
            for topic, body in self.published
            if topic == f"commands_{SITE}"
        ]


@contextlib.asynccontextmanager
async def yard_on(url: str, *names: str, **settings: Any) -> AsyncIterator[Yard]:
    """A yard whose plugs nobody has; each has a user with money."""
    clock = ManualClock(NOON_S)
    async with engine_on(url, clock=clock) as psd:
        yard = Yard(psd, clock, **settings)
        await yard.sites.announce(Announcement(NOON_S, SITE, names, ("f1",)))
        for name in names:
            await yard.desk.begin(f"u{name[1:]}")
            entry = LedgerEntry(id="opening/1", kind="opening", cents=CENTS, at_ms=NOON_S * 1000)
            await yard.desk.post(f"u{name[1:]}", entry)
        await yard.tick()
        yield yard

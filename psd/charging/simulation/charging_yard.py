"""A yard of plugs behind one fuse, cars that come and go, and what they pay: second by second.

Whatever sites, users and Stripe say goes the way that it goes in earnest: packed messages, the one
door, scripts, the outbox, signed webhooks. Time is the yard's own, so an hour takes seconds::

    async with ChargingYard.on(runtime, clock, YardOptions(plugs=8, cars=12), folder) as yard:
        while not yard.is_over:
            await yard.second()
    yard.times_over          how often the fuse was over its limit
    yard.longest_over_s      and for how many seconds without a break
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec

from psd.charging.accounts.customer_accounts import AutoTopup
from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.charging.charging_changes import PlugRequest
from psd.charging.fuses import FuseBoard
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.states import PlugState, RequestStatus
from psd.charging.settings import ChargingSettings
from psd.charging.simulation.charging_cars import (
    THRIFTY_AMPS,
    PlannedCar,
    is_dear,
    planned_cars,
)
from psd.charging.simulation.charging_site import SimulatedSite
from psd.charging.simulation.charging_worker import ChargingWorker
from psd.clock import ManualClock
from psd.runtime import Runtime
from server.simulation.car_loads import CarLoad
from server.simulation.fake_stripe import FakeStripe

SITE, FUSE = "yard", "main"
PLUG_AMPS = 16
BATTERY_WH = 40_000
SECRET = "whsec_simulated"
MAIL = "@example.com"
CARDS = {"card": "pm_card_visa", "declined": "pm_card_chargeCustomerFail"}
TOPUP = AutoTopup(enabled=True, threshold_cents=1_000, recharge_value_cents=2_000)


class YardOptions(msgspec.Struct, frozen=True):
    """What a yard is like."""

    plugs: int = 8
    fuse_amps: int = 32
    cars: int = 12
    seed: int = 1
    thrifty_share: float = 0.0

    @property
    def of_cars(self) -> tuple[int, int, int, float]:
        """What its cars are made of."""
        return self.cars, self.plugs, self.seed, self.thrifty_share


class ParkedCar(msgspec.Struct):
    """A car at a plug, and its session's beginning."""

    plan: PlannedCar
    since_s: int
    charging_since_s: int = 0
    is_leaving: bool = False


class ChargingYard:
    """One yard, on an empty store."""

    def __init__(
        self, runtime: Runtime, clock: ManualClock, options: YardOptions, folder: Path
    ) -> None:
        self.clock = clock
        self.options = options
        self.settings = ChargingSettings(enabled=True)
        self.cars = planned_cars(*options.of_cars)
        self.waiting: list[PlannedCar] = []
        self.parked: dict[str, ParkedCar] = {}
        self.gone = self.passed_s = self.over_s = self.longest_over_s = self.times_over = 0
        self.worker: ChargingWorker
        self.stripe: FakeStripe
        self.states: Mapping[str, Plug] = {}
        self._runtime = runtime
        self._site = SimulatedSite(SITE, options.plugs, clock, folder / "spool", self.settings)
        self._coming = list(self.cars)
        self._handed = 0
        self._requests = itertools.count(1)

    @classmethod
    @contextlib.asynccontextmanager
    async def on(
        cls, runtime: Runtime, clock: ManualClock, options: YardOptions, folder: Path
    ) -> AsyncIterator[Self]:
        """A yard with its Stripe; its plugs and customers are known."""
        yard = cls(runtime, clock, options, folder)
        async with FakeStripe(clock, webhook_secrets=(SECRET,)) as stripe:
            yard.stripe = stripe
            yard.settings = ChargingSettings(
                enabled=True,
                stripe_url=stripe.url,
                stripe_key=stripe.key,
                stripe_webhook_secrets=SECRET,
            )
            yard.worker = ChargingWorker(runtime, yard.settings, yard._publish)
            try:
                await yard._begin()
                yield yard
            finally:
                await yard.worker.close()

    @property
    def is_over(self) -> bool:
        """Whether every car has come and gone."""
        return self.gone == len(self.cars)

    @property
    def amps(self) -> float:
        """What flows through the fuse."""
        return self._site.amps()

    @property
    def delivered_wh(self) -> float:
        """What the devices' registers show."""
        return self._site.delivered_wh()

    @property
    def sheds(self) -> int:
        """Plugs that the fuse has shed."""
        [metric] = self.worker.part.services.metrics.steps.shed.collect()
        return round(sum(each.value for each in metric.samples if each.name.endswith("_total")))

    def plug_amps(self, plug: str) -> float:
        """What a plug delivers."""
        return self._site.switches[plug].amps()

    @property
    def plugs(self) -> Sequence[str]:
        """All plugs, in their order."""
        return list(self._site.switches)

    async def board(self) -> FuseBoard:
        """The fuse, and who waits for it."""
        view = await self.worker.part.services.store.view(SITE)
        return view.board(self.clock.now_ms(), self.settings.settle_s * 1000)

    async def money_of(self, customer: str, plug: str) -> tuple[str, str]:
        """What a customer has, and what a plug's session has come to, as texts."""
        part, known = self.worker.part, self.states[plug]
        balance = (await part.desk.account(customer)).balance_cents
        since_ms, now_ms = known.session_start_ms, self.clock.now_ms()
        sessions, cents = part.services.sessions, 0
        if since_ms:
            cents = (await sessions.so_far(SITE, plug, since_ms, now_ms)).cents
        return str(balance), str(cents)

    def paid_cents(self) -> dict[str, int]:
        """What Stripe has got of each customer."""
        payers = {
            each["id"]: each["email"].removesuffix(MAIL)
            for each in self.stripe.objects.listed("customer")
        }
        found: dict[str, int] = {}
        for intent in self.stripe.objects.listed("payment_intent"):
            if intent["status"] == "succeeded":
                payer = payers[intent["customer"]]
                found[payer] = found.get(payer, 0) + intent["amount_received"]
        return found

    async def second(self) -> None:
        """A second passes."""
        self.clock.advance(1)
        self.passed_s += 1
        while self._coming and self._coming[0].arrives_s <= self.passed_s:
            self.waiting.append(self._coming.pop(0))
        await self._park()
        self._heed_price()
        await self._site.second()
        await self._hear()
        await self.worker.tick()
        await self._site.obey()
        await self._hear()
        await self._pay()
        self.states = await self.worker.part.services.store.plugs(SITE)
        await self._leave()
        self._watch_fuse()

    async def _begin(self) -> None:
        await self._site.begin()
        await self._hear()
        limit = self.options.fuse_amps
        await self._set("fuse", {"site_id": SITE, "id": FUSE, "current_limit": limit})
        for plug in self.plugs:
            fields = {"id": plug, "current_limit": PLUG_AMPS, "fuze_id": FUSE}
            await self._set("plug", {"site_id": SITE, **fields})
        for car in self.cars:
            await self._begin_account(car)
        self.states = await self.worker.part.services.store.plugs(SITE)

    async def _set(self, what: str, fields: dict[str, object]) -> None:
        command = f"{what}_settings"
        await self.worker.set(msgspec.json.encode({"command": command, command: fields}))

    async def _begin_account(self, car: PlannedCar) -> None:
        desk = self.worker.part.desk
        account = await desk.begin(car.name, f"{car.name}{MAIL}")
        opening = LedgerEntry(
            id="opening/1",
            kind="opening",
            cents=car.opening_cents,
            at_ms=self.clock.now_ms(),
            note="simulated",
        )
        await desk.post(car.name, opening)
        if car.wallet in CARDS:
            self.stripe.objects.attach(CARDS[car.wallet], {"customer": account.stripe_id})
            await desk.set_topup(car.name, TOPUP)
        await self._pay()

    async def _publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        self._site.told(topic, bodies)

    async def _hear(self) -> None:
        for topic, body in self._site.heard.taken():
            for outcome in await self.worker.take(topic, body):
                if outcome.error is not None:
                    raise outcome.error

    async def _pay(self) -> None:
        """Hand over what Stripe has to say."""
        events = self.stripe.events[self._handed :]
        self._handed = len(self.stripe.events)
        for event in events:
            await self.worker.take_webhook(msgspec.json.encode(event), SECRET)

    async def _park(self) -> None:
        """Whoever waits longest takes the first plug that is free."""
        for plug in self.plugs:
            if not self.waiting:
                return
            if plug in self.parked or not self._is_free(plug):
                continue
            car = self.waiting.pop(0)
            charged_wh = float(BATTERY_WH - car.wanted_wh)
            load = CarLoad(BATTERY_WH, charged_wh, car.amps, tapers_at=0.999)
            self._site.plug_in(plug, load)
            self.parked[plug] = ParkedCar(car, self.passed_s)
            if not await self._wish(plug, car.name, "enable"):
                self._drive_off(plug)

    def _heed_price(self) -> None:
        """Thrifty cars draw as much as they want to pay for."""
        held_to = THRIFTY_AMPS if is_dear(self.passed_s) else None
        for plug, car in self.parked.items():
            load = self._site.switches[plug].load
            if load is not None and car.plan.is_thrifty:
                load.held_to_amps = held_to

    def _is_free(self, plug: str) -> bool:
        known = self.states.get(plug)
        return known is not None and known.place is PlugState.ACCOUNT_NULL

    async def _leave(self) -> None:
        """Cars go whose session has ended, and those that want no more say so."""
        for plug, car in list(self.parked.items()):
            known = self.states[plug]
            if known.place is PlugState.ACCOUNT_NULL:
                self._drive_off(plug)
                continue
            if known.place is PlugState.CHARGING and not car.charging_since_s:
                car.charging_since_s = self.passed_s
            after_s = car.plan.leaves_after_s
            is_enough = after_s is not None and car.charging_since_s > 0
            if is_enough and not car.is_leaving and after_s is not None:
                passed_s = self.passed_s - car.charging_since_s
                if passed_s >= after_s:
                    car.is_leaving = await self._wish(plug, car.plan.name, "disable")

    def _drive_off(self, plug: str) -> None:
        del self.parked[plug]
        self._site.unplug(plug)
        self.gone += 1

    async def _wish(self, plug: str, customer: str, wanted: str) -> bool:
        now_ms = self.clock.now_ms()
        id_ = f"r{next(self._requests)}"
        asked = PlugRequest(now_ms // 1000, id_, plug, customer, wanted, now_ms)
        return (await self.worker.ask(asked)).status == RequestStatus.SUCCESS

    def _watch_fuse(self) -> None:
        is_over = self.amps > self.options.fuse_amps
        self.over_s = self.over_s + 1 if is_over else 0
        self.times_over += self.over_s == 1
        self.longest_over_s = max(self.longest_over_s, self.over_s)

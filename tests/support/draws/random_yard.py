"""A site whose messages come twice, late and in any order to workers; plain Python looks on.

What it says and does is drawn; the oracle (tests/support/plain/plain_charging.py) is told what was
said, never what became of it::

    yard = RandomYard(workers, clock, rng, plugs=3)
    await yard.begin()
    await yard.live(seconds=200)      sessions begin and end, customers pay, everything repeats
    await yard.settle()               what is on its way comes; nothing is left to be done
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence
from typing import Any

import msgspec

from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.charging.charging_changes import PlugRequest
from psd.charging.plugs.states import RequestStatus
from psd.charging.simulation.charging_worker import ChargingWorker
from psd.charging.wire import (
    COMMAND_RESULTS,
    NEW_DEVICES,
    OFF,
    ON,
    TELEMETRY,
    contracts,
    packed,
    unpacked,
)
from psd.clock import ManualClock
from psd.errors import StoreUnavailableError
from tests.support.plain.plain_charging import PlainCharging

SITE = "s1"
SECRET = "whsec_a"
OPENING_CENTS = 50_000
VOLTS = 230.4
LATE_S = (0, 0, 0, 1, 3, 20, 130)
REPEATS = (1, 1, 2, 3)
SETTLED_TICKS = 12


class RandomYard:
    """One site; each of its plugs has one customer after the other."""

    def __init__(
        self,
        workers: Sequence[ChargingWorker],
        clock: ManualClock,
        rng: random.Random,
        plugs: int,
    ) -> None:
        self.plain = PlainCharging()
        self.plugs = [f"p{number}" for number in range(1, plugs + 1)]
        self.customers = [f"u{number}" for number in range(1, plugs + 2)]
        self.overtaken = 0
        self.workers = workers
        self._clock = clock
        self._rng = rng
        self._amps: dict[str, float] = {}
        self.began: dict[str, tuple[str, str, int]] = {}
        self._coming: list[tuple[int, str, bytes]] = []
        self._answers: dict[bytes, str] = {}
        self._numbers = itertools.count(1)

    async def begin(self) -> None:
        """Plugs are announced, and everybody has money."""
        said = contracts().DeviceAnnouncement(site_id=SITE, plug_ids=self.plugs, fuze_ids=["f1"])
        await self._any().take(NEW_DEVICES, packed(said))
        desk = self._any().part.desk
        for customer in self.customers:
            await desk.begin(customer)
            await desk._posting.tell(customer, stripe_id=f"cus_{customer}")
            at_ms = self._clock.now_ms()
            opening = LedgerEntry(id="opening/1", kind="opening", cents=OPENING_CENTS, at_ms=at_ms)
            await desk.post(customer, opening)
            self.plain.post(customer, opening.id, OPENING_CENTS)

    async def live(self, seconds: int) -> None:
        """Time passes, and somebody does something in each second of it."""
        for _ in range(seconds):
            self._clock.advance(1)
            if self._clock.now_s() % 2 == 0:
                self._read()
            for plug in self.plugs:
                await self._somebody(plug)
            if self._rng.random() < 0.05:
                await self._pay()
            await self._deliver()
            await self._tick()

    async def finish(self) -> None:
        """Everybody leaves."""
        for _ in range(90):
            for plug in [each for each in self.plugs if each in self.began]:
                await self._wish(plug, self.began[plug][1], "disable")
            if not self.began:
                return
            await self.live(1)
        assert not self.began, "nobody charges any more"

    async def settle(self) -> None:
        """All that is on its way comes, and all that is left is done."""
        while self._coming:
            self._clock.advance(10)
            await self._deliver()
            await self._tick()
        for _ in range(SETTLED_TICKS):
            self._clock.advance(3)
            await self._tick()

    async def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        """Commands are obeyed at once; the answer takes its time, and may come again."""
        if topic != f"commands_{SITE}":
            return
        for body in bodies:
            told = unpacked(body, contracts().LocalStateRequest)
            is_on = told.requested_state == ON
            self._amps[told.plug_id] = self._rng.uniform(5.2, 16) if is_on else 0.0
            answer = packed(
                contracts().LocalStateResponse(
                    req_id=told.id,
                    resultant_state=ON if is_on else OFF,
                    plug_id=told.plug_id,
                    site_id=SITE,
                    time=self._clock.now_ms(),
                )
            )
            if not is_on:
                self._answers[answer] = told.plug_id
            self._say(COMMAND_RESULTS, answer, self._rng.choice((0, 1, 2, 7)))

    def _any(self) -> ChargingWorker:
        return self._rng.choice(self.workers)

    def _say(self, topic: str, body: bytes, late_s: int) -> None:
        """It comes then, and maybe again."""
        at_s = self._clock.now_s() + late_s
        self._coming.append((at_s, topic, body))
        for _ in range(self._rng.choice(REPEATS) - 1):
            self._coming.append((at_s + self._rng.choice(LATE_S), topic, body))

    def _read(self) -> None:
        """A chunk of all plugs, most of which draw something else than before."""
        chunk = contracts().ReadingChunk(site_id=SITE)
        ms = self._clock.now_ms()
        for plug in self.plugs:
            amps = self._amps.get(plug, 0.0)
            if amps and self._rng.random() < 0.6:
                amps = self._amps[plug] = self._rng.uniform(5.2, 16)
            if self._rng.random() < 0.03:
                continue
            ma = round(amps * 1000)
            chunk.readings.add(
                state=ON, current=ma / 1000, voltage=VOLTS, timestamp_ms=ms, plug_id=plug
            )
            self.plain.read(plug, ms, ma, round(VOLTS * 1000))
        self._say(TELEMETRY, packed(chunk), self._rng.choice(LATE_S))

    async def _somebody(self, plug: str) -> None:
        chance = self._rng.random()
        if plug not in self.began and chance < 0.1:
            await self._wish(plug, self._rng.choice(self.customers), "enable")
        elif plug in self.began and chance < 0.01:
            await self._wish(plug, self.began[plug][1], "disable")

    async def _wish(self, plug: str, customer: str, wanted: str) -> None:
        """A request comes to several workers at once, and is done by one."""
        now_ms = self._clock.now_ms()
        id_ = f"r{next(self._numbers)}"
        asked = PlugRequest(now_ms // 1000, id_, plug, customer, wanted, now_ms)
        workers = [self._any() for _ in range(self._rng.choice((1, 2)))]
        told = await asyncio.gather(*(worker.ask(asked) for worker in workers))
        assert len({*told}) == 1, "one answer for an id"
        if wanted == "enable" and told[0].status == RequestStatus.SUCCESS:
            view = await self._any().part.services.store.view(SITE)
            self.began[plug] = view.plugs[plug].session_id, customer, now_ms

    async def _pay(self) -> None:
        """Somebody has paid: Stripe says it several times, to anybody, in several events."""
        customer, number = self._rng.choice(self.customers), next(self._numbers)
        cents = self._rng.randint(50, 4_000)
        self.plain.post(customer, f"pi/pi_{number}", cents)
        bodies = [
            self._paid(customer, number, cents, each) for each in range(self._rng.choice(REPEATS))
        ]
        bodies *= self._rng.choice(REPEATS)
        await asyncio.gather(*(self._any().take_webhook(body, SECRET) for body in bodies))

    def _paid(self, customer: str, number: int, cents: int, event: int) -> bytes:
        intent: dict[str, Any] = {
            "id": f"pi_{number}",
            "object": "payment_intent",
            "customer": f"cus_{customer}",
            "amount": cents,
            "amount_received": cents,
            "currency": "aud",
            "status": "succeeded",
            "payment_method": "pm_1",
            "metadata": {},
        }
        return msgspec.json.encode(
            {
                "id": f"evt_{number}_{event}",
                "object": "event",
                "created": self._clock.now_s(),
                "type": "payment_intent.succeeded",
                "data": {"object": intent},
            }
        )

    async def _deliver(self) -> None:
        """What is due comes, all of it at once, in any order, to anybody."""
        now_s = self._clock.now_s()
        due = [each for each in self._coming if each[0] <= now_s]
        self._coming = [each for each in self._coming if each[0] > now_s]
        self._rng.shuffle(due)
        for _, _, body in due:
            plug = self._answers.pop(body, None)
            if plug is not None:
                session, customer, start_ms = self.began.pop(plug)
                self.plain.session(session, plug, customer, start_ms, self._clock.now_ms())
        await asyncio.gather(*(self._take(topic, body) for _, topic, body in due))

    async def _take(self, topic: str, body: bytes) -> None:
        """As a queue: whoever was overtaken gets it again."""
        while True:
            try:
                for outcome in await self._any().take(topic, body):
                    assert outcome.error is None, outcome
            except StoreUnavailableError:
                self.overtaken += 1
            else:
                return

    async def _tick(self) -> None:
        """All look at once at what is due."""
        await asyncio.gather(*(worker.tick() for worker in self.workers))

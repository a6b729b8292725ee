"""Customers who pay while those who credit it are killed: webhooks twice and in any order.

Stripe says of each payment in one to three events that somebody has paid, each signed, and sent
twice to whichever of two servers; what is not 200 comes again, as Stripe does it. The first servers
die when they have posted an entry and not booked it, and others stand in their place.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import aiohttp
import msgspec

from psd.clock import Clock
from server.simulation.webhook_sending import signature_header
from tests.chaos.stage import Server, Stage
from tests.support.plain.plain_charging import PlainCharging
from tests.support.servers.ports import free_ports

SECRET = "whsec_chaos"
SERVERS = 2
KILLED = 2
KILLED_AT = "charging_posted:3"
EVERY_S = 0.5
RETRY_S = 0.1


def payer_of(customer: str) -> str:
    """Who a customer is at Stripe."""
    return f"cus_{customer}"


def paid_events(customer: str, number: int, cents: int, count: int, now_s: int) -> list[bytes]:
    """So many events about one payment."""
    intent = {
        "id": f"pi_{number}",
        "object": "payment_intent",
        "customer": payer_of(customer),
        "amount": cents,
        "amount_received": cents,
        "currency": "aud",
        "status": "succeeded",
        "payment_method": "pm_1",
        "metadata": {},
    }
    return [
        msgspec.json.encode(
            {
                "id": f"evt_{number}_{each}",
                "object": "event",
                "created": now_s,
                "type": "payment_intent.succeeded",
                "data": {"object": intent},
            }
        )
        for each in range(count)
    ]


class KilledPayments:
    """Payments of customers until :meth:`stop`."""

    def __init__(
        self,
        stage: Stage,
        plain: PlainCharging,
        customers: Sequence[str],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.kills = 0
        self.sent = 0
        self._stage = stage
        self._plain = plain
        self._customers = customers
        self._clock = clock
        self._rng = rng
        self._ports = free_ports(SERVERS)
        self._servers: dict[int, Server] = {}
        self._is_over = False
        self._number = 0

    async def pay(self) -> None:
        """Somebody pays each half second; ends when all that was said is taken."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            told: list[asyncio.Task[None]] = []
            while not self._is_over or self.kills < KILLED:
                await self._follow()
                told += [asyncio.create_task(self._say(session, body)) for body in self._paid()]
                await asyncio.sleep(EVERY_S)
            while not all(each.done() for each in told):
                await self._follow()
                await asyncio.sleep(RETRY_S)
            await asyncio.gather(*told)

    def stop(self) -> None:
        """Nobody pays any more, once all have died who should."""
        self._is_over = True

    def _paid(self) -> list[bytes]:
        """What Stripe has to say of a payment: all of it twice, in any order."""
        self._number += 1
        customer, cents = self._rng.choice(self._customers), self._rng.randint(50, 4_000)
        self._plain.post(customer, f"pi/pi_{self._number}", cents)
        count = self._rng.randint(1, 3)
        twice = 2 * paid_events(customer, self._number, cents, count, self._clock.now_s())
        self._rng.shuffle(twice)
        self.sent += len(twice)
        return twice

    async def _say(self, session: aiohttp.ClientSession, body: bytes) -> None:
        """Until somebody has taken it."""
        await asyncio.sleep(self._rng.random())
        while True:
            port = self._rng.choice(self._ports)
            header = signature_header(body, [SECRET], self._clock.now_s())
            try:
                async with session.post(
                    f"http://127.0.0.1:{port}/hook", data=body, headers={"Stripe-Signature": header}
                ) as answer:
                    if answer.status == 200:
                        return
                    assert answer.status >= 500, f"{answer.status}: {await answer.text()}"
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        """Behind a server that has died comes another one at its port."""
        for port in self._ports:
            server = self._servers.get(port)
            if server is not None and server.running:
                continue
            if server is not None:
                assert server.was_killed, f"it left by itself:\n{server.log[-2000:]}"
                self.kills += 1
            started = self.kills + len([each for each in self._servers.values() if each.running])
            failpoint = KILLED_AT if started < KILLED else ""
            self._servers[port] = await self._stage.start_server(failpoint, charging__port=port)

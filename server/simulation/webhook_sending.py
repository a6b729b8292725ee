"""Sends events as Stripe sends webhooks: signed, again until they are taken, and some twice.

::

    sending = WebhookSending("http://127.0.0.1:4242/hook", ["whsec_new", "whsec_old"], clock)
    sending.send(event)
    -> POST /hook   Stripe-Signature: t=1724000000,v1=<by whsec_new>,v1=<by whsec_old>
       503          ... again after retry_s, then twice as long, up to TRIES times
       200          ... and ``repeats`` times more, as Stripe does not promise once

Every try is signed at its own second. ``refused`` are the events that nobody ever took.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from psd.backoff import backoff_s
from psd.clock import Clock

TRIES = 8
LONGEST_WAIT_S = 60.0


class Delivery(msgspec.Struct, frozen=True):
    """One try: the event, and the status of its answer; 0 where nobody answered."""

    event: str
    kind: str
    status: int


def signature_header(body: bytes, secrets: Sequence[str], now_s: int) -> str:
    """What ``Stripe-Signature`` says of a body, with one ``v1`` a secret."""
    signed = f"{now_s}.".encode() + body
    made = [hmac.new(each.encode(), signed, hashlib.sha256).hexdigest() for each in secrets]
    return ",".join([f"t={now_s}", *(f"v1={each}" for each in made)])


class WebhookSending:
    """One endpoint that takes events; without a URL nothing is sent."""

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        clock: Clock,
        *,
        repeats: int = 0,
        retry_s: float = 0.05,
    ) -> None:
        self.url = url
        self.secrets = list(secrets)
        self.repeats = repeats
        self.deliveries: list[Delivery] = []
        self.refused: list[str] = []
        self._clock = clock
        self._retry_s = retry_s
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, event: Mapping[str, Any]) -> None:
        """Send it in the background."""
        if self.url:
            task = asyncio.create_task(self._send(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Return once nothing is on its way."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Send nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _send(self, event: Mapping[str, Any]) -> None:
        body = msgspec.json.encode(event)
        for tried in range(1, TRIES + 1):
            if 200 <= await self._tried(event, body) < 300:
                break
            await asyncio.sleep(backoff_s(tried, self._retry_s, LONGEST_WAIT_S))
        else:
            self.refused.append(event["id"])
            return
        for _ in range(self.repeats):
            await self._tried(event, body)

    async def _tried(self, event: Mapping[str, Any], body: bytes) -> int:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature_header(body, self.secrets, self._clock.now_s()),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))
        try:
            async with self._session.post(self.url, data=body, headers=headers) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self.deliveries.append(Delivery(event["id"], event["type"], status))
        return status

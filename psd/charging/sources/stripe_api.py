"""Stripe's API, as far as prepaid accounts need it: six calls.

Each call that moves something carries an idempotency key, so an answer that was lost is asked for
again, and nobody is charged twice::

    await stripe.charge("cus_1", "pm_1", 2000, "topup/s-81", {"session": "s-81"})
        POST /v1/payment_intents  off_session, confirm     -> "pi_1", and the webhook credits it
        402 card_declined                                  -> PaymentError, with the intent
        500, 429, no answer: TRIES times, then             -> PaymentUnavailableError

Money is in minor units. Tested against server/simulation/fake_stripe.py, which the official client
reads; an account of Stripe was never asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from psd.backoff import backoff_s
from psd.charging.payments.payment_metrics import PaymentMetrics
from psd.charging.sources import late_aiohttp
from psd.errors import PaymentError, PaymentUnavailableError

TRIES = 3
TIMEOUT_S = 10.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 2.0

API_VERSION = "2024-06-20"
"""What is answered is read as this version has it, whatever the account's own is."""

QUANTITY = 10
"""Units of credit that the page of Checkout begins with, and the fewest that it sells."""

PAGE = 100

AGAIN = frozenset({409, 429})
"""Nothing was done: another request with this key is under way, or there are too many."""


class StripeRefund(msgspec.Struct, frozen=True):
    """Money that went back; of one that failed it did not."""

    id: str
    amount: int
    status: str | None = None
    created: int = 0


class _Refunds(msgspec.Struct, frozen=True):
    data: list[StripeRefund]
    has_more: bool = False


class _Made(msgspec.Struct, frozen=True):
    id: str
    url: str | None = None


class _Intent(msgspec.Struct, frozen=True):
    id: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    type: str = ""
    message: str | None = None
    code: str | None = None
    decline_code: str | None = None
    payment_intent: _Intent | None = None


class _Refused(msgspec.Struct, frozen=True):
    error: _Refusal


T = TypeVar("T")
Pairs = Mapping[str, str]


class StripeApi:
    """One account; it connects when it is first asked, and is closed with the process."""

    def __init__(self, url: str, key: str, currency: str, metrics: PaymentMetrics) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._currency = currency
        self._metrics = metrics
        self._session: late_aiohttp.aiohttp.ClientSession | None = None

    async def create_customer(self, customer: str, email: str) -> str:
        """The id of a new customer; the same one however often it is asked for within a day."""
        form = {"metadata[firebase_userid]": customer, **({"email": email} if email else {})}
        key = f"customer/{customer}"
        return (await self._made("customers", form, key)).id

    async def charge(
        self, stripe_id: str, method: str, cents: int, key: str, metadata: Pairs
    ) -> str:
        """Charge somebody who is not there; the id of the payment intent.

        Raises PaymentError for a card that does not pay, PaymentUnavailableError where nobody
        knows: the same key then finds it out.
        """
        form = {
            "amount": str(cents),
            "currency": self._currency,
            "customer": stripe_id,
            "payment_method": method,
            "off_session": "true",
            "confirm": "true",
            **{f"metadata[{name}]": value for name, value in metadata.items()},
        }
        return (await self._made("payment_intents", form, key)).id

    async def checkout_url(self, stripe_id: str, price: str, back: str) -> str:
        """Where somebody tops up by hand."""
        item = {"price": price, "quantity": str(QUANTITY)}
        adjusts = {"enabled": "true", "minimum": str(QUANTITY)}
        form = {
            "mode": "payment",
            "customer": stripe_id,
            "success_url": back,
            "cancel_url": back,
            **{f"line_items[0][{name}]": value for name, value in item.items()},
            **{
                f"line_items[0][adjustable_quantity][{name}]": value
                for name, value in adjusts.items()
            },
        }
        return _url_of(await self._made("checkout/sessions", form, ""))

    async def portal_url(self, stripe_id: str, back: str) -> str:
        """Where somebody manages cards."""
        form = {"customer": stripe_id, "return_url": back}
        return _url_of(await self._made("billing_portal/sessions", form, ""))

    async def refunds_of(self, charge: str) -> list[StripeRefund]:
        """All refunds of a charge, the oldest first."""
        found: list[StripeRefund] = []
        asked = {"charge": charge, "limit": str(PAGE)}
        while True:
            page = await self._call("GET", "refunds", asked, "", _Refunds)
            found += page.data
            if not page.has_more or not page.data:
                return found[::-1]
            asked["starting_after"] = page.data[-1].id

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _made(self, path: str, form: Pairs, key: str) -> _Made:
        return await self._call("POST", path, form, key, _Made)

    async def _call(self, method: str, path: str, form: Pairs, key: str, kind: type[T]) -> T:
        """One call, tried again while it is safe to: a GET, or what has a key."""
        tries = TRIES if key or method == "GET" else 1
        for tried in range(1, tries + 1):
            try:
                status, body = await self._sent(method, path, form, key)
                return _answer(path, status, body, kind)
            except PaymentUnavailableError:
                if tried == tries:
                    raise
            await asyncio.sleep(backoff_s(tried, FIRST_WAIT_S, LONGEST_WAIT_S))
        raise AssertionError("the last try raises")

    async def _sent(self, method: str, path: str, form: Pairs, key: str) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Stripe-Version": API_VERSION,
            **({"Idempotency-Key": key} if key else {}),
        }
        body: dict[str, Any] = {"data" if method == "POST" else "params": form}
        if self._session is None:
            timeout = late_aiohttp.aiohttp.ClientTimeout(total=TIMEOUT_S)
            self._session = late_aiohttp.aiohttp.ClientSession(timeout=timeout)
        began_s = time.monotonic()
        try:
            async with self._session.request(
                method, f"{self._url}/v1/{path}", headers=headers, allow_redirects=False, **body
            ) as answer:
                return answer.status, await answer.read()
        except (late_aiohttp.aiohttp.ClientError, TimeoutError) as exc:
            raise PaymentUnavailableError(
                f"stripe: {path}: no answer ({type(exc).__name__})"
            ) from exc
        finally:
            self._metrics.stripe_seconds.labels(path).observe(time.monotonic() - began_s)


def _answer(path: str, status: int, body: bytes, kind: type[T]) -> T:
    """What was answered; raises PaymentError for a refusal, PaymentUnavailableError else."""
    try:
        if status == 200:
            return msgspec.json.decode(body, type=kind)
        error = msgspec.json.decode(body, type=_Refused).error
    except msgspec.MsgspecError as exc:
        raise PaymentUnavailableError(
            f"stripe: {path}: {status}, and an answer that cannot be read"
        ) from exc
    told = f"stripe: {path}: {error.message or error.type}"
    if status >= 500 or status in AGAIN:
        raise PaymentUnavailableError(told)
    if status in {401, 403}:
        raise PaymentUnavailableError(f"{told} (charging.stripe_key)")
    intent = error.payment_intent.id if error.payment_intent else ""
    raise PaymentError(told, reason=error.decline_code or error.code or error.type, intent=intent)


def _url_of(made: _Made) -> str:
    if not made.url:
        raise PaymentUnavailableError(f"stripe: {made.id} has no page")
    return made.url

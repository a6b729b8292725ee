"""A Stripe that runs on this machine: the calls that prepaid accounts need, on a socket.

No account of Stripe can be had where psd is built and tested, so this stands for it. What it
answers, the official client reads (tests/integration/test_fake_stripe.py)::

    async with FakeStripe(clock, webhook_url="http://127.0.0.1:4242/hook") as stripe:
        stripe.url                                       http://127.0.0.1:38211
        POST /v1/customers                               200 {"id": "cus_000001", ...}
        POST /v1/payment_intents, again with its key     the first answer, Idempotent-Replayed: true
                                  other content          400 idempotency_error
        GET  /c/pay/cs_test_000007                       a page where a person pays
        stripe.faults.append("lost")                     done, and the answer never comes

What an account holds is in stripe_objects.py and stripe_payments.py, which calls there are in
stripe_calls.py.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Literal, Self
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from psd.clock import Clock
from server.simulation.stripe_calls import called, calls_of
from server.simulation.stripe_forms import StripeRefusalError, nested
from server.simulation.stripe_objects import StripeObject, StripeObjects
from server.simulation.stripe_payments import StripePayments
from server.simulation.webhook_sending import WebhookSending

API_VERSION = "2024-06-20"
KEY_CHARACTERS_MAX = 255

StripeFault = Literal["500", "429", "lost", "silent"]
"""An answer that is none: refused before anything is done; ``lost`` after it; ``silent``: never."""


class KeptAnswer(msgspec.Struct, frozen=True):
    """What a request with an idempotency key was, and what it was answered."""

    asked: tuple[str, str, bytes]
    answer: tuple[int, bytes]


class FakeStripe:
    """An account without anything in it; ``key`` is its secret key."""

    def __init__(
        self,
        clock: Clock,
        *,
        key: str = "sk_test_simulated",
        webhook_url: str = "",
        webhook_secrets: Sequence[str] = ("whsec_simulated",),
        repeats: int = 0,
        answer_s: float = 0,
    ) -> None:
        self.key = key
        self.url = ""
        self.faults: deque[StripeFault] = deque()
        self.events: list[StripeObject] = []
        self.requests: list[tuple[str, str]] = []
        """Every call, by method and path."""
        self.answer_s = answer_s
        self._clock = clock
        self._numbers = itertools.count(1)
        self._replays: dict[str, KeptAnswer] = {}
        self._asking: tuple[str, str | None] = ("", None)
        self.objects = StripeObjects(clock, self._told)
        self.payments = StripePayments(self.objects)
        self.webhooks = WebhookSending(webhook_url, webhook_secrets, clock, repeats=repeats)
        self._calls = calls_of(self.objects, self.payments)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/v1/{path:.*}", self._handle)
        app.router.add_route("*", "/c/pay/{id}", self._pay_page)
        app.router.add_route("*", "/p/session/{id}", self._portal_page)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = self.payments.pages = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.webhooks.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """One call: its fault, if there is one, then its replay, then what it asks for."""
        body = await request.read()
        self.requests.append((request.method, request.path))
        fault = self.faults.popleft() if self.faults else None
        headers = {"Request-Id": f"req_{next(self._numbers):06}", "Stripe-Version": API_VERSION}
        await asyncio.sleep(self.answer_s)
        if fault in {"500", "429"}:
            assert fault is not None, "it is one of the two"
            told = {"error": {"type": "api_error", "message": "made to fail"}}
            return web.json_response(told, status=int(fault), headers=headers)
        if fault == "silent":
            await asyncio.Event().wait()
        status, answer, more = self._answered(request, body)
        if fault == "lost":
            assert request.transport is not None, "it is connected until here"
            request.transport.abort()
        return web.Response(
            status=status,
            body=answer,
            content_type="application/json",
            headers={**headers, **more},
        )

    def _answered(self, request: web.Request, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        asked = (request.method, request.path, body)
        try:
            self._check(request, key)
            if key is not None and key in self._replays:
                return *self._replayed(self._replays[key], asked), {"Idempotent-Replayed": "true"}
            self._asking = (f"req_{next(self._numbers):06}", key)
            answer = 200, msgspec.json.encode(self._acted(request, body))
        except StripeRefusalError as refusal:
            answer = refusal.status, msgspec.json.encode({"error": refusal.error})
        # What was carried out is answered so for ever; what was refused as it stands is not.
        if key is not None and answer[0] in {200, 402} and key not in self._replays:
            self._replays[key] = KeptAnswer(asked, answer)
        return *answer, {}

    def _check(self, request: web.Request, key: str | None) -> None:
        """Who asks, and whether the key can be one."""
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            raise StripeRefusalError(401, "invalid_request_error", "Invalid API Key provided")
        if key is not None and not 1 <= len(key) <= KEY_CHARACTERS_MAX:
            raise StripeRefusalError(
                400, "idempotency_error", f"Keys have 1 to {KEY_CHARACTERS_MAX} characters"
            )

    def _replayed(self, replay: KeptAnswer, asked: tuple[str, str, bytes]) -> tuple[int, bytes]:
        if replay.asked != asked:
            raise StripeRefusalError(
                400,
                "idempotency_error",
                "Keys for idempotent requests can only be used with the same parameters they were "
                "first used with.",
            )
        return replay.answer

    def _acted(self, request: web.Request, body: bytes) -> StripeObject:
        path = request.match_info["path"]
        written = request.query_string if request.method == "GET" else body.decode()
        form = nested(parse_qsl(written, keep_blank_values=True))
        return called(self._calls, request.method, path, form)

    def _told(self, kind: str, of: StripeObject, before: Mapping[str, Any]) -> None:
        """Something happened: an event, on its way to whoever wants to know."""
        request_id, key = self._asking
        data: dict[str, Any] = {"object": of}
        if before:
            data["previous_attributes"] = dict(before)
        event = {
            "id": f"evt_{next(self._numbers):06}",
            "object": "event",
            "api_version": API_VERSION,
            "created": self._clock.now_s(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": request_id, "idempotency_key": key},
            "type": kind,
        }
        self.events.append(event)
        self.webhooks.send(event)

    async def _pay_page(self, request: web.Request) -> web.StreamResponse:
        """Checkout: a person says how much and by which card."""
        session = self._session(request, "checkout.session")
        if request.method != "POST":
            total = f"{session['amount_total'] / 100:.2f} {session['currency'].upper()}"
            return _html(
                f"<h1>Pay {escape(total)}</h1><form method=post><input name=quantity>"
                "<input name=card value=pm_card_visa><button>Pay</button></form>"
            )
        form = dict(parse_qsl((await request.read()).decode()))
        quantity = int(form["quantity"]) if form.get("quantity") else None
        try:
            self.payments.pay(session["id"], form.get("card", "pm_card_visa"), quantity)
        except StripeRefusalError as refusal:
            return _html(f"<p>{escape(str(refusal))}</p>", refusal.status)
        raise web.HTTPSeeOther(session["success_url"])

    async def _portal_page(self, request: web.Request) -> web.StreamResponse:
        """The billing portal: a person adds a card, takes one off, or makes one the default."""
        session = self._session(request, "billing_portal.session")
        owner = session["customer"]
        if request.method != "POST":
            cards = self.objects.listed("payment_method", customer=owner)
            items = "".join(f"<li>{each['id']} {each['card']['last4']}</li>" for each in cards)
            return _html(f"<h1>Cards</h1><ul>{items}</ul>")
        form = dict(parse_qsl((await request.read()).decode()))
        try:
            self._managed(owner, form)
        except StripeRefusalError as refusal:
            return _html(f"<p>{escape(str(refusal))}</p>", refusal.status)
        raise web.HTTPSeeOther(session["return_url"] or str(request.rel_url))

    def _managed(self, owner: str, form: Mapping[str, str]) -> None:
        if "attach" in form:
            self.objects.attach(form["attach"], {"customer": owner})
        if "default" in form:
            settings = {"default_payment_method": form["default"]}
            self.objects.update_customer(owner, {"invoice_settings": settings})
        if "detach" in form:
            self.objects.owned_method(owner, form["detach"])
            self.objects.detach(form["detach"])

    def _session(self, request: web.Request, kind: str) -> StripeObject:
        try:
            return self.objects.get(kind, request.match_info["id"])
        except StripeRefusalError as refusal:
            raise web.HTTPNotFound(text=json.dumps(refusal.error)) from refusal


def _html(body: str, status: int = 200) -> web.Response:
    page = f"<!doctype html><title>Simulated Stripe</title>{body}"
    return web.Response(text=page, status=status, content_type="text/html")

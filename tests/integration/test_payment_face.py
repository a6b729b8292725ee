"""The original's payment site on its own port: webhooks over HTTP, and the ways to Stripe."""

from __future__ import annotations

import asyncio
import gzip
import json
import urllib.error
import urllib.request
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from psd.charging.accounts.customer_accounts import AutoTopup
from psd.charging.part import ChargingPart
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.payments.signed_links import LIVES_S, link_path
from psd.clock import ManualClock
from psd.errors import ArchiveUnavailableError
from psd.runtime import Runtime
from server import bodies
from server.simulation.fake_stripe import FakeStripe
from server.simulation.webhook_sending import signature_header
from tests.conftest import AnyStore
from tests.support.clients.http import Answer, HttpClient, serving
from tests.support.engine import NOON_S, engine_on
from tests.support.servers.ports import free_ports

SECRET = "whsec_a"


class PaymentSite:
    """A server with the face, and the Stripe that it asks."""

    def __init__(self, psd: Runtime, client: HttpClient, stripe: FakeStripe) -> None:
        self.psd = psd
        self.client = client
        self.stripe = stripe

    @property
    def desk(self) -> PaymentDesk:
        return self.psd.part(ChargingPart).desk

    def signed(self, event: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        body = json.dumps(event).encode()
        header = signature_header(body, [SECRET], self.psd.clock.now_s())
        return body, {"Stripe-Signature": header}

    async def hook(self, event: dict[str, Any]) -> Answer:
        body, headers = self.signed(event)
        return await self.client.request("POST", "/hook", body, "application/json", headers)

    async def balance(self, customer: str = "u1") -> int:
        return (await self.desk.account(customer)).balance_cents


@pytest.fixture
async def site(redis_server: AnyStore, tmp_path: Path) -> AsyncIterator[PaymentSite]:
    redis_server.empty()
    clock = ManualClock(NOON_S)
    [port] = free_ports(1)
    async with AsyncExitStack() as stack:
        hook = f"http://127.0.0.1:{port}/hook"
        stripe = await stack.enter_async_context(
            FakeStripe(clock, webhook_url=hook, webhook_secrets=(SECRET, "whsec_b"), repeats=2)
        )
        price = stripe.objects.create_price({"currency": "aud", "unit_amount": "100"})["id"]
        settings = {
            "charging.port": port,
            "charging.stripe_url": stripe.url,
            "charging.stripe_key": stripe.key,
            "charging.stripe_webhook_secrets": f"whsec_new,{SECRET}",
            "charging.price_id": price,
            "charging.frontend_url": "http://127.0.0.1:1/back",
        }
        url = redis_server.url
        archive = tmp_path / "archive"
        runtime = await stack.enter_async_context(engine_on(url, settings, clock, archive))
        main = await stack.enter_async_context(serving(runtime))
        client = HttpClient(f"http://127.0.0.1:{port}", main.session)
        yield PaymentSite(runtime, client, stripe)


def payment(customer: str | None, id_: str = "pi_1", amount: int = 2000) -> dict[str, Any]:
    paid = {"id": id_, "customer": customer, "amount": amount, "payment_method": "pm_1"}
    head = {"id": "evt_1", "type": "payment_intent.succeeded", "created": NOON_S}
    return {**head, "data": {"object": paid}}


async def test_the_recorded_webhooks_have_their_statuses(site: PaymentSite) -> None:
    stripe_id = (await site.desk.begin("u1")).stripe_id
    first = await site.hook(payment(stripe_id))
    assert (first.status, first.text) == (200, "")
    assert (await site.hook(payment(stripe_id))).status == 200
    assert await site.balance() == 2000
    assert (await site.hook(payment(None, "pi_2"))).status == 400
    assert (await site.hook(payment("cus_nobody", "pi_3"))).status == 400
    assert (await site.hook({**payment(stripe_id), "type": "invoice.paid"})).status == 200
    assert await site.balance() == 2000


async def test_a_body_is_up_to_65536_bytes(site: PaymentSite) -> None:
    stripe_id = (await site.desk.begin("u1")).stripe_id
    event = payment(stripe_id)
    bare = len(json.dumps({**event, "pad": ""}).encode())
    for size, status in ((65_536, 200), (65_537, 503), (200_000, 503)):
        padded = {**event, "pad": "x" * (size - bare)}
        assert (await site.hook(padded)).status == status


async def test_nothing_that_a_stranger_sends_is_unpacked(
    site: PaymentSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who signed a webhook is known only when all of it is there, so it comes as it is."""
    stripe_id = (await site.desk.begin("u1")).stripe_id
    body, headers = site.signed(payment(stripe_id))
    monkeypatch.setattr(bodies, "unpacked", mock.Mock(side_effect=AssertionError("unpacked")))
    for coding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        sent = {**headers, "Content-Encoding": coding}
        answer = await site.client.request("POST", "/hook", packed, "application/json", sent)
        assert answer.status == 415, answer.text
    assert await site.balance() == 0


async def test_what_is_forged_old_or_unsigned_is_400_and_moves_nothing(site: PaymentSite) -> None:
    stripe_id = (await site.desk.begin("u1")).stripe_id
    body, _ = site.signed(payment(stripe_id))
    now_s = site.psd.clock.now_s()
    headers = (
        signature_header(body, ["whsec_forged"], now_s),
        signature_header(body, [SECRET], now_s - 301),
        signature_header(body + b" ", [SECRET], now_s),
        "",
    )
    for header in headers:
        sent = {"Stripe-Signature": header}
        answer = await site.client.request("POST", "/hook", body, "application/json", sent)
        assert answer.status == 400
    assert await site.balance() == 0
    rotated = {"Stripe-Signature": signature_header(body, ["whsec_b", "whsec_new"], now_s)}
    answer = await site.client.request("POST", "/hook", body, "application/json", rotated)
    assert answer.status == 200
    assert await site.balance() == 2000


async def test_a_webhook_a_hundred_times_in_ten_threads_credits_once(site: PaymentSite) -> None:
    stripe_id = (await site.desk.begin("u1")).stripe_id
    body, headers = site.signed(payment(stripe_id))

    def send(_: int) -> int:
        asked = urllib.request.Request(f"{site.client.url}/hook", body, headers)
        try:
            with urllib.request.urlopen(asked) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    with ThreadPoolExecutor(10) as threads:
        loop = asyncio.get_running_loop()
        told = await asyncio.gather(*(loop.run_in_executor(threads, send, n) for n in range(100)))
    assert told == [200] * 100
    assert await site.balance() == 2000
    assert (await site.desk.account("u1")).entries == 1


async def test_stripe_is_not_told_200_until_it_is_kept(site: PaymentSite) -> None:
    stripe_id = (await site.desk.begin("u1")).stripe_id
    full = mock.AsyncMock(side_effect=ArchiveUnavailableError("archive: the disk is full"))
    with mock.patch.object(site.psd.archive, "append", full):
        assert (await site.hook(payment(stripe_id))).status == 503
    assert await site.balance() == 0
    assert (await site.hook(payment(stripe_id))).status == 200
    assert await site.balance() == 2000


async def test_from_a_low_balance_to_a_credit_by_stripes_own_webhooks(site: PaymentSite) -> None:
    stripe_id = (await site.desk.begin("u1")).stripe_id
    site.stripe.objects.attach("pm_card_visa", {"customer": stripe_id})
    await site.stripe.webhooks.settled()
    await site.desk.set_topup("u1", AutoTopup(True, 1000, 2500))
    await site.desk.after_session("u1", "s1")
    await site.stripe.webhooks.settled()
    assert await site.balance() == 2500
    assert site.stripe.webhooks.refused == []
    assert {each.status for each in site.stripe.webhooks.deliveries} <= {200, 400}


async def test_a_signed_link_leads_its_customer_to_stripe_for_a_quarter_of_an_hour(
    site: PaymentSite,
) -> None:
    await site.desk.begin("u 1/é")
    clock = site.psd.clock
    assert isinstance(clock, ManualClock)
    now_s = clock.now_s()
    paths = {
        purpose: link_path(site.stripe.key, purpose, "u 1/é", now_s)
        for purpose in ("topup", "manage")
    }
    for purpose, page in (("topup", "/c/pay/"), ("manage", "/p/session/")):
        answer = await site.client.get(paths[purpose])
        assert answer.status == 303
        assert answer.headers["Location"].startswith(site.stripe.url + page)
    spoiled = [
        paths["topup"].replace("/topup/", "/manage/"),
        paths["topup"][:-1] + ("0" if paths["topup"][-1] != "0" else "1"),
        paths["topup"].replace(f"expires={now_s + LIVES_S}", f"expires={now_s + LIVES_S + 1}"),
        link_path("sk_other", "topup", "u 1/é", now_s),
    ]
    for path in spoiled:
        assert (await site.client.get(path)).status == 403
    clock.advance(LIVES_S)
    assert (await site.client.get(paths["topup"])).status == 403


async def test_what_stripe_refuses_is_500_and_a_charge_by_hand_is_not_there(
    site: PaymentSite,
) -> None:
    await site.desk.begin("u1")
    assert (await site.client.get("/topup/u1")).status == 303, "this server checks nobody"
    assert (await site.client.get("/topup/nobody")).status == 500
    site.stripe.faults.append("500")
    assert (await site.client.get("/manage/u1")).status == 500
    body = msgspec.json.encode({"firestore_id": "u1", "amount_aud": 5})
    assert (await site.client.request("POST", "/charge", body)).status == 404

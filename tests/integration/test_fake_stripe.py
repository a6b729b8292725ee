"""The simulated Stripe against the official client: what one answers, the other reads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import stripe
from aiohttp import web

from psd.clock import SystemClock
from server.simulation.fake_stripe import FakeStripe
from server.simulation.stripe_cards import TEST_CARDS

SECRETS = ("whsec_new", "whsec_old")


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    async with FakeStripe(SystemClock()) as server:
        yield server


@pytest.fixture
def official(fake: FakeStripe) -> Iterator[stripe.StripeClient]:
    http = stripe.RequestsClient()
    yield stripe.StripeClient(
        fake.key, base_addresses={"api": fake.url}, max_network_retries=0, http_client=http
    )
    http.close()


async def asked(call: Callable[..., Any], *told: Any, **more: Any) -> Any:
    return await asyncio.to_thread(call, *told, **more)


async def customer_with(official: stripe.StripeClient, card: str) -> tuple[str, str]:
    customer = await asked(
        official.v1.customers.create, {"email": "a@example.com", "metadata": {"user": "u1"}}
    )
    method = await asked(official.v1.payment_methods.attach, card, {"customer": customer.id})
    return customer.id, method.id


def top_up(customer: str, method: str, amount: int = 2000) -> dict[str, Any]:
    return {
        "amount": amount,
        "currency": "aud",
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
    }


async def test_a_customer_has_what_the_official_client_said(official: stripe.StripeClient) -> None:
    id_, method = await customer_with(official, "pm_card_visa")
    held = await asked(official.v1.customers.retrieve, id_)
    assert (held.email, held.metadata["user"]) == ("a@example.com", "u1")
    changed = await asked(
        official.v1.customers.update, id_, {"invoice_settings": {"default_payment_method": method}}
    )
    assert changed.invoice_settings.default_payment_method == method
    listed = await asked(official.v1.customers.payment_methods.list, id_)
    assert [each.card.last4 for each in listed.data] == ["4242"]
    await asked(official.v1.payment_methods.detach, method)
    held = await asked(official.v1.customers.retrieve, id_)
    assert held.invoice_settings.default_payment_method is None


async def test_a_charge_succeeds_and_is_refunded_in_parts(
    official: stripe.StripeClient, fake: FakeStripe
) -> None:
    customer, method = await customer_with(official, "pm_card_visa")
    intent = await asked(official.v1.payment_intents.create, top_up(customer, method))
    assert (intent.status, intent.amount_received) == ("succeeded", 2000)
    refund = await asked(official.v1.refunds.create, {"payment_intent": intent.id, "amount": 500})
    rest = await asked(official.v1.refunds.create, {"payment_intent": intent.id})
    assert (refund.amount, rest.amount, refund.status) == (500, 1500, "succeeded")
    with pytest.raises(stripe.InvalidRequestError):
        await asked(official.v1.refunds.create, {"payment_intent": intent.id})
    listed = await asked(official.v1.refunds.list, {"payment_intent": intent.id})
    assert [each.id for each in listed.auto_paging_iter()] == [rest.id, refund.id]
    kinds = [event["type"] for event in fake.events]
    assert kinds[-5:] == [
        *("payment_intent.created", "charge.succeeded", "payment_intent.succeeded"),
        *("charge.refunded", "charge.refunded"),
    ]


@pytest.mark.parametrize("card", ["pm_card_chargeCustomerFail", "pm_card_authenticationRequired"])
async def test_a_card_that_is_declined_leaves_its_intent_open(
    official: stripe.StripeClient, card: str
) -> None:
    customer, method = await customer_with(official, card)
    with pytest.raises(stripe.CardError) as raised:
        await asked(official.v1.payment_intents.create, top_up(customer, method))
    decline = TEST_CARDS[card].decline
    assert decline is not None
    error = raised.value
    assert (error.http_status, error.code) == (402, decline.code)
    assert error.error is not None
    assert error.error.decline_code == decline.decline_code
    intent = await asked(official.v1.payment_intents.retrieve, error.error.payment_intent.id)
    assert intent.status == "requires_payment_method"
    other = await asked(
        official.v1.payment_methods.attach, "pm_card_mastercard", {"customer": customer}
    )
    again = await asked(
        official.v1.payment_intents.confirm, intent.id, {"payment_method": other.id}
    )
    assert again.status == "succeeded"


@pytest.mark.parametrize("card", [name for name, card in TEST_CARDS.items() if not card.attaches])
async def test_some_cards_are_declined_when_they_are_attached(
    official: stripe.StripeClient, card: str
) -> None:
    with pytest.raises(stripe.CardError):
        await customer_with(official, card)


async def test_a_key_has_one_answer_and_never_another_request(
    official: stripe.StripeClient, fake: FakeStripe
) -> None:
    customer, method = await customer_with(official, "pm_card_visa")
    create = official.v1.payment_intents.create
    once: Any = {"idempotency_key": "topup/s1"}
    first = await asked(create, top_up(customer, method), once)
    second = await asked(create, top_up(customer, method), once)
    assert first.id == second.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        await asked(create, top_up(customer, method, 3000), once)
    succeeded = [each for each in fake.events if each["type"] == "payment_intent.succeeded"]
    assert len(succeeded) == 1
    declining, bad = await customer_with(official, "pm_card_chargeCustomerFail")
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            await asked(create, top_up(declining, bad), {"idempotency_key": "topup/s2"})
    assert len([each for each in fake.events if each["type"] == "charge.failed"]) == 1


async def test_an_answer_that_is_lost_is_found_by_its_key(
    official: stripe.StripeClient, fake: FakeStripe
) -> None:
    customer, method = await customer_with(official, "pm_card_visa")
    create = official.v1.payment_intents.create
    fake.faults.append("lost")
    with pytest.raises(stripe.APIConnectionError):
        await asked(create, top_up(customer, method), {"idempotency_key": "k"})
    fake.faults.extend(["500", "429"])
    for kind in (stripe.APIError, stripe.RateLimitError):
        with pytest.raises(kind):
            await asked(create, top_up(customer, method), {"idempotency_key": "k"})
    found = await asked(create, top_up(customer, method), {"idempotency_key": "k"})
    assert found.status == "succeeded"
    assert len(fake.objects.listed("payment_intent")) == 1


async def test_what_is_wrong_is_told_as_the_official_client_expects(
    official: stripe.StripeClient, fake: FakeStripe
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        await asked(official.v1.customers.retrieve, "cus_none")
    assert (raised.value.http_status, raised.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as raised:
        await asked(official.v1.payment_intents.create, {"amount": 49, "currency": "aud"})
    assert raised.value.param == "amount"
    stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": fake.url})
    with pytest.raises(stripe.AuthenticationError):
        await asked(stranger.v1.customers.list)


async def test_a_person_pays_on_the_page_of_a_checkout_and_changes_cards_on_the_portal(
    official: stripe.StripeClient, fake: FakeStripe
) -> None:
    customer, _ = await customer_with(official, "pm_card_visa")
    price: Any = {"currency": "aud", "unit_amount": 100, "product_data": {"name": "credit"}}
    unit = await asked(official.v1.prices.create, price)
    adjustable = {"enabled": True, "minimum": 10}
    item = {"price": unit.id, "quantity": 10, "adjustable_quantity": adjustable}
    wanted: Any = {"mode": "payment", "customer": customer, "line_items": [item]}
    session = await asked(
        official.v1.checkout.sessions.create, {**wanted, "success_url": f"{fake.url}/v1/done"}
    )
    async with aiohttp.ClientSession() as browser:
        for quantity, status in (("9", 400), ("25", 303), ("25", 400)):
            async with browser.post(
                session.url, data={"quantity": quantity}, allow_redirects=False
            ) as answer:
                assert answer.status == status
        portal = await asked(official.v1.billing_portal.sessions.create, {"customer": customer})
        async with browser.post(portal.url, data={"attach": "pm_card_mastercard"}) as answer:
            assert answer.status == 200
    paid = await asked(official.v1.checkout.sessions.retrieve, session.id)
    assert (paid.payment_status, paid.amount_total) == ("paid", 2500)
    listed = await asked(official.v1.payment_methods.list, {"customer": customer})
    assert len(listed.data) == 2


@asynccontextmanager
async def listening(answers: list[int]) -> AsyncIterator[tuple[str, list[tuple[bytes, str]]]]:
    """Takes webhooks, with these statuses first; 200 from then on."""
    heard: list[tuple[bytes, str]] = []

    async def take(request: web.Request) -> web.Response:
        heard.append((await request.read(), request.headers["Stripe-Signature"]))
        return web.Response(status=answers.pop(0) if answers else 200)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/hook", heard
    await runner.cleanup()


async def test_webhooks_are_signed_for_the_official_package_retried_and_repeated() -> None:
    async with listening([503, 400]) as (url, heard):
        clock = SystemClock()
        async with FakeStripe(clock, webhook_url=url, webhook_secrets=SECRETS, repeats=1) as fake:
            fake.objects.create_customer({"email": "a@example.com"})
            await fake.webhooks.settled()
            statuses = [each.status for each in fake.webhooks.deliveries]
            assert statuses == [503, 400, 200, 200]
        for body, header in heard:
            for secret in SECRETS:
                event = stripe.Webhook.construct_event(body, header, secret)
                assert event.type == "customer.created"
            with pytest.raises(stripe.SignatureVerificationError):
                stripe.Webhook.construct_event(body, header, "whsec_forged")
        assert len({json.loads(body)["id"] for body, _ in heard}) == 1

"""The client of Stripe against the simulated one: charged once, whatever becomes of answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from psd.charging.payments.payment_metrics import PaymentMetrics
from psd.charging.sources import stripe_api
from psd.charging.sources.stripe_api import StripeApi
from psd.clock import ManualClock
from psd.errors import PaymentError, PaymentUnavailableError
from psd.observe.metrics import Metrics
from server.simulation.fake_stripe import FakeStripe
from server.simulation.stripe_objects import StripeObject

NOW_S = 1_723_939_200


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_api, "FIRST_WAIT_S", 0.0)


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    async with FakeStripe(ManualClock(NOW_S)) as server:
        yield server


@pytest.fixture
async def api(fake: FakeStripe) -> AsyncIterator[StripeApi]:
    made = StripeApi(fake.url, fake.key, "aud", PaymentMetrics(Metrics()))
    yield made
    await made.close()


async def with_card(api: StripeApi, fake: FakeStripe, card: str) -> tuple[str, str]:
    id_ = await api.create_customer("u1", "a@example.com")
    return id_, fake.objects.attach(card, {"customer": id_})["id"]


def intents(fake: FakeStripe) -> list[StripeObject]:
    return fake.objects.listed("payment_intent")


async def test_a_customer_is_made_once_and_carries_who_it_is(
    api: StripeApi, fake: FakeStripe
) -> None:
    fake.faults.append("lost")
    id_ = await api.create_customer("u1", "a@example.com")
    assert await api.create_customer("u1", "a@example.com") == id_
    [held] = fake.objects.listed("customer")
    assert held["metadata"] == {"firebase_userid": "u1"}
    assert held["email"] == "a@example.com"


@pytest.mark.parametrize("faults", [[], ["lost"], ["500"], ["429", "500"], ["lost", "lost"]])
async def test_a_charge_is_made_once_whatever_becomes_of_answers(
    api: StripeApi, fake: FakeStripe, faults: list[str]
) -> None:
    id_, method = await with_card(api, fake, "pm_card_visa")
    fake.faults.extend(faults)  # type: ignore[arg-type]  (they are among those that there are)
    made = await api.charge(id_, method, 2000, "topup/s1", {"session": "s1"})
    [held] = intents(fake)
    assert (held["id"], held["amount"], held["status"]) == (made, 2000, "succeeded")
    assert held["metadata"] == {"session": "s1"}


async def test_a_stripe_that_stays_away_is_unavailable_and_the_key_finds_the_charge(
    api: StripeApi, fake: FakeStripe
) -> None:
    id_, method = await with_card(api, fake, "pm_card_visa")
    fake.faults.extend(["lost"] * stripe_api.TRIES)
    with pytest.raises(PaymentUnavailableError):
        await api.charge(id_, method, 2000, "topup/s1", {})
    await api.charge(id_, method, 2000, "topup/s1", {})
    assert len(intents(fake)) == 1


async def test_a_stripe_that_says_nothing_is_not_waited_for(
    api: StripeApi, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_api, "TIMEOUT_S", 0.05)
    fake.faults.append("silent")
    with pytest.raises(PaymentUnavailableError):
        await api.portal_url("cus_1", "http://127.0.0.1/")


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("pm_card_chargeCustomerFail", "generic_decline"),
        ("pm_card_authenticationRequired", "authentication_required"),
    ],
)
async def test_a_card_that_does_not_pay_is_told_with_its_intent_and_never_tried_twice(
    api: StripeApi, fake: FakeStripe, card: str, reason: str
) -> None:
    id_, method = await with_card(api, fake, card)
    told = []
    for _ in range(2):
        with pytest.raises(PaymentError) as raised:
            await api.charge(id_, method, 2000, "topup/s1", {})
        told.append((raised.value.reason, raised.value.intent))
    [held] = intents(fake)
    assert told == [(reason, held["id"])] * 2


async def test_a_wrong_key_is_a_setting_and_no_fault_of_the_customer(fake: FakeStripe) -> None:
    api = StripeApi(fake.url, "sk_test_other", "aud", PaymentMetrics(Metrics()))
    with pytest.raises(PaymentUnavailableError, match=r"charging\.stripe_key"):
        await api.create_customer("u1", "")
    await api.close()


async def test_pages_of_stripe_are_where_it_says(api: StripeApi, fake: FakeStripe) -> None:
    id_, _ = await with_card(api, fake, "pm_card_visa")
    price = fake.objects.create_price({"currency": "aud", "unit_amount": "100"})["id"]
    url = await api.checkout_url(id_, price, "http://127.0.0.1/back")
    assert url.startswith(f"{fake.url}/c/pay/")
    [session] = fake.objects.listed("checkout.session")
    assert (session["amount_total"], session["success_url"]) == (1000, "http://127.0.0.1/back")
    assert (await api.portal_url(id_, "http://127.0.0.1/back")).startswith(f"{fake.url}/p/session/")
    with pytest.raises(PaymentError):
        await api.checkout_url("cus_none", price, "http://127.0.0.1/back")


async def test_all_refunds_of_a_charge_are_found_page_by_page(
    api: StripeApi, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_api, "PAGE", 2)
    id_, method = await with_card(api, fake, "pm_card_visa")
    intent = await api.charge(id_, method, 2000, "topup/s1", {})
    made = [
        fake.payments.refund({"payment_intent": intent, "amount": str(each)})["id"]
        for each in (100, 200, 300)
    ]
    [charge] = fake.objects.listed("charge")
    found = await api.refunds_of(charge["id"])
    assert [(each.id, each.amount) for each in found] == [
        *zip(made, (100, 200, 300), strict=True),
    ]

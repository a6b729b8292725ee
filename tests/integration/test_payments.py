"""Money on a store, with a simulated Stripe: accounts, top-ups, declines, refunds, replays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.archive.redoing import Redoing
from psd.charging.accounts.customer_accounts import AutoTopup
from psd.charging.accounts.ledger_entries import LedgerEntry, adjustment, customer_uid, usage
from psd.charging.payments.payment_desk import LEFT_MS
from psd.charging.sources import stripe_api
from psd.clock import ManualClock
from psd.engine.plan import Range
from psd.errors import IdempotencyMismatchError, InputError, NotFoundError, SignatureError
from psd.runtime import Runtime
from server.simulation.fake_stripe import FakeStripe
from server.simulation.webhook_sending import signature_header
from tests.support.charging.money import NOON_MS, SECRET, Money, payment
from tests.support.engine import NOON_S

pytestmark = pytest.mark.psd(now_s=NOON_S, archives=True)


@pytest.fixture
async def money(psd: Runtime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Money]:
    monkeypatch.setattr(stripe_api, "FIRST_WAIT_S", 0.0)
    async with AsyncExitStack() as stack:
        stripe = await stack.enter_async_context(FakeStripe(psd.clock))
        made = Money(psd, stripe)
        stack.push_async_callback(made.desk.close)
        yield made


async def test_a_new_account_has_a_customer_of_stripe_and_no_money(money: Money) -> None:
    id_ = await money.customer("u1")
    account = await money.desk.begin("u1")
    assert (account.balance_cents, account.stripe_id, account.email) == (0, id_, "u1@example.com")
    assert account.auto_topup == AutoTopup(False, 1000, 2000)
    [held] = money.stripe.objects.listed("customer")
    assert held["metadata"] == {"firebase_userid": "u1"}
    with pytest.raises(NotFoundError):
        await money.desk.account("u2")


async def test_a_payment_is_credited_once_however_often_it_is_told(money: Money) -> None:
    id_ = await money.customer("u1")
    await money.desk.post("u1", usage("s0", 50, NOON_MS))
    for event in ("evt_1", "evt_1", "evt_2"):
        await money.take(payment(customer=id_, event=event))
    assert await money.balance("u1") == 1950
    [_, entry] = [each.entry for each in await money.desk.accounts.ledger("u1", 0, 9)]
    assert (entry.payment_id, entry.payment_method, entry.kind) == ("pi_1", "pm_1", "topup_manual")
    await money.adds_up("u1")


async def test_a_hundred_webhooks_at_once_credit_once(money: Money) -> None:
    id_ = await money.customer("u1")
    await asyncio.gather(*(money.take(payment(customer=id_)) for _ in range(100)))
    assert await money.balance("u1") == 2000
    await money.adds_up("u1")


@pytest.mark.parametrize("customer", [None, "cus_nobody", "", 7])
async def test_a_payment_of_nobody_is_refused(money: Money, customer: Any) -> None:
    await money.customer("u1")
    with pytest.raises(InputError):
        await money.take(payment(customer=customer))
    assert await money.balance("u1") == 0


async def test_what_nobody_signed_moves_nothing(money: Money) -> None:
    id_ = await money.customer("u1")
    body = msgspec.json.encode(payment(customer=id_))
    forged = signature_header(body, ["whsec_other"], NOON_S)
    old = signature_header(body, [SECRET], NOON_S - 301)
    for header in (forged, old, ""):
        with pytest.raises(SignatureError):
            await money.desk.take_webhook(body, header)
    assert await money.balance("u1") == 0


async def test_an_account_is_topped_up_behind_a_session_by_the_webhook_alone(money: Money) -> None:
    await money.customer("u1", "pm_card_visa", topup=AutoTopup(True, 1000, 2000))
    await money.desk.post("u1", LedgerEntry(id="o", kind="opening", cents=1010, at_ms=NOON_MS))
    await money.desk.after_session("u1", "s0")
    assert money.stripe.objects.listed("payment_intent") == [], "1010 is above 1000"
    await money.desk.post("u1", usage("s1", 12, NOON_MS))
    for _ in range(3):
        await money.desk.after_session("u1", "s1")
    assert len(money.stripe.objects.listed("payment_intent")) == 1
    assert await money.balance("u1") == 998
    await money.take_all()
    assert await money.balance("u1") == 2998
    entry = (await money.desk.entries("u1", 0, 1))[0].entry
    assert (entry.kind, entry.session, entry.cents) == ("topup_auto", "s1", 2000)
    await money.adds_up("u1")


async def test_the_default_card_is_charged_else_the_first(money: Money) -> None:
    cards = ("pm_card_visa", "pm_card_mastercard")
    id_ = await money.customer("u1", *cards, topup=AutoTopup(True, 0, 700))
    first, second = (await money.desk.account("u1")).methods
    charged = []
    for session, default in (("s1", None), ("s2", second), ("s3", "gone")):
        if default == "gone":
            money.stripe.objects.detach(second)
        elif default:
            settings = {"invoice_settings": {"default_payment_method": default}}
            money.stripe.objects.update_customer(id_, settings)
        await money.take_all()
        await money.desk.post("u1", usage(session, 1_000, NOON_MS))
        await money.desk.after_session("u1", session)
        charged.append(money.stripe.objects.listed("payment_intent")[0]["payment_method"])
    assert charged == [first, second, first]


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ((), "no payment method"),
        (("pm_card_chargeCustomerFail",), "generic_decline"),
        (("pm_card_authenticationRequired",), "authentication_required"),
    ],
)
async def test_a_topup_that_does_not_work_is_noted_once_and_not_tried_again(
    money: Money, cards: tuple[str, ...], reason: str
) -> None:
    await money.customer("u1", *cards, topup=AutoTopup(True, 0, 2000))
    for _ in range(3):
        await money.desk.after_session("u1", "s1")
    await money.take_all()
    [told] = [each.entry for each in await money.desk.accounts.ledger("u1", 0, 9)]
    assert (told.kind, told.cents, told.session) == ("failure", 0, "s1")
    assert reason in told.note
    assert len(money.stripe.objects.listed("payment_intent")) == len(cards)
    await money.adds_up("u1")


async def test_a_stripe_that_is_away_is_asked_again_and_charges_once(money: Money) -> None:
    await money.customer("u1", "pm_card_visa", topup=AutoTopup(True, 0, 2000))
    money.stripe.faults.extend(["lost", "500", "lost"])
    await money.desk.after_session("u1", "s1")
    clock = money.psd.clock
    assert isinstance(clock, ManualClock)
    assert await money.desk.look_after(clock.now_ms()) == 0, "whoever began it may be at it"
    money.stripe.faults.extend(["500"] * stripe_api.TRIES)
    clock.advance(LEFT_MS // 1000)
    assert await money.desk.look_after(clock.now_ms()) == 1
    assert await money.desk.look_after(clock.now_ms()) == 1
    assert await money.desk.look_after(clock.now_ms()) == 0
    await money.take_all()
    assert await money.balance("u1") == 2000
    assert len(money.stripe.objects.listed("payment_intent")) == 1


async def test_after_a_day_without_an_answer_it_is_given_up(money: Money) -> None:
    await money.customer("u1", "pm_card_visa", topup=AutoTopup(True, 0, 2000))
    money.stripe.faults.extend(["500"] * stripe_api.TRIES)
    await money.desk.after_session("u1", "s1")
    clock = money.psd.clock
    assert isinstance(clock, ManualClock)
    clock.advance(86_400)
    await money.desk.look_after(clock.now_ms())
    [told] = [each.entry for each in await money.desk.accounts.ledger("u1", 0, 9)]
    assert told.kind == "failure"
    assert money.stripe.objects.listed("payment_intent") == []


@pytest.mark.parametrize("refunds_told", [True, False])
async def test_a_refund_is_an_entry_whether_the_webhook_lists_it_or_not(
    money: Money, refunds_told: bool
) -> None:
    await money.customer("u1", "pm_card_visa", topup=AutoTopup(True, 0, 2000))
    await money.desk.after_session("u1", "s1")
    [intent] = money.stripe.objects.listed("payment_intent")
    for amount in (500, 300):
        money.stripe.payments.refund({"payment_intent": intent["id"], "amount": str(amount)})
    if refunds_told:
        for event in money.stripe.events:
            if event["type"] == "charge.refunded":
                refunds = money.stripe.objects.listed("refund")
                event["data"]["object"]["refunds"] = {"data": refunds, "has_more": False}
    await money.take_all()
    assert await money.balance("u1") == 1200
    kinds = [each.entry.kind for each in await money.desk.accounts.ledger("u1", 0, 9)]
    assert sorted(kinds) == ["refund", "refund", "topup_auto"]
    await money.adds_up("u1")


async def test_the_same_id_with_other_cents_is_refused(money: Money) -> None:
    await money.customer("u1")
    await money.desk.post("u1", usage("s1", 12, NOON_MS))
    await money.desk.post("u1", usage("s1", 12, NOON_MS + 5))
    with pytest.raises(IdempotencyMismatchError):
        await money.desk.post("u1", usage("s1", 13, NOON_MS))
    assert await money.balance("u1") == -12


async def test_sums_by_day_and_kind_are_the_engines(money: Money) -> None:
    await money.customer("u1")
    day_ms = 86_400_000
    for at, cents in ((0, 12), (1, 5), (1, 6)):
        await money.desk.post("u1", usage(f"s{at}{cents}", cents, NOON_MS + at * day_ms))
    await money.desk.post("u1", adjustment("s05", 1, -2, NOON_MS + day_ms))
    thing = money.psd.core.things["ledger"]
    second_day = Range(NOON_S + 86_400 - 43_200, NOON_S + 2 * 86_400 - 43_200)
    uid = customer_uid("u1")
    [all_] = await money.psd.engine.sums([uid], [thing], [second_day])
    [bills] = await money.psd.engine.sums([uid], [thing], [second_day], atid=3)
    assert (all_.sums[thing], bills.sums[thing]) == (-9, -11)


async def test_what_was_posted_and_not_booked_is_booked_by_whoever_comes_next(
    money: Money,
) -> None:
    await money.customer("u1")
    accounts = money.desk.accounts
    await accounts.post("u1", usage("s1", 12, NOON_MS), NOON_MS)
    await money.desk.post("u1", usage("s2", 5, NOON_MS))
    await money.adds_up("u1")
    await accounts.post("u1", usage("s3", 7, NOON_MS), NOON_MS)
    assert await money.desk.look_after(NOON_MS + LEFT_MS) == 1
    await money.adds_up("u1")
    assert await money.desk.look_after(NOON_MS + LEFT_MS) == 0


async def test_a_replay_on_an_empty_store_has_every_cent_and_card_again(
    money: Money, tmp_path: Path
) -> None:
    await money.customer("u1", "pm_card_visa", topup=AutoTopup(True, 0, 2000))
    await money.desk.after_session("u1", "s1")
    await money.desk.post("u1", usage("s1", 12, NOON_MS))
    await money.take_all()
    await money.take_all()
    before = await money.desk.account("u1")
    ledger = {each.entry.id: each.entry for each in await money.desk.accounts.ledger("u1", 0, 99)}
    client = money.psd.store.client
    kept = [key async for key in client.scan_iter() if key.startswith(b"psd:charging:")]
    await client.delete(*kept)
    for told, known in ((True, False), (False, True)):
        redoing = Redoing(tmp_path / "archive", [money.desk.keeper])
        redone = await redoing.run(0)
        assert redone.refusals == []
        assert (redone.kept > 0, redone.kept == 0) == (told, known)
    after = await money.desk.account("u1")
    assert msgspec.structs.replace(after, booked=0) == msgspec.structs.replace(before, booked=0)
    again = {each.entry.id: each.entry for each in await money.desk.accounts.ledger("u1", 0, 99)}
    assert again == ledger
    await money.adds_up("u1")


async def test_webhooks_in_any_order_and_twice_come_to_the_same(money: Money) -> None:
    """Ten shuffles of a life with cards, payments and refunds."""
    stripe = money.stripe
    lives: list[Any] = []
    for seed in range(10):
        name = f"u{seed}"
        account = await money.desk.begin(name)
        id_, began = account.stripe_id, len(stripe.events)
        clock = money.psd.clock
        assert isinstance(clock, ManualClock)
        first, second = (
            stripe.objects.attach(card, {"customer": id_})["id"]
            for card in ("pm_card_visa", "pm_card_mastercard")
        )
        for default in (first, second):
            clock.advance(1)
            settings = {"invoice_settings": {"default_payment_method": default}}
            stripe.objects.update_customer(id_, settings)
        form = {"amount": "900", "currency": "aud", "customer": id_, "payment_method": first}
        paid = stripe.payments.create_intent({**form, "confirm": "true"})
        clock.advance(1)
        stripe.objects.detach(first)
        stripe.payments.refund({"payment_intent": paid["id"], "amount": "100"})
        events = stripe.events[began:] * 2
        random.Random(seed).shuffle(events)
        for event in events:
            await money.take(event)
        found = await money.desk.account(name)
        lives.append((found.balance_cents, len(found.methods), found.method_to_charge() == second))
        await money.adds_up(name)
    assert lives == [(800, 1, True)] * 10

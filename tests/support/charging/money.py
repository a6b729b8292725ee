"""A desk of payments and its simulated Stripe, whose webhooks the test hands over itself.

::

    await money.customer("u1", "pm_card_visa", topup=AutoTopup(True, 1000, 2000))
    await money.take(payment(customer=...))     once, twice, late: 2000 cents are credited once
    await money.adds_up("u1")
"""

from __future__ import annotations

import msgspec

from psd.charging.accounts.customer_accounts import AutoTopup
from psd.charging.accounts.ledger_entries import customer_uid
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.settings import ChargingSettings
from psd.observe.metrics import Metrics
from psd.runtime import Runtime
from server.simulation.fake_stripe import FakeStripe
from server.simulation.stripe_objects import StripeObject
from server.simulation.webhook_sending import signature_header
from tests.support.engine import EVER, NOON_S

SECRET = "whsec_a"
NOON_MS = NOON_S * 1000


class Money:
    """A desk, its Stripe, and webhooks that the test hands over itself."""

    def __init__(self, psd: Runtime, stripe: FakeStripe) -> None:
        self.psd = psd
        self.stripe = stripe
        self.settings = ChargingSettings(
            stripe_url=stripe.url,
            stripe_key=stripe.key,
            stripe_webhook_secrets=f"whsec_new, {SECRET}",
            price_id=stripe.objects.create_price({"currency": "aud", "unit_amount": "100"})["id"],
            frontend_url="http://127.0.0.1:1/",
        )
        self.desk = PaymentDesk(msgspec.structs.replace(psd.core, metrics=Metrics()), self.settings)
        self.handed = 0

    async def take(self, event: StripeObject) -> None:
        body = msgspec.json.encode(event)
        now_s = self.psd.clock.now_s()
        await self.desk.take_webhook(body, signature_header(body, [SECRET], now_s))

    async def take_all(self) -> None:
        """Every event that was not handed over yet."""
        for event in self.stripe.events[self.handed :]:
            await self.take(event)
        self.handed = len(self.stripe.events)

    async def customer(self, name: str, *cards: str, topup: AutoTopup | None = None) -> str:
        account = await self.desk.begin(name, f"{name}@example.com")
        for card in cards:
            self.stripe.objects.attach(card, {"customer": account.stripe_id})
        if topup is not None:
            await self.desk.set_topup(name, topup)
        await self.take_all()
        return account.stripe_id

    async def balance(self, name: str) -> int:
        return (await self.desk.account(name)).balance_cents

    async def adds_up(self, name: str) -> None:
        """The balance is the sum of the ledger, and of the thing ``ledger``."""
        entries = [each.entry for each in await self.desk.accounts.ledger(name, 0, 10_000)]
        assert await self.balance(name) == sum(each.cents for each in entries)
        thing = self.psd.core.things["ledger"]
        [sums] = await self.psd.engine.sums([customer_uid(name)], [thing], [EVER])
        assert sums.sums[thing] == await self.balance(name)


def payment(
    id_: str = "pi_1", customer: str | None = "cus_1", amount: int = 2000, event: str = "evt_1"
) -> StripeObject:
    """The event that a payment of so many cents has succeeded."""
    paid = {"id": id_, "customer": customer, "amount": amount, "payment_method": "pm_1"}
    return {
        "id": event,
        "type": "payment_intent.succeeded",
        "created": NOON_S,
        "data": {"object": paid},
    }

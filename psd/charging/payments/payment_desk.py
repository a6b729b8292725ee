"""Everything that is done about a customer's money, behind one door; built once a process.

::

    await desk.begin("u1", "a@example.com")      an account with 0, and a customer of Stripe
    await desk.credit("u1", "id-2", 5)           -> Credit(4988, open_cents=5), is_enough
    await desk.post("u1", usage("id-2", 12, ms)) the end of a session, then
    await desk.after_session("u1", "id-2")       more money, where that is wished
    await desk.take_webhook(body, signature)     whatever Stripe says
    await desk.look_after(now_ms)                what somebody left who was killed
"""

from __future__ import annotations

from psd.charging.accounts.account_store import AccountStore, Posted
from psd.charging.accounts.customer_accounts import (
    EMAIL,
    STRIPE,
    AutoTopup,
    Credit,
    CustomerAccount,
    since,
    topup_fact,
)
from psd.charging.accounts.ledger_booking import LedgerBooking
from psd.charging.accounts.ledger_entries import LedgerEntry, NumberedEntry
from psd.charging.accounts.ledger_posting import LedgerPosting
from psd.charging.payments.auto_topups import AutoTopups
from psd.charging.payments.payment_decisions import PaymentKeeper
from psd.charging.payments.payment_metrics import PaymentMetrics
from psd.charging.payments.signatures import secrets_of
from psd.charging.payments.webhook_taking import WebhookTaker
from psd.charging.settings import ChargingSettings
from psd.charging.sources.stripe_api import StripeApi
from psd.domain.core import Core
from psd.errors import NotFoundError, PaymentUnavailableError

SUMMED = 1_000

LEFT_MS = 10_000
"""Whoever works on something for so long was killed."""


class PaymentDesk:
    """The money of one process."""

    def __init__(
        self, core: Core, settings: ChargingSettings, stripe: StripeApi | None = None
    ) -> None:
        metrics = PaymentMetrics(core.metrics)
        self.accounts = AccountStore(core.store)
        self.booking = LedgerBooking(
            self.accounts, core.engine, core.clock, core.things.get("ledger"), metrics
        )
        self.keeper = PaymentKeeper(self.accounts, self.booking)
        self._settings = settings
        self._clock = core.clock
        self._posting = LedgerPosting(self.accounts, self.booking, core.archive, core.clock)
        self._stripe = stripe or StripeApi(
            settings.stripe_url, settings.stripe_key, settings.currency, metrics
        )
        self._topups = AutoTopups(self.accounts, self._posting, self._stripe, core.clock)
        self._webhooks = WebhookTaker(
            self.accounts,
            self._posting,
            self._stripe,
            core.clock,
            secrets_of(settings.stripe_webhook_secrets),
            settings.currency,
            metrics,
        )

    async def begin(self, customer: str, email: str = "") -> CustomerAccount:
        """Begin an account; one that is there keeps what it has.

        Where payments are on it gets a customer of Stripe: raises PaymentUnavailableError while
        that cannot be had, and the account is there all the same.
        """
        account = await self.accounts.account(customer)
        if not account.is_known or email not in ("", account.email):
            moment = since(self._clock.now_ms())
            facts = [(EMAIL, moment, email)] if email else []
            await self._posting.tell(customer, facts, begins=True)
        if self._settings.stripe_key:
            await self._stripe_id(customer)
        return await self.accounts.account(customer)

    async def account(self, customer: str) -> CustomerAccount:
        """An account; raises NotFoundError where there is none."""
        account = await self.accounts.account(customer)
        if not account.is_known:
            raise NotFoundError(f"customer: {customer} has no account")
        return account

    async def set_topup(self, customer: str, wish: AutoTopup) -> CustomerAccount:
        """Say how an account is to be topped up; raises NotFoundError where there is none."""
        # Of two within a millisecond, or by clocks that differ, the later one stands.
        at_ms = max(self._clock.now_ms(), (await self.account(customer)).topup_ms + 1)
        await self._posting.tell(customer, [topup_fact(wish, at_ms)])
        return await self.account(customer)

    async def credit(self, customer: str, session: str = "", cents: int = 0) -> Credit:
        """What is left to a customer, with what an open session has come to noted before."""
        return await self.accounts.credit(customer, session, cents)

    async def post(self, customer: str, entry: LedgerEntry) -> Posted:
        """Post an entry, once for its id; raises an InputError for what no ledger takes."""
        return await self._posting.post(customer, entry)

    async def entries(self, customer: str, before: int, limit: int) -> list[NumberedEntry]:
        """Entries of a ledger before a number (0: from the end), the newest first."""
        return await self.accounts.newest(customer, before, limit)

    async def sum_from(self, customer: str, n: int) -> int:
        """The cents of an entry and of all behind it. A trip each SUMMED entries."""
        total, after = 0, n - 1
        while page := await self.accounts.ledger(customer, after, SUMMED):
            total += sum(each.entry.cents for each in page)
            after = page[-1].n
        return total

    async def after_session(self, customer: str, session: str) -> None:
        """Top up behind a session, where that is wished. Whatever Stripe says, it returns."""
        if self._settings.stripe_key:
            await self._topups.after(customer, session)

    async def take_webhook(self, body: bytes, signature: str) -> None:
        """Keep what Stripe says; raises an InputError, or UnavailableError."""
        await self._webhooks.take(body, signature)

    async def checkout_url(self, customer: str) -> str:
        """Where a customer tops up by hand; raises as Stripe refuses."""
        settings = self._settings
        if not settings.price_id:
            raise PaymentUnavailableError("charging.price_id: nothing is sold without it")
        stripe_id = await self._stripe_id(customer)
        return await self._stripe.checkout_url(stripe_id, settings.price_id, settings.frontend_url)

    async def portal_url(self, customer: str) -> str:
        """Where a customer manages cards; raises as Stripe refuses."""
        stripe_id = await self._stripe_id(customer)
        return await self._stripe.portal_url(stripe_id, self._settings.frontend_url)

    async def look_after(self, now_ms: int) -> int:
        """Finish what somebody left who was killed; how many customers were looked at."""
        until_ms = now_ms - LEFT_MS
        customers = await self.accounts.left(until_ms)
        done = []
        for customer in customers:
            await self.booking.book_left(customer)
            if not await self._topups.carry_out_left(customer):
                done.append(customer)
        if done:
            await self.accounts.nothing_left(until_ms, done)
        return len(customers)

    async def close(self) -> None:
        """Hang up."""
        await self._stripe.close()

    async def _stripe_id(self, customer: str) -> str:
        """A customer's id at Stripe; made where it has none, if there is an account."""
        account = await self.account(customer)
        if account.stripe_id:
            return account.stripe_id
        made = await self._stripe.create_customer(customer, account.email)
        fact = (STRIPE, since(self._clock.now_ms()), made)
        await self._posting.tell(customer, [fact], stripe_id=made)
        return made

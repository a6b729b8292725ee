"""Tops an account up without its owner: once behind a session, whoever is killed meanwhile.

What is charged is noted before Stripe is asked, under the session, so that everybody who comes
later asks for the same with the same key; it is never tried again behind the same session::

    balance 988, threshold 1000  -> topups["s-81"] = 2000 by pm_1
    POST /v1/payment_intents, Idempotency-Key: topup/s-81
        succeeded      -> topups["s-81"] = ""; the credit comes by the webhook alone
        card_declined  -> entry fail/pi_7, topups["s-81"] = ""
        no answer      -> it stands there; a worker asks again, for GIVEN_UP_MS
"""

from __future__ import annotations

import msgspec

from psd.charging.accounts.account_store import AccountStore
from psd.charging.accounts.customer_accounts import CustomerAccount
from psd.charging.accounts.ledger_entries import failure
from psd.charging.accounts.ledger_posting import LedgerPosting
from psd.charging.sources.stripe_api import StripeApi
from psd.clock import Clock
from psd.errors import PaymentError, PaymentUnavailableError

GIVEN_UP_MS = 23 * 3_600_000
"""Stripe knows a key for a day: later the same request would be another payment."""

KEY_REUSED = "idempotency_error"
"""The key was used for something else: by somebody who had noted it in a store that is gone."""


class WantedTopup(msgspec.Struct, frozen=True):
    """What is to be charged, and since when."""

    cents: int
    method: str
    at_ms: int


class AutoTopups:
    """Asks Stripe for money where an account wishes it."""

    def __init__(
        self, accounts: AccountStore, posting: LedgerPosting, stripe: StripeApi, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._posting = posting
        self._stripe = stripe
        self._clock = clock

    async def after(self, customer: str, session: str) -> None:
        """Top up behind a session that has ended, where that is wished. Safe to repeat."""
        account = await self._accounts.account(customer)
        if not account.wants_topup():
            return
        now_ms = self._clock.now_ms()
        wish = WantedTopup(
            account.auto_topup.recharge_value_cents, account.method_to_charge(), now_ms
        )
        await self._accounts.note_left(customer, now_ms)
        held = await self._accounts.begin_topup(
            customer, session, msgspec.json.encode(wish).decode()
        )
        if held:
            await self._carry_out(account, session, _wanted(held))

    async def carry_out_left(self, customer: str) -> bool:
        """Ask again for what Stripe has not answered; whether something is still left."""
        left = await self._accounts.topups(customer)
        if left:
            account = await self._accounts.account(customer)
            for session, held in left.items():
                await self._carry_out(account, session, _wanted(held))
            left = await self._accounts.topups(customer)
        return bool(left)

    async def _carry_out(self, account: CustomerAccount, session: str, wanted: WantedTopup) -> None:
        if not wanted.method or not account.stripe_id:
            await self._failed(account.customer, session, wanted, "no payment method")
            return
        if self._clock.now_ms() - wanted.at_ms > GIVEN_UP_MS:
            await self._failed(account.customer, session, wanted, "Stripe did not answer for a day")
            return
        metadata = {"psd_topup": "auto", "session": session}
        try:
            await self._stripe.charge(
                account.stripe_id, wanted.method, wanted.cents, f"topup/{session}", metadata
            )
        except PaymentUnavailableError:
            return
        except PaymentError as error:
            if error.reason != KEY_REUSED:
                told = f"{error.reason}: {error}"
                await self._failed(account.customer, session, wanted, told, error.intent)
                return
        await self._accounts.end_topup(account.customer, session)

    async def _failed(
        self, customer: str, session: str, wanted: WantedTopup, told: str, intent: str = ""
    ) -> None:
        """Note why it did not work, at the moment when it was begun; there is no second try."""
        entry = failure(intent or session, session, wanted.at_ms, told, intent)
        await self._posting.post(customer, entry)
        await self._accounts.end_topup(customer, session)


def _wanted(held: str) -> WantedTopup:
    return msgspec.json.decode(held, type=WantedTopup)

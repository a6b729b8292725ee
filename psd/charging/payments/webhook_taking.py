"""Takes Stripe's webhooks: whoever signed one is believed, once.

::

    POST /hook, signed, payment_intent.succeeded of pi_1     +2000, and 200 once it is kept
    the same again, or its event under another id            nothing, 200
    forged, old, of a guest, of nobody's customer            nothing, 400: Stripe sends it again
    the store, the archive or Stripe away                    503: Stripe sends it again
"""

from __future__ import annotations

from collections.abc import Sequence

from psd.charging.accounts.account_store import AccountStore
from psd.charging.accounts.ledger_posting import LedgerPosting
from psd.charging.payments.payment_metrics import PaymentMetrics
from psd.charging.payments.signatures import check_signature
from psd.charging.payments.webhook_events import (
    KNOWN_TYPES,
    CardTold,
    PaymentCame,
    RefundsCame,
    event_of,
    judged,
)
from psd.charging.sources.stripe_api import StripeApi
from psd.clock import Clock
from psd.errors import PsdError, UnavailableError, WrongTypeError

BODY_BYTES_MAX = 65_536


class WebhookTaker:
    """Takes webhooks that are signed by one of ``secrets``."""

    def __init__(
        self,
        accounts: AccountStore,
        posting: LedgerPosting,
        stripe: StripeApi,
        clock: Clock,
        secrets: Sequence[str],
        unit: str,
        metrics: PaymentMetrics,
    ) -> None:
        self._accounts = accounts
        self._posting = posting
        self._stripe = stripe
        self._clock = clock
        self._secrets = secrets
        self._unit = unit
        self._metrics = metrics

    async def take(self, body: bytes, signature: str) -> None:
        """Return once what a webhook says is kept.

        Raises an InputError for what is refused, UnavailableError where it is to come again.
        """
        kind = "unsigned"
        try:
            check_signature(signature, body, self._secrets, self._clock.now_s())
            event = event_of(body)
            kind = event.type if event.type in KNOWN_TYPES else "other"
            found = judged(event, self._unit)
            if found is not None:
                await self._carry_out(found)
        except PsdError as error:
            outcome = "unavailable" if isinstance(error, UnavailableError) else "refused"
            self._metrics.webhooks.labels(kind, outcome).inc()
            raise
        self._metrics.webhooks.labels(kind, "ignored" if found is None else "taken").inc()

    async def _carry_out(self, found: PaymentCame | CardTold | RefundsCame) -> None:
        customer = await self._accounts.customer_of(found.stripe_id)
        if customer is None:
            raise WrongTypeError(f"customer: {found.stripe_id} has no account here")
        if isinstance(found, PaymentCame):
            await self._posting.post(customer, found.entry)
        elif isinstance(found, CardTold):
            await self._posting.tell(customer, [found.fact])
        else:
            refunds = found.refunds
            if refunds is None:
                refunds = await self._stripe.refunds_of(found.charge)
            for entry in found.entries(refunds):
                await self._posting.post(customer, entry)

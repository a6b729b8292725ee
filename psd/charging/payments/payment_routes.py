"""The original's payment site: what Stripe tells, and the ways to its pages.

::

    POST /hook                 a webhook of Stripe
    GET  /topup/u1             303 to a page where u1 pays, for u1's token, or by a signed link
    GET  /manage/u1            303 to a page where u1 manages cards, likewise
    POST /charge               404: the original has it switched off

What Stripe refuses is 500 there, as the original has it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.payments.signed_links import Purpose, is_signed
from psd.charging.payments.webhook_taking import BODY_BYTES_MAX
from psd.charging.settings import ChargingSettings
from psd.charging.whose import is_of
from psd.clock import Clock
from psd.domain.hook import Hook, Lead, Led
from psd.errors import (
    ForbiddenError,
    NotFoundError,
    PaymentError,
    PaymentUnavailableError,
    SourceError,
    UnauthorizedError,
)

SECOND = re.compile(r"\d{1,12}", re.ASCII)


class PaymentRoutes:
    """What the face has."""

    def __init__(self, desk: PaymentDesk, settings: ChargingSettings, clock: Clock) -> None:
        self._desk = desk
        self._settings = settings
        self._clock = clock

    def hooks(self) -> Sequence[Hook]:
        """What others' servers may tell."""
        return (
            Hook(
                path="/hook",
                header="Stripe-Signature",
                body_bytes_max=BODY_BYTES_MAX,
                take=self._desk.take_webhook,
            ),
        )

    def leads(self) -> Sequence[Lead]:
        """The ways to Stripe's pages."""
        return (
            self._lead("topup", self._desk.checkout_url),
            self._lead("manage", self._desk.portal_url),
        )

    def _lead(self, purpose: Purpose, url_of: Callable[[str], Awaitable[str]]) -> Lead:
        async def lead(led: Led) -> str:
            customer = led.path["customer"]
            self._check(led, purpose, customer)
            try:
                return await url_of(customer)
            except (NotFoundError, PaymentError, PaymentUnavailableError) as exc:
                raise SourceError(f"{purpose} of {customer}: {exc}") from exc

        return Lead(path=f"/{purpose}/{{customer}}", lead=lead)

    def _check(self, led: Led, purpose: Purpose, customer: str) -> None:
        key, now_s = self._settings.stripe_key, self._clock.now_s()
        expires, signature = led.query.get("expires", ""), led.query.get("signature", "")
        if signature:
            expires_s = int(expires) if SECOND.fullmatch(expires) else 0
            if not is_signed(key, purpose, customer, expires_s, signature, now_s):
                raise ForbiddenError("signature: the link is not one of ours, or too old", "")
        elif led.is_foreign:
            raise ForbiddenError("a link of another site leads there if it is signed", "")
        elif not led.identity.scopes:
            raise UnauthorizedError("this needs a customer's token, or a signed link", "")
        elif not is_of(led.identity, customer):
            raise ForbiddenError("this is another customer's")

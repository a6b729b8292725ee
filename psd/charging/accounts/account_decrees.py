"""What is decided of accounts over HTTP: that there is one, and how it is topped up.

::

    POST /v3/charging/customers              {"customer":"u1","email":"a@example.com"}
    PUT  /v3/charging/customers/u1/autotopup {"enabled":true,"threshold_cents":1000,
                                              "recharge_value_cents_aud":2000}

An operator decides it of everybody, a customer of itself. Money is moved by neither.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from psd.charging.accounts.account_answers import (
    ShownAccount,
    ShownTopup,
    shown_account,
    shown_topup,
)
from psd.charging.accounts.customer_accounts import AutoTopup
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.whose import asking_for, is_of, is_operator
from psd.domain.decree import Decree
from psd.domain.deed import Done
from psd.domain.question import Asked
from psd.errors import NotFoundError, WrongTypeError
from psd.foreign_texts import shown
from psd.users import canonical

ROOT = "/v3/charging/customers"

Cents = Annotated[int, Meta(ge=0, le=10_000_000)]
SomeCents = Annotated[int, Meta(ge=1, le=10_000_000)]
Email = Annotated[str, Meta(max_length=254)]


class CustomerBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whose account; a customer's own token need not say it."""

    customer: str = ""
    email: Email = ""


class TopupBody(msgspec.Struct, forbid_unknown_fields=True):
    """AutoTopupPreferences; what is left out stays."""

    enabled: bool | UnsetType = UNSET
    threshold_cents: Cents | UnsetType = UNSET
    recharge_value_cents_aud: SomeCents | UnsetType = UNSET


class AccountDecrees:
    """Asks the desk to do it, which archives it."""

    def __init__(self, desk: PaymentDesk) -> None:
        self._desk = desk

    async def begin(self, asked: Asked) -> Done:
        """Begin an account, or tell of the one that is there."""
        body: CustomerBody = asked.query
        customer = canonical(asking_for(asked.identity, body.customer, "customer"), "customer")
        if body.email and ("@" not in body.email or not body.email.isprintable()):
            raise WrongTypeError(f"email: {shown(body.email)} is no address")
        before = await self._desk.accounts.account(customer)
        account = await self._desk.begin(customer, body.email)
        credit = await self._desk.credit(customer)
        told: ShownAccount = shown_account(account, credit.open_cents)
        return Done(told, is_new=not before.is_known)

    async def set_topup(self, asked: Asked) -> Done:
        """Say how an account is topped up."""
        customer = asked.path["customer"]
        if not is_operator(asked.identity) and not is_of(asked.identity, customer):
            raise NotFoundError(f"customer: {customer} has no account")
        body: TopupBody = asked.query
        held = (await self._desk.account(customer)).auto_topup
        wish = AutoTopup(
            held.enabled if body.enabled is UNSET else body.enabled,
            held.threshold_cents if body.threshold_cents is UNSET else body.threshold_cents,
            held.recharge_value_cents
            if body.recharge_value_cents_aud is UNSET
            else body.recharge_value_cents_aud,
        )
        account = await self._desk.set_topup(customer, wish)
        return Done(shown_topup(account.auto_topup), is_new=False)

    def decrees(self) -> list[Decree]:
        """All that may be decided."""
        return [
            Decree(
                path=ROOT,
                body=CustomerBody,
                answer=ShownAccount,
                decide=self.begin,
                summary="Begin an account.",
                meaning="the account",
                details="Where payments are on it has a customer of Stripe from then on. One that "
                "is there keeps what it has.",
                sent='{"customer":"u1","email":"a@example.com"}',
                example=(ROOT, '{"customer":"u1","email":"a@example.com",...}'),
                refused=(409,),
                whole=False,
            ),
            Decree(
                method="PUT",
                path=f"{ROOT}/{{customer}}/autotopup",
                body=TopupBody,
                answer=ShownTopup,
                decide=self.set_topup,
                summary="Say how an account is topped up without its owner.",
                meaning="how it is topped up",
                details="Behind a session that leaves a balance of `threshold_cents` or less, the "
                "default card is charged, else the first.",
                sent='{"enabled":true,"threshold_cents":1000,"recharge_value_cents_aud":2000}',
                example=(
                    f"{ROOT}/u1/autotopup",
                    '{"enabled":true,"threshold_cents":1000,"recharge_value_cents_aud":2000}',
                ),
                refused=(404,),
                whole=False,
            ),
        ]

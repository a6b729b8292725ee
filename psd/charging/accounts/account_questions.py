"""What is asked about accounts, by HTTP: the account, and its ledger page by page.

A customer is shown its own account alone. To everybody else it is not there, in the same words as
one that there never was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from psd.charging.accounts.account_answers import (
    LedgerRows,
    ShownAccount,
    ledger_rows,
    shown_account,
)
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.whose import visible
from psd.domain.question import Asked, Endpoint

ROOT = "/v3/charging/customers/{customer}"


class LedgerQuery(msgspec.Struct, frozen=True):
    """Which entries: those before a number, and how many."""

    before: Annotated[int, msgspec.Meta(ge=1)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class AccountQuestions:
    """Asks the desk."""

    def __init__(self, desk: PaymentDesk) -> None:
        self._desk = desk

    async def account(self, asked: Asked) -> ShownAccount:
        """What is known of a customer's account."""
        customer = visible(asked.identity, asked.path["customer"])
        account = await self._desk.account(customer)
        credit = await self._desk.credit(customer)
        return shown_account(account, credit.open_cents)

    async def ledger(self, asked: Asked) -> LedgerRows:
        """A customer's ledger, the newest entries first."""
        customer = visible(asked.identity, asked.path["customer"])
        query: LedgerQuery = asked.query
        return await rows_of(self._desk, customer, query.before or 0, query.limit)

    def of_account(self) -> Endpoint:
        """What is asked of an account as a whole."""
        return Endpoint(
            path=ROOT,
            answer=ShownAccount,
            ask=self.account,
            meaning="the account",
            details="`open_cents` is what sessions that go on have come to so far.",
            example=(
                "/v3/charging/customers/u1",
                '{"customer":"u1","email":...,"balance_cents":2286,"open_cents":4,...}',
            ),
            refused=(404, 406),
        )

    def endpoints(self) -> Sequence[Endpoint]:
        """All questions."""
        return (
            self.of_account(),
            Endpoint(
                path=f"{ROOT}/ledger",
                query=LedgerQuery,
                answer=LedgerRows,
                ask=self.ledger,
                meaning="some entries",
                details="Whoever asks again with `next` as `before` has each entry once.",
                example=(
                    "/v3/charging/customers/u1/ledger?limit=1",
                    '{"customer":"u1","data":[{"n":4,"id":"adj/id-1/1","kind":"adjustment",...}],"next":4}',
                ),
                refused=(404, 406),
            ),
        )


async def rows_of(desk: PaymentDesk, customer: str, before: int, limit: int) -> LedgerRows:
    """Entries before a number (0: from the end) with their balances. 2 trips, 3 for a page behind.

    Raises NotFoundError where there is no account.
    """
    account = await desk.account(customer)
    newest = await desk.entries(customer, before, limit + 1)
    behind = await desk.sum_from(customer, before) if before else 0
    return ledger_rows(customer, newest, account.balance_cents - behind, limit)

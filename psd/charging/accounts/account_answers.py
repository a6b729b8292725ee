"""What is told of accounts and ledgers, over HTTP and at the command line. Pure.

Fields have the original's names where it has them (Transaction, CustomerBalance,
AutoTopupPreferences, StripeCustomer)::

    {"n":2,"id":"use/id-2","kind":"usage","transaction_type":3,"cents_aud":-12,"balance_cents":1988,
     "completed_ms":1723940006000,"session_id":"id-2","payment_id":"","payment_method":"","note":""}
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from psd.charging.accounts.customer_accounts import AutoTopup, CustomerAccount
from psd.charging.accounts.ledger_entries import NUMBERS, EntryKind, NumberedEntry


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry; ``balance_cents`` is the balance behind it."""

    n: int
    id: str
    kind: EntryKind
    transaction_type: int
    cents_aud: int
    balance_cents: int
    completed_ms: int
    session_id: str
    payment_id: str
    payment_method: str
    note: str
    by: str


class LedgerRows(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, the newest first; ``next`` asks for those before them."""

    customer: str
    data: list[LedgerRow]
    next: int | None = None


class ShownTopup(msgspec.Struct, frozen=True, kw_only=True):
    """AutoTopupPreferences."""

    enabled: bool
    threshold_cents: int
    recharge_value_cents_aud: int


class ShownAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account; ``open_cents`` is what sessions that go on have come to."""

    customer: str
    email: str
    stripe_id: str
    balance_cents: int
    open_cents: int
    entries: int
    payment_methods: list[str]
    default_payment_method: str
    auto_topup: ShownTopup


def shown_topup(wish: AutoTopup) -> ShownTopup:
    """How an account is topped up, as it is told."""
    return ShownTopup(
        enabled=wish.enabled,
        threshold_cents=wish.threshold_cents,
        recharge_value_cents_aud=wish.recharge_value_cents,
    )


def shown_account(account: CustomerAccount, open_cents: int) -> ShownAccount:
    """An account as it is told."""
    return ShownAccount(
        customer=account.customer,
        email=account.email,
        stripe_id=account.stripe_id,
        balance_cents=account.balance_cents,
        open_cents=open_cents,
        entries=account.entries,
        payment_methods=list(account.methods),
        default_payment_method=account.default_method,
        auto_topup=shown_topup(account.auto_topup),
    )


def ledger_rows(
    customer: str, newest: Sequence[NumberedEntry], balance_cents: int, limit: int
) -> LedgerRows:
    """Entries, the newest first; ``balance_cents`` is that behind the newest of them."""
    rows = []
    for each in newest[:limit]:
        entry = each.entry
        row = LedgerRow(
            n=each.n,
            id=entry.id,
            kind=entry.kind,
            transaction_type=NUMBERS[entry.kind],
            cents_aud=entry.cents,
            balance_cents=balance_cents,
            completed_ms=entry.at_ms,
            session_id=entry.session,
            payment_id=entry.payment_id,
            payment_method=entry.payment_method,
            note=entry.note,
            by=entry.by,
        )
        rows.append(row)
        balance_cents -= entry.cents
    following = rows[-1].n if len(newest) > limit else None
    return LedgerRows(customer=customer, data=rows, next=following)

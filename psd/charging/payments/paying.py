"""What sessions ask of money: a seam to psd/charging/payments/payment_desk.py."""

from __future__ import annotations

from typing import Protocol

from psd.charging.accounts.customer_accounts import Credit
from psd.charging.accounts.ledger_entries import LedgerEntry


class Payments(Protocol):
    """Accounts, their ledgers, and whoever charges cards. Each deed is safe to repeat."""

    async def credit(self, customer: str, session: str, cents: int) -> Credit:
        """Note what a session that goes on has come to; what its customer has left. 1 trip."""
        ...

    async def post(self, customer: str, entry: LedgerEntry) -> object:
        """Post an entry, once for its id."""
        ...

    async def after_session(self, customer: str, session: str) -> None:
        """A session is paid: charge a card, where that is wished."""
        ...

"""What is archived of money, so that a replay on an empty store has every cent again.

None of it is a message: no producer can post money, only psd itself, a signed webhook, or somebody
at the command line. An entry or a fact is archived before it is written, and each says all of it::

    {"command":"decision","decision":{"kind":"ledger_posted","version":0,"customer":"u1",
        "entry":{"id":"pi/pi_1","kind":"topup_manual","cents":2000,"at_ms":1723939200000,...}}}
    {"command":"decision","decision":{"kind":"account_told","customer":"u1",
        "facts":[["m:pm_1","0001723939200000:0","1"]],"begins":false,"stripe_id":""}}

They need no version: an entry is known by its id, a fact by the moment since which it holds, so
they are carried out again in any order and however often.
"""

from __future__ import annotations

from psd.archive.decisions import Decision, Kinds, Redone, Tail, kinds_of
from psd.charging.accounts.account_store import AccountStore
from psd.charging.accounts.customer_accounts import Fact
from psd.charging.accounts.ledger_booking import LedgerBooking
from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.errors import InputError


class LedgerPosted(Decision, frozen=True, tag="ledger_posted", kw_only=True):
    """An entry of a customer's ledger."""

    customer: str
    entry: LedgerEntry


class AccountTold(Decision, frozen=True, tag="account_told", kw_only=True):
    """Facts of an account; one that ``begins`` has a balance from then on."""

    customer: str
    facts: tuple[Fact, ...] = ()
    begins: bool = False
    stripe_id: str = ""


PAYMENT_KINDS: Kinds = kinds_of(LedgerPosted, AccountTold)


class PaymentKeeper:
    """Posts and tells again what an archive has."""

    kinds: Kinds = PAYMENT_KINDS

    def __init__(self, accounts: AccountStore, booking: LedgerBooking) -> None:
        self._accounts = accounts
        self._booking = booking

    def redo(self, redone: Redone, _tail: Tail, *, is_dry: bool) -> PaymentRedo:
        """Each is carried out as it comes."""
        return PaymentRedo(self._accounts, self._booking, redone, is_dry=is_dry)


class PaymentRedo:
    """Carries out what one archive has."""

    def __init__(
        self, accounts: AccountStore, booking: LedgerBooking, redone: Redone, *, is_dry: bool
    ) -> None:
        self._accounts = accounts
        self._booking = booking
        self._redone = redone
        self._is_dry = is_dry

    async def take(self, decision: LedgerPosted | AccountTold) -> None:
        """Post or tell it, unless that was done; dry, it is counted as done."""
        if self._is_dry:
            self._redone.count(False)
            return
        try:
            self._redone.count(await self._carried_out(decision))
        except InputError as error:
            self._redone.refusals.append(f"charging: {decision.customer}: {error}")

    async def finish(self) -> None:
        """Nothing is left: what was posted is booked with it."""

    async def _carried_out(self, decision: LedgerPosted | AccountTold) -> bool:
        if isinstance(decision, LedgerPosted):
            return (await self._booking.post(decision.customer, decision.entry)).is_new
        return await told(self._accounts, decision)


async def told(accounts: AccountStore, decision: AccountTold) -> bool:
    """Write facts of an account; whether something changed."""
    if decision.stripe_id:
        await accounts.link(decision.stripe_id, decision.customer)
    return bool(await accounts.tell(decision.customer, decision.facts, begins=decision.begins))

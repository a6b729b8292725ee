"""Accounts, their ledgers and sessions that have ended, as decisions that make them again.

::

    account_told u1, what is known of it    ledger_posted u1, entry by entry
    session_told id-2 with the energy of its minutes

An entry is posted once for its id, a session is kept by its revision, so all may be told again to a
store that has some. What plugs are doing just now, limits of sites and single readings are none of
it: they are true of the moment, or in the archive alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from psd.charging.accounts.account_store import AccountStore
from psd.charging.accounts.ledger_entries import NumberedEntry
from psd.charging.accounts.whole_accounts import WholeAccounts
from psd.charging.payments.payment_decisions import AccountTold, LedgerPosted
from psd.charging.sessions.session_audit import SessionAudit
from psd.charging.sessions.session_store import SessionStore
from psd.charging.sites.site_decisions import session_told
from psd.charging.sites.site_store import SiteStore
from psd.domain.told_again import ToldMessage, decided
from psd.engine.plan import Range

AT_ONCE = 500
MS = 1_000


class ToldCharging:
    """Tells money first, as sessions are held against it."""

    def __init__(
        self,
        whole: WholeAccounts,
        accounts: AccountStore,
        sites: SiteStore,
        sessions: SessionStore,
        audit: SessionAudit,
    ) -> None:
        self._whole = whole
        self._accounts = accounts
        self._sites = sites
        self._sessions = sessions
        self._audit = audit

    async def standing(self, _within: Range) -> AsyncIterator[ToldMessage]:
        """Customers by their names, then sessions by their sites."""
        for customer in await self._whole.customers():
            account = await self._accounts.account(customer)
            facts = await self._accounts.facts(customer)
            if account.is_known or facts:
                told = AccountTold(customer=customer, facts=facts, begins=account.is_known)
                yield decided(customer, 0, told)
            async for each in self._entries(customer):
                posted = LedgerPosted(customer=customer, entry=each.entry)
                yield decided(customer, each.entry.at_ms // MS, posted)
        for stripe_id, customer in (await self._accounts.stripe_ids()).items():
            yield decided(customer, 0, AccountTold(customer=customer, stripe_id=stripe_id))
        for site in await self._sites.sites():
            for id_ in await self._sessions.ids(site):
                session = await self._sessions.session(site, id_)
                if session is not None:
                    taken = await self._sessions.taken(site, session.plug_id)
                    booked = await self._audit.booked(session)
                    message = session_told(site, session, taken, booked)
                    yield decided(session.owner_id, session.finish_ms // MS, message)

    async def _entries(self, customer: str) -> AsyncIterator[NumberedEntry]:
        last = 0
        while entries := await self._accounts.ledger(customer, last, AT_ONCE):
            for each in entries:
                yield each
            last = entries[-1].n

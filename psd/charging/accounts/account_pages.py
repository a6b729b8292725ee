"""The pages of accounts: balance, sessions, ledger, top-up.

::

    GET  /charging/account                  one's own; who may see everybody is asked for whom
    GET  /charging/accounts/u1/             balance, automatic top-up, sessions, the ledger
    POST /charging/accounts/u1/             enabled=y, threshold=10.00, value=20.00
    GET  /charging/accounts/u1/topup        303 to the payments' site, as /topup/u1 of the face
    GET  /charging/accounts/u1/manage       303 to the cards there
    GET  /charging/accounts/u1/?csv=ledger  the ledger as a file

An account is its customer's, and theirs who see everybody; to others it is not there.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

import msgspec

from psd.charging.accounts.account_answers import LedgerRow
from psd.charging.accounts.account_questions import rows_of
from psd.charging.accounts.customer_accounts import AutoTopup
from psd.charging.page_words import CENTS, KINDS, energy, lasted, moment, money
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.plugs.plug_pages import customers_of
from psd.charging.sessions.session_store import ChargeSession, SessionStore
from psd.charging.settings import ChargingSettings
from psd.charging.whose import is_of
from psd.domain.web_page import Answer, Away, Download, Moved, Shown, Visit, WebPage
from psd.errors import (
    ForbiddenError,
    NotFoundError,
    PaymentError,
    PaymentUnavailableError,
)

ENTRIES_SHOWN = 50
ENTRIES_OF_A_FILE = 10_000
SESSIONS_SHOWN = 20
CENTS_MAX = 100_000_00
"""More is a slip of the hand."""

_AMOUNT = re.compile(r"(\d{1,6})(?:[.,](\d{1,2}))?", re.ASCII)

LEDGER_COLUMNS = ("n", "id", "kind", "cents", "balance_cents", "completed", "session_id", "note")


class EntryLine(msgspec.Struct, frozen=True):
    """An entry of the ledger."""

    n: int
    when: str
    kind: str
    amount: str
    balance: str
    told: str
    is_less: bool


class SessionLine(msgspec.Struct, frozen=True):
    """A session that has ended: its receipt."""

    began: str
    lasted: str
    plug: str
    path: str
    energy: str
    cost: str
    session: str


class AccountPages:
    """Shows accounts."""

    def __init__(
        self, desk: PaymentDesk, sessions: SessionStore, settings: ChargingSettings
    ) -> None:
        self._desk = desk
        self._sessions = sessions
        self._currency = settings.currency
        self._is_paid = bool(settings.stripe_key)

    def pages(self) -> tuple[WebPage, ...]:
        """All of them."""
        one = "/accounts/{customer}/"
        return (
            WebPage(path="/account", show=self.own, parameters=("customer",), link="Account"),
            WebPage(
                path=one,
                show=self.account,
                parameters=("before", "csv"),
                named=True,
                takes_forms=True,
            ),
            WebPage(
                path=f"{one}topup",
                show=self._leading(self._desk.checkout_url),
                parameters=(),
                named=True,
            ),
            WebPage(
                path=f"{one}manage",
                show=self._leading(self._desk.portal_url),
                parameters=(),
                named=True,
            ),
        )

    async def own(self, visit: Visit) -> Answer:
        """One's own account, or for whom."""
        customers = customers_of(visit.identity)
        wanted = visit.query.get("customer", "").strip()
        if len(customers) == 1 or wanted:
            return Moved(_path(wanted or customers[0]))
        return Shown("account_choice.html", {"customers": customers})

    async def account(self, visit: Visit) -> Answer:
        """An account; a form says how it is topped up."""
        customer = _visible(visit)
        if visit.query.get("csv") == "ledger":
            return await self._file(customer)
        if visit.form is None:
            return await self._shown(visit, customer, {}, {})
        if not visit.identity.may("write"):
            raise ForbiddenError(f"{visit.identity.name} may not do this: it needs scope write")
        wish, errors = _wish(visit.form)
        if errors:
            return await self._shown(visit, customer, visit.form, errors)
        await self._desk.set_topup(customer, wish)
        return Moved(_path(customer), "Automatic top-up is " + ("on" if wish.enabled else "off"))

    async def _shown(
        self, visit: Visit, customer: str, typed: Mapping[str, str], errors: Mapping[str, str]
    ) -> Answer:
        account = await self._desk.account(customer)
        credit = await self._desk.credit(customer)
        before = _number(visit.query.get("before", ""))
        rows = await rows_of(self._desk, customer, before, ENTRIES_SHOWN)
        wish, left = account.auto_topup, account.balance_cents - credit.open_cents
        values = {
            "customer": customer,
            "path": quote(customer, safe=""),
            "balance": self._money(account.balance_cents),
            "open": self._money(credit.open_cents),
            "left": self._money(left),
            "is_empty": left <= 0,
            "entries": [self._entry_line(row) for row in rows.data],
            "next": rows.next,
            "first": bool(before),
            "sessions": await self._session_lines(customer),
            "cards": len(account.methods),
            "is_paid": self._is_paid,
            "may_write": visit.identity.may("write"),
            "wish": _typed(wish) | dict(typed) if typed else _typed(wish),
            "enabled": "enabled" in typed if typed else wish.enabled,
            "errors": {"threshold": "", "value": ""} | dict(errors),
            "currency": self._currency.upper(),
        }
        return Shown("account.html", values)

    def _entry_line(self, row: LedgerRow) -> EntryLine:
        told = row.note or (f"session {row.session_id}" if row.session_id else row.payment_id)
        return EntryLine(
            row.n,
            moment(row.completed_ms),
            KINDS[row.kind],
            self._money(row.cents_aud),
            self._money(row.balance_cents),
            told,
            row.cents_aud < 0,
        )

    async def _session_lines(self, customer: str) -> list[SessionLine]:
        found = await self._sessions.of_customer(customer, SESSIONS_SHOWN)
        return [self._session_line(each) for each in found]

    def _session_line(self, each: ChargeSession) -> SessionLine:
        return SessionLine(
            moment(each.start_ms),
            lasted(each.finish_ms - each.start_ms),
            each.plug_id,
            quote(each.plug_id, safe=""),
            energy(each.total_kwh),
            self._money(each.cents),
            each.session_id,
        )

    async def _file(self, customer: str) -> Answer:
        """The ledger, the newest entries first."""
        rows = await rows_of(self._desk, customer, 0, ENTRIES_OF_A_FILE)
        lines = [
            (
                *(row.n, row.id, row.kind, row.cents_aud, row.balance_cents),
                *(moment(row.completed_ms), row.session_id, row.note),
            )
            for row in rows.data
        ]
        return Download("ledger.csv", LEDGER_COLUMNS, lines)

    def _leading(
        self, url_of: Callable[[str], Awaitable[str]]
    ) -> Callable[[Visit], Awaitable[Answer]]:
        async def lead(visit: Visit) -> Answer:
            customer = _visible(visit)
            await self._desk.account(customer)
            try:
                return Away(await url_of(customer))
            except (PaymentError, PaymentUnavailableError) as error:
                return Moved(_path(customer), f"The payments' site does not let you in: {error}")

        return lead

    def _money(self, cents: int) -> str:
        return money(cents, self._currency)


def _visible(visit: Visit) -> str:
    """The customer of a page; raises NotFoundError for one who may not see it."""
    customer = visit.names["customer"]
    if not is_of(visit.identity, customer):
        raise NotFoundError(f"customer: {customer} has no account")
    return customer


def _path(customer: str) -> str:
    return f"/accounts/{quote(customer, safe='')}/"


def _number(text: str) -> int:
    """The number of an entry, 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < len("10" * 10) else 0


def _typed(wish: AutoTopup) -> dict[str, str]:
    """A wish as a form shows it."""
    return {
        "threshold": f"{wish.threshold_cents // CENTS}.{wish.threshold_cents % CENTS:02}",
        "value": f"{wish.recharge_value_cents // CENTS}.{wish.recharge_value_cents % CENTS:02}",
    }


def _wish(form: Mapping[str, str]) -> tuple[AutoTopup, dict[str, str]]:
    """What a form wishes, and what is wrong with its fields."""
    found: dict[str, int] = {}
    errors: dict[str, str] = {}
    for name, least in (("threshold", 0), ("value", 1)):
        amount = _AMOUNT.fullmatch(form.get(name, "").strip())
        cents = int(amount[1]) * CENTS + int((amount[2] or "0").ljust(2, "0")) if amount else -1
        if not least <= cents <= CENTS_MAX:
            errors[name] = f"expected an amount from {least / CENTS:.2f} to {CENTS_MAX // CENTS:,}"
        found[name] = cents
    return AutoTopup("enabled" in form, found["threshold"], found["value"]), errors

"""Money of one customer, as the calls of its scripts are recorded."""

from __future__ import annotations

from psd.charging.accounts.account_store import AccountStore
from psd.charging.accounts.customer_accounts import AutoTopup, method_fact, topup_fact
from psd.charging.accounts.ledger_entries import LedgerEntry, adjustment, usage
from psd.charging.accounts.whole_accounts import WholeAccounts
from psd.runtime import Runtime
from tests.support.engine import NOON_S

NOON_MS = NOON_S * 1000


def top_up(id_: str, cents: int = 2000) -> LedgerEntry:
    """Somebody has paid."""
    return LedgerEntry(
        id=f"pi/{id_}", kind="topup_manual", cents=cents, at_ms=NOON_MS, payment_id=id_
    )


async def payments(psd: Runtime) -> None:
    """An account, cards, sessions that are open and billed, and an entry that comes twice."""
    accounts = AccountStore(psd.store)
    wish = topup_fact(AutoTopup(enabled=True), NOON_MS)
    for attached in (True, False):
        fact = method_fact("pm_1", NOON_S, is_attached=attached)
        await accounts.tell("u1", [fact, wish], begins=True)
    for entry in (top_up("1"), top_up("1"), top_up("2", 300)):
        await accounts.post("u1", entry, NOON_MS)
    for session, cents in (("id-1", 3), ("id-2", 4), ("id-1", 12)):
        await accounts.credit("u1", session, cents)
    for entry in (usage("id-1", 12, NOON_MS), adjustment("id-1", 1, 2, NOON_MS)):
        await accounts.post("u1", entry, NOON_MS)
    await accounts.credit("u1", "id-1", 14)
    whole = WholeAccounts(psd.store)
    await whole.restore("u1", 4, 2286, {"pi/1": 1, "pi/9": 0})
    await whole.restore("u1", 3, 0, {})
    await accounts.link("cus_1", "u1")
    await accounts.begin_topup("u1", "id-1", "{}")
    await accounts.end_topup("u1", "id-1")

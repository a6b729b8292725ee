"""The scripts of money on each engine: an entry counts once, and what is said later stands."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from psd.charging.accounts.account_store import AccountStore
from psd.charging.accounts.customer_accounts import (
    AutoTopup,
    Credit,
    default_fact,
    method_fact,
    topup_fact,
)
from psd.charging.accounts.ledger_entries import adjustment, usage
from psd.charging.accounts.whole_accounts import WholeAccounts
from psd.charging.keys import account_key
from psd.errors import OutOfBoundsError
from psd.runtime import Runtime
from tests.support.engine import NOON_S
from tests.support.scripts.payment_scene import NOON_MS, payments, top_up
from tests.support.stored.keyspace import keyspace


async def test_an_entry_counts_once_and_tells_what_stands_there(psd: Runtime) -> None:
    accounts = AccountStore(psd.store)
    first = await accounts.post("u1", top_up("1"), NOON_MS)
    assert (first.n, first.is_new, first.balance_cents, first.booked) == (1, True, 2000, 0)
    await accounts.post("u1", usage("s", 12, NOON_MS), NOON_MS)
    again = await accounts.post("u1", top_up("1", 9), NOON_MS)
    assert (again.n, again.is_new, again.balance_cents) == (1, False, 1988)
    assert again.entry == top_up("1")
    assert [each.n for each in await accounts.ledger("u1", 0, 10)] == [1, 2]
    assert [each.n for each in await accounts.newest("u1", 0, 10)] == [2, 1]
    assert [each.n for each in await accounts.newest("u1", 2, 10)] == [1]


async def test_of_many_who_post_at_once_each_entry_counts_once(psd: Runtime) -> None:
    accounts = AccountStore(psd.store)
    posts = [accounts.post("u1", top_up(str(n % 10), 100), NOON_MS) for n in range(200)]
    told = await asyncio.gather(*posts)
    assert sum(each.is_new for each in told) == 10
    account = await accounts.account("u1")
    assert (account.balance_cents, account.entries) == (1000, 10)
    assert [each.n for each in await accounts.ledger("u1", 0, 99)] == [*range(1, 11)]


async def test_a_balance_that_no_store_holds_is_refused_and_nothing_is_written(
    psd: Runtime,
) -> None:
    accounts = AccountStore(psd.store)
    await accounts.post("u1", top_up("1", 2**53 - 1), NOON_MS)
    before = await keyspace(psd.store.client)
    with pytest.raises(OutOfBoundsError):
        await accounts.post("u1", top_up("2", 1), NOON_MS)
    assert await keyspace(psd.store.client) == before


async def test_credit_counts_all_open_sessions_and_none_that_was_billed(psd: Runtime) -> None:
    accounts = AccountStore(psd.store)
    assert await accounts.credit("u1", "s1", 5) == Credit(None, 5)
    assert not (await accounts.credit("u1")).is_enough
    await accounts.post("u1", top_up("1", 20), NOON_MS)
    assert await accounts.credit("u1", "s2", 14) == Credit(20, 19)
    assert (await accounts.credit("u1")).is_enough
    assert not (await accounts.credit("u1", "s2", 15)).is_enough
    await accounts.post("u1", usage("s2", 15, NOON_MS), NOON_MS)
    assert await accounts.credit("u1", "s2", 15) == Credit(5, 5)
    await accounts.post("u1", usage("s1", 3, NOON_MS), NOON_MS)
    await accounts.post("u1", adjustment("s1", 1, 2, NOON_MS), NOON_MS)
    assert await accounts.credit("u1") == Credit(0, 0)
    assert not (await accounts.credit("u1")).is_enough


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
async def test_facts_come_in_any_order_and_the_later_one_stands(
    psd: Runtime, order: tuple[int, ...]
) -> None:
    accounts = AccountStore(psd.store)
    facts = [
        method_fact("pm_1", NOON_S, is_attached=True),
        method_fact("pm_2", NOON_S + 1, is_attached=True),
        method_fact("pm_2", NOON_S + 1, is_attached=False),
        default_fact("pm_2", NOON_S + 1, "evt_1"),
    ]
    for at in (*order, *order):
        await accounts.tell("u1", [facts[at]])
    account = await accounts.account("u1")
    assert account.methods == ("pm_1",)
    assert account.default_method == "pm_2"
    assert account.method_to_charge() == "pm_1", "a default that is gone is not charged"


async def test_an_account_begins_once_and_keeps_what_it_has(psd: Runtime) -> None:
    accounts = AccountStore(psd.store)
    assert not (await accounts.account("u1")).is_known
    assert await accounts.tell("u1", [], begins=True) == 1
    await accounts.post("u1", top_up("1"), NOON_MS)
    assert await accounts.tell("u1", [], begins=True) == 0
    account = await accounts.account("u1")
    assert (account.is_known, account.balance_cents) == (True, 2000)
    assert account.auto_topup == AutoTopup(False, 1000, 2000)
    wish = AutoTopup(True, 5, 600)
    await accounts.tell("u1", [topup_fact(wish, NOON_MS)])
    await accounts.tell("u1", [topup_fact(AutoTopup(), NOON_MS - 1)])
    assert (await accounts.account("u1")).auto_topup == wish


async def test_names_of_any_letters_have_accounts_of_their_own(psd: Runtime) -> None:
    accounts = AccountStore(psd.store)
    names = ["u1", "U1", "a b", "x{y}z", "50%", "é", "日本", "a:account", "*"]
    for at, name in enumerate(names):
        await accounts.post(name, top_up("1", 100 + at), NOON_MS)
    for at, name in enumerate(names):
        assert (await accounts.account(name)).balance_cents == 100 + at
    assert await WholeAccounts(psd.store).customers() == sorted(names)
    assert await psd.store.client.exists(account_key("u1"))


async def test_a_scene_of_it_all_adds_up(psd: Runtime) -> None:
    await payments(psd)
    account = await AccountStore(psd.store).account("u1")
    assert (account.balance_cents, account.entries) == (2300 - 12 - 2, 4)
    assert await AccountStore(psd.store).credit("u1") == Credit(2286, 4)

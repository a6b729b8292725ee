"""``psd verify`` adds ledger, balances and bookings of money up, and puts them right."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from psd.audit.sweep import Audited
from psd.charging.accounts.account_store import AccountStore
from psd.charging.accounts.ledger_entries import customer_uid, usage
from psd.charging.keys import account_key, entries_seen_key
from psd.charging.part import ChargingPart
from psd.runtime import Runtime
from psd.users import uid_of
from tests.support.engine import EVER, NOON_S
from tests.support.scripts.payment_scene import NOON_MS, top_up

pytestmark = pytest.mark.psd(now_s=NOON_S)


@pytest.fixture
async def charged(psd: Runtime) -> Runtime:
    desk = psd.part(ChargingPart).desk
    for customer in ("u1", "u2"):
        await desk.begin(customer)
        await desk.post(customer, top_up("1"))
        await desk.post(customer, usage("s1", 12, NOON_MS))
    return psd


async def audited(psd: Runtime, *, repair: bool = False) -> list[Audited]:
    audit = psd.part(ChargingPart).audit
    assert audit is not None
    return [each async for each in audit(repair=repair)]


def told(found: list[Audited]) -> dict[str, list[str]]:
    return {
        each.prefix: [str(difference) for difference in each.differences]
        for each in found
        if each.outcome != "clean"
    }


async def test_what_was_posted_is_clean(charged: Runtime) -> None:
    assert [each.outcome for each in await audited(charged)] == ["clean"] * 4


SPOILS: list[tuple[tuple[Any, ...], str]] = [
    (("HSET", account_key("u1"), "balance_cents", "7"), "7, should be 1988 by the ledger"),
    (("HSET", account_key("u1"), "entries", "9"), "9, should be 2 by the ledger"),
    (("HDEL", entries_seen_key("u1"), "pi/1"), "pi/1: nothing, should be 1 by the ledger"),
    (("HSET", entries_seen_key("u1"), "pi/9", "1"), "pi/9: 1, should be nothing by the ledger"),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILS, ids=[said for _, said in SPOILS])
async def test_what_does_not_follow_from_the_ledger_is_found_and_put_right(
    charged: Runtime, spoil: tuple[Any, ...], said: str
) -> None:
    await charged.store.writes.call(spoil)
    [[difference]] = told(await audited(charged)).values()
    assert difference.endswith(said)
    assert {each.outcome for each in await audited(charged, repair=True)} == {"clean", "repaired"}
    assert told(await audited(charged)) == {}
    assert (await charged.part(ChargingPart).desk.account("u1")).balance_cents == 1988


async def test_an_entry_that_is_not_booked_is_found_and_booked(charged: Runtime) -> None:
    await AccountStore(charged.store).post("u1", usage("s2", 5, NOON_MS), NOON_MS)
    found = told(await audited(charged))
    assert found == {
        "bookings of customer u1": [
            "bookings of customer u1 use/s2: nothing, should be -5 by the ledger"
        ]
    }
    await audited(charged, repair=True)
    assert told(await audited(charged)) == {}
    thing = charged.core.things["ledger"]
    [sums] = await charged.engine.sums([customer_uid("u1")], [thing], [EVER])
    assert sums.sums[thing] == 1983
    assert customer_uid("u1") == uid_of("customer", "u1")


async def test_who_posts_meanwhile_is_not_taken_for_a_difference(charged: Runtime) -> None:
    desk = charged.part(ChargingPart).desk

    async def posting() -> None:
        for n in range(60):
            await desk.post("u1", usage(f"n{n}", 1, NOON_MS))

    task = asyncio.create_task(posting())
    while not task.done():
        outcomes = {each.outcome for each in await audited(charged, repair=True)}
        assert outcomes <= {"clean", "busy", "repaired"}
    await task
    await audited(charged, repair=True)
    assert told(await audited(charged)) == {}
    assert (await desk.account("u1")).balance_cents == 1928

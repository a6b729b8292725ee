"""``psd verify`` adds sessions up: readings, ledger, bookings; what is wrong is named."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from psd.audit.sweep import Audited
from psd.charging.accounts.ledger_entries import customer_uid
from psd.charging.effects import RecountSessions
from psd.charging.keys import account_key, entries_seen_key, ledger_key, session_key_of
from psd.charging.plugs.plug_readings import READING_BYTES
from psd.charging.sessions.session_audit import CUSTOMER_THING, PLUG_THING
from psd.charging.sessions.session_booking import closing
from psd.charging.sessions.session_store import ChargeSession
from psd.charging.simulation.charging_worker import ChargingWorker
from psd.charging.sites.site_store import PLUG_SPACE, Decided
from psd.clock import ManualClock
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.runtime import Runtime
from psd.users import uid_of
from tests.property.test_charging import NOON_S, yard_on
from tests.support.draws.random_yard import SITE, RandomYard
from tests.support.engine import engine_on

DEAR = 3_000
"""Cents a kWh, so that half a minute of it comes to some."""


class Charged:
    """A store on which sessions have ended, and whoever looks at it."""

    def __init__(self, psd: Runtime, yard: RandomYard) -> None:
        self.psd = psd
        self.worker: ChargingWorker = yard.workers[0]
        self.store = self.worker.part.services.session_store

    async def session(self) -> ChargeSession:
        """The one that came to most."""
        return max(await self.store.newest(SITE, 100), key=lambda each: each.cents)

    async def change(self, session: ChargeSession, **fields: Any) -> None:
        """As somebody would who writes into the store."""
        body = msgspec.json.encode(replace(session, **fields))
        await self.psd.store.writes.call(("SET", session_key_of(SITE, session.session_id), body))

    async def audited(self, *, repair: bool = False) -> list[Audited]:
        assert self.worker.part.audit is not None
        return [each async for each in self.worker.part.audit(repair=repair)]

    async def came_to(self, session: ChargeSession) -> tuple[Any, ...]:
        """A session, its customer's entries, and all energy that is booked of both."""
        desk = self.worker.part.desk
        uids = [uid_of(PLUG_SPACE, session.plug_id), customer_uid(session.owner_id)]
        things = [self.psd.settings.numbers[name] for name in (PLUG_THING, CUSTOMER_THING)]
        sums = await self.psd.engine.sums(uids, things, [Range(0, TIME_END_S)])
        entries = await desk.accounts.ledger(session.owner_id, 0, 500)
        held = replace(session, readings=0)
        return held, entries, [each.sums for each in sums]

    async def told(self) -> list[str]:
        """What is wrong, as it is printed."""
        return [
            str(each)
            for audited in await self.audited()
            for each in audited.differences
            if audited.outcome != "clean"
        ]


@pytest.fixture
async def charged(redis_url: str) -> AsyncIterator[Charged]:
    clock = ManualClock(NOON_S)
    async with (
        engine_on(redis_url, {"charging.enabled": True}, clock) as psd,
        yard_on(psd, clock, random.Random(3), 1, count=1, cents_per_kwh=DEAR) as yard,
    ):
        await yard.begin()
        while not yard.began:
            await yard.live(1)
        await yard.live(30)
        await yard.finish()
        await yard.settle()
        found = Charged(psd, yard)
        assert await found.told() == []
        assert (await found.session()).mwh > 0
        yield found


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "cents": ({"cents": 77}, "cents: 77, should be {cents} by the ledger"),
    "bill": ({"billed_cents": 78}, "billed_cents: 78, should be {billed_cents} by the ledger"),
    "energy": ({"nj": 79}, "nj: 79, should be {nj} by the readings"),
    "mwh": ({"mwh": 80}, "mwh: 80, should be {mwh} by the readings"),
}


@pytest.mark.parametrize("forged", FORGED)
async def test_a_session_that_was_tampered_with_is_named_and_put_right(
    charged: Charged, forged: str
) -> None:
    session = await charged.session()
    fields, said = FORGED[forged]
    await charged.change(session, **fields)
    key = session_key_of(SITE, session.session_id)
    assert f"{key} {said.format(**msgspec.structs.asdict(session))}" in await charged.told()
    outcomes = {each.outcome for each in await charged.audited(repair=True)}
    assert "repaired" in outcomes
    assert await charged.told() == []
    mended = await charged.store.session(SITE, session.session_id)
    assert mended is not None
    assert (mended.cents, mended.nj, mended.mwh) == (session.cents, session.nj, session.mwh)


async def test_a_session_that_is_gone_is_named(charged: Charged) -> None:
    session = await charged.session()
    key = session_key_of(SITE, session.session_id)
    await charged.psd.store.writes.call(("DEL", key))
    assert f"{key}: nothing, should be a session by its list" in await charged.told()


async def test_a_bill_that_is_no_longer_in_the_ledger_is_named(charged: Charged) -> None:
    session = await charged.session()
    customer, bill = session.owner_id, f"use/{session.session_id}"
    number = await charged.worker.part.desk.accounts.number_of(customer, bill)
    await charged.psd.store.writes.call(("XDEL", ledger_key(customer), f"{number}-0"))
    told = await charged.told()
    wanted = f"{ledger_key(customer)} {bill}: nothing, should be {-session.billed_cents}"
    assert f"{wanted} by the session" in told
    seen = f"{entries_seen_key(customer)} {bill}: {number}, should be nothing by the ledger"
    assert seen in told


async def test_a_line_that_nobody_posted_is_named(charged: Charged) -> None:
    session = await charged.session()
    body = b'{"id":"use/forged","kind":"usage","cents":-1,"at_ms":1723939200000}'
    customer = session.owner_id
    await charged.psd.store.writes.call(("XADD", ledger_key(customer), "99-0", "e", body))
    told = await charged.told()
    assert any(line.startswith(f"{account_key(customer)} balance_cents: ") for line in told)
    assert any(line.startswith(f"{entries_seen_key(customer)} use/forged: ") for line in told)


async def test_a_minute_that_was_booked_otherwise_is_named_and_put_right(charged: Charged) -> None:
    session = await charged.session()
    sessions = charged.worker.part.services.sessions
    measured = await sessions.measured(session)
    cell, mwh = next((cell, mwh) for cell, mwh in measured.sum.cells.items() if mwh)
    forged = {**measured.sum.cells, cell: mwh + 1}
    assert await sessions.booking.book(closing(session), forged, measured.taken)
    place = f"bookings of plug {session.plug_id} {session.session_id} {cell}"
    assert f"{place}: {mwh + 1}, should be {mwh} by the readings" in await charged.told()
    assert "repaired" in {each.outcome for each in await charged.audited(repair=True)}
    assert await charged.told() == []


async def test_energy_that_no_session_has_is_named(charged: Charged) -> None:
    session = await charged.session()
    [first, *_] = charged.worker.part.services.sessions.booking.reports(
        closing(session), {NOON_S - 600: 5}
    )
    await charged.psd.engine.book([first])
    total = sum(
        each.mwh
        for each in await charged.store.newest(SITE, 100)
        if each.plug_id == session.plug_id
    )
    told = await charged.told()
    place = f"bookings of plug {session.plug_id} sum"
    assert told == [f"{place}: {total + 5}, should be {total} by the sessions"]


async def test_what_somebody_has_still_to_count_is_told_as_changing(charged: Charged) -> None:
    session = await charged.session()
    await charged.change(session, nj=79)
    waits = RecountSessions(session.plug_id, session.start_ms, session.finish_ms)
    decided = Decided(versions={}, effects=[waits])
    await charged.worker.part.services.store.commit(SITE, decided, session.finish_ms)
    key = session_key_of(SITE, session.session_id)
    [audited] = [each for each in await charged.audited() if each.prefix == key]
    assert audited.outcome == "busy"


LOG_BYTES_LEFT = {"none of its readings": 0.0, "the second half": 0.5}
LEFT_ALONE = {"clean", "repaired"}
WRONG: dict[str, dict[str, Any]] = {
    "nothing wrong with it": {},
    "cents that are not the ledger's": {"cents": 77, "billed_cents": 77},
    "no number of its readings": {"readings": 0},
    "neither": {"cents": 77, "billed_cents": 77, "readings": 0},
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("left", LOG_BYTES_LEFT)
async def test_a_repair_leaves_what_is_older_than_its_readings_as_it_was_billed(
    charged: Charged, left: str, wrong: str
) -> None:
    before = [await charged.came_to(each) for each in await charged.store.newest(SITE, 100)]
    client = charged.psd.store.client
    async for key in client.scan_iter("*:log:*"):
        packed = await client.get(key)
        count = len(packed) // READING_BYTES
        gone = count - int(count * LOG_BYTES_LEFT[left])
        await client.set(key, packed[gone * READING_BYTES :])
    session = await charged.session()
    assert session.cents > 0
    assert session.readings > 1
    await charged.change(session, **WRONG[wrong])
    for _ in range(2):
        assert {each.outcome for each in await charged.audited(repair=True)} <= LEFT_ALONE
        recount = RecountSessions(session.plug_id, session.start_ms, session.finish_ms)
        await charged.worker.part.services.sessions.recount(SITE, recount)
    after = [await charged.came_to(each) for each in await charged.store.newest(SITE, 100)]
    assert after == before
    assert await charged.told() == []


async def test_a_bill_is_not_corrected_by_readings_that_are_past_their_time(
    charged: Charged,
) -> None:
    session = await charged.session()
    [*logs] = [key async for key in charged.psd.store.client.scan_iter("*:log:*")]
    await charged.psd.store.client.delete(*logs)
    recount = RecountSessions(session.plug_id, session.start_ms, session.finish_ms)
    await charged.worker.part.services.sessions.recount(SITE, recount)
    assert await charged.store.session(SITE, session.session_id) == session
    assert await charged.told() == []

"""A worker that is killed at the end of a session, and the next one, who bills it once."""

from __future__ import annotations

import multiprocessing
import signal

import pytest

from psd import failpoints
from psd.charging.accounts.ledger_entries import customer_uid
from psd.charging.domain import FAILPOINTS
from psd.charging.plugs.plug_readings import NJ_A_MWH
from psd.charging.plugs.states import PlugState
from psd.clock import ManualClock
from psd.event_loop import new_event_loop
from tests.support.charging.site_services import CENTS, NOON_S, SITE, Yard, yard_on
from tests.support.engine import engine_on, sum_of

SECONDS = 300


def charge_and_die(url: str, place: str) -> None:
    """What the first worker does; it is killed when it reaches the place at the session's end."""

    async def work() -> None:
        async with yard_on(url, "p1") as yard:
            await yard.charge("p1")
            await yard.tick(SECONDS, p1=10)
            await yard.ask("p1", "disable")
            await yard.tick(1, p1=0.0)
            failpoints._armed = failpoints.failpoint_of(place)
            await yard.answer("p1")

    new_event_loop().run_until_complete(work())


@pytest.mark.parametrize("place", [each for each in FAILPOINTS if each != "charging_taken"])
async def test_whoever_comes_behind_one_that_was_killed_bills_the_session_once(
    redis_url: str, place: str
) -> None:
    worker = multiprocessing.get_context("spawn").Process(
        target=charge_and_die, args=(redis_url, place)
    )
    worker.start()
    worker.join(120)
    assert worker.exitcode == -signal.SIGKILL
    clock = ManualClock(NOON_S + SECONDS + 60)
    async with engine_on(redis_url, clock=clock) as psd:
        yard = Yard(psd, clock)
        await yard.tick(3)
        assert (await yard.plug("p1")).place is PlugState.ACCOUNT_NULL
        [session] = await yard.services.session_store.newest(SITE, 9)
        assert session.cents == 2400 * (SECONDS + 2) * 30 // 3_600_000 == 6
        assert await yard.balance() == CENTS - 6
        entries = await yard.desk.entries("u1", 0, 9)
        assert [each.entry.kind for each in entries] == ["usage", "opening"]
        thing = psd.settings.numbers["customer_energy"]
        booked = await sum_of(psd, uid=customer_uid("u1"), thing=thing)
        assert booked == round(session.nj / NJ_A_MWH)
        assert await yard.store.left(SITE) == []

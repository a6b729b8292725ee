"""Chunks, answers and webhooks that come twice, late and in any order to four workers: every cent.

Whatever became of it in the store is what plain Python makes of what was said, to the cent and the
milliwatt-hour: sessions and their minutes, ledgers, balances, sums of plugs and of customers.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psd.charging.accounts.ledger_entries import customer_uid
from psd.charging.sessions.session_energy import session_number
from psd.charging.settings import ChargingSettings
from psd.charging.simulation.charging_worker import ChargingWorker
from psd.clock import ManualClock
from psd.engine.windows import Window
from psd.runtime import Runtime
from psd.users import uid_of
from tests.conftest import AnyStore
from tests.support.draws.random_yard import SECRET, SITE, RandomYard
from tests.support.engine import engine_on, sum_of

NOON_S = 1_723_939_200
WORKERS = 4
SECONDS = 100


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32), plugs=st.integers(1, 4))
async def test_what_four_workers_made_of_it_is_what_one_list_makes_of_it(
    redis_server: AnyStore, seed: int, plugs: int
) -> None:
    redis_server.empty()
    clock = ManualClock(NOON_S)
    rng = random.Random(seed)
    async with (
        engine_on(redis_server.url, {"charging.enabled": True}, clock) as psd,
        yard_on(psd, clock, rng, plugs) as yard,
    ):
        await yard.begin()
        await yard.live(SECONDS)
        await yard.finish()
        await yard.settle()
        await agrees(psd, yard)


@asynccontextmanager
async def yard_on(
    psd: Runtime,
    clock: ManualClock,
    rng: random.Random,
    plugs: int,
    count: int = WORKERS,
    cents_per_kwh: int = 30,
) -> AsyncIterator[RandomYard]:
    workers: list[ChargingWorker] = []
    yard = RandomYard(workers, clock, rng, plugs)
    own = ChargingSettings(
        enabled=True,
        cents_per_kwh=cents_per_kwh,
        stripe_webhook_secrets=f"whsec_b,{SECRET}",
    )
    async with AsyncExitStack() as exits:
        for _ in range(count):
            workers.append(ChargingWorker(psd, own, yard.publish))
            exits.push_async_callback(workers[-1].close)
        yield yard


async def agrees(psd: Runtime, yard: RandomYard) -> None:
    """All that stands in the store, against the list."""
    plain, services = yard.plain, yard.workers[0].part.services
    assert plain.sessions, "nobody has charged"
    assert await services.store.left(SITE) == []
    held = {each.session_id: each for each in await services.session_store.newest(SITE, 10_000)}
    assert held.keys() == plain.sessions.keys()
    for id_, session in plain.sessions.items():
        kept = held[id_]
        assert (kept.start_ms, kept.finish_ms) == (session.start_ms, session.finish_ms)
        assert (kept.nj, kept.cents) == (plain.nj(id_), plain.cents(id_))
        await minutes_agree(psd, yard, id_)
    desk, things = yard.workers[0].part.desk, psd.settings.numbers
    for customer in yard.customers:
        balance = plain.balance(customer)
        assert (await desk.account(customer)).balance_cents == balance
        entries = [each.entry for each in await desk.accounts.ledger(customer, 0, 10_000)]
        assert sum(each.cents for each in entries) == balance
        uid = customer_uid(customer)
        assert await sum_of(psd, uid=uid, thing=things["ledger"]) == balance
        mwh = plain.mwh_of(customer=customer)
        assert await sum_of(psd, uid=uid, thing=things["customer_energy"]) == mwh
    for plug in yard.plugs:
        uid, mwh = uid_of("plug", plug), plain.mwh_of(plug=plug)
        assert await sum_of(psd, uid=uid, thing=things["charge_energy"]) == mwh
    assert yard.workers[0].part.audit is not None
    async for audited in yard.workers[0].part.audit(repair=False):
        assert audited.outcome == "clean", audited.differences


async def minutes_agree(psd: Runtime, yard: RandomYard, id_: str) -> None:
    """What is booked of each minute of a session, of the plug and of the customer."""
    session, cells = yard.plain.sessions[id_], yard.plain.cells(id_)
    things = psd.settings.numbers
    for thing, uid in (
        (things["charge_energy"], uid_of("plug", session.plug)),
        (things["customer_energy"], customer_uid(session.customer)),
    ):
        aid = session_number(id_)
        windows = [Window(thing, uid, aid, minute, minute + 59) for minute in cells]
        standing = await psd.engine.reported(windows)
        assert [each.value for each in standing] == list(cells.values())

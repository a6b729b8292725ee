"""The scripts of sites on each engine: readings, commits, the outbox, sessions."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from psd.charging.effects import Acknowledge, RecountSessions
from psd.charging.keys import log_key_of
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.states import PlugState
from psd.charging.sessions.session_store import SessionStore
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_store import OUTBOX, PLUG_SPACE, Decided, SiteStore
from psd.errors import ChangedError
from psd.runtime import Runtime
from psd.store.keys import kind_of
from psd.users import uid_of
from tests.support.scripts.plug_scene import NOON_MS, SITE, billed, chunk, plugs
from tests.support.stored.keyspace import keyspace


def store_of(psd: Runtime, ring: int = 60) -> SiteStore:
    return SiteStore(psd.store, ChargingSettings(ring=ring, idle_readings=2))


async def begun(psd: Runtime, state: PlugState = PlugState.CHARGING, **fields: int) -> SiteStore:
    store = store_of(psd)
    plug = Plug(version=1, state=state, **fields)
    await store.commit(SITE, Decided(versions={"p1": 0}, plugs={"p1": plug}), NOON_MS)
    return store


async def logged(psd: Runtime, first_s: int, last_s: int) -> list[int]:
    sessions = SessionStore(psd.store)
    first_ms, last_ms = NOON_MS + first_s * 1000, NOON_MS + last_s * 1000
    _, logs = await sessions.logs(SITE, "p1", first_ms, last_ms)
    joined = b"".join(logs)
    return [
        int.from_bytes(joined[at : at + 6]) // 1000 - NOON_MS // 1000
        for at in range(0, len(joined), 18)
    ]


async def test_a_ring_has_the_newest_in_order_whatever_came_first(psd: Runtime) -> None:
    await begun(psd)
    store = store_of(psd, ring=4)
    for seconds in ((6, 8), (2,), (4, 5), (8,), (9,)):
        await store.take(chunk(*seconds, plugs=("p1",)), NOON_MS)
    ring = (await store.view(SITE)).rings["p1"]
    assert [each.ms // 1000 - NOON_MS // 1000 for each in ring] == [5, 6, 8, 9]


async def test_a_log_has_the_readings_of_sessions_alone(psd: Runtime) -> None:
    store = await begun(psd, session_start_ms=NOON_MS + 4000, ended_ms=NOON_MS + 1000)
    await store.take(chunk(5, 3, 1, 0, 599, 600, plugs=("p1",)), NOON_MS)
    assert await logged(psd, 0, 601) == [0, 1, 5, 599, 600]
    told = await store.take(chunk(5, 3, 1, 0, 599, 600, plugs=("p1",)), NOON_MS)
    assert told == {"p1": 0}


async def test_late_readings_of_an_ended_session_are_told_and_too_late_ones_are_not_kept(
    psd: Runtime,
) -> None:
    store = await begun(psd, PlugState.ACCOUNT_NULL, ended_ms=NOON_MS)
    day_s = 86_400
    await store.take(chunk(-7, -3, 4, -day_s - 1, plugs=("p1",)), NOON_MS)
    assert await logged(psd, -day_s - 9, 9) == [-7, -3]
    [(_, recount)] = await store.left(SITE)
    assert recount == RecountSessions("p1", NOON_MS - 7000, NOON_MS - 3000)
    assert OUTBOX in (await store.due([SITE], NOON_MS))[SITE]


async def test_what_was_read_as_a_session_began_and_came_before_is_its_own(psd: Runtime) -> None:
    store = await begun(psd, PlugState.ACCOUNT_NULL, ended_ms=NOON_MS - 9000)
    await store.take(chunk(-1, 0, 1, plugs=("p1",)), NOON_MS)
    assert await logged(psd, -9, 9) == []
    plug = Plug(version=2, session_id="id-2", session_start_ms=NOON_MS)
    await store.commit(SITE, Decided(versions={"p1": 1}, plugs={"p1": plug}), NOON_MS)
    assert await logged(psd, -9, 9) == [0, 1]
    taken, _ = await SessionStore(psd.store).logs(SITE, "p1", NOON_MS, NOON_MS)
    assert taken == 2
    assert await store.take(chunk(0, 1, 2, plugs=("p1",)), NOON_MS) == {"p1": 1}
    assert await logged(psd, -9, 9) == [0, 1, 2]


async def test_what_a_session_that_goes_on_is_billed_by_has_no_end_until_it_has_ended(
    psd: Runtime,
) -> None:
    store = await begun(psd, session_start_ms=NOON_MS + 1000, ended_ms=NOON_MS)
    await store.take(chunk(-700, -2, 3, 700, plugs=("p1",)), NOON_MS)
    await store.take(chunk(4, plugs=("p1",)), NOON_MS)
    logs = (-700, -2, 0, 700)
    assert [ttl > 0 for ttl in await lifetimes(psd, *logs)] == [True, True, False, False]
    ended = replace(billed(), plug_id="p1", start_ms=NOON_MS - 700_000, finish_ms=NOON_MS + 800_000)
    sessions = SessionStore(psd.store)
    # The next one goes on in a log of it.
    assert await sessions.release(ended, 60) == 4
    assert [ttl > 0 for ttl in await lifetimes(psd, *logs)] == [True, True, False, False]
    over = Decided(versions={"p1": 1}, plugs={"p1": Plug(version=2, ended_ms=NOON_MS + 800_000)})
    await store.commit(SITE, over, NOON_MS)
    assert await sessions.release(ended, 60) == 4
    assert all(0 < ttl <= 60 for ttl in await lifetimes(psd, *logs))
    # One that comes late has the time of all that come late.
    await store.take(chunk(701, plugs=("p1",)), NOON_MS + 900_000)
    assert [ttl > 60 for ttl in await lifetimes(psd, 700)] == [True]


async def lifetimes(psd: Runtime, *seconds: int) -> list[int]:
    """Seconds that the logs of some seconds past noon have left, -1 for no end."""
    uid = uid_of(PLUG_SPACE, "p1")
    keys = [log_key_of(SITE, uid, (NOON_MS // 1000 + each) // 600) for each in seconds]
    return [await psd.store.client.ttl(key) for key in keys]


async def test_a_reading_makes_a_plug_due_that_may_go_on_by_it(psd: Runtime) -> None:
    store = await begun(psd)
    await store.take(chunk(2, plugs=("p1",)), NOON_MS + 2000)
    assert await store.due([SITE], NOON_MS + 2000) == {SITE: {"p1": NOON_MS + 2000}}
    looked = Decided(versions={}, dues=[("p1", NOON_MS + 2000, NOON_MS + 9000)])
    await store.take(chunk(3, plugs=("p1",)), NOON_MS + 1000)
    await store.commit(SITE, looked, NOON_MS)
    assert await store.due([SITE], NOON_MS + 1000) == {SITE: {"p1": NOON_MS + 1000}}


async def test_of_commits_that_were_decided_of_one_state_one_is_kept(psd: Runtime) -> None:
    store = await begun(psd)

    async def commit(version: int) -> list[int]:
        plug = Plug(version=version, owner=str(version))
        decided = Decided(versions={"p1": 1}, plugs={"p1": plug}, effects=[Acknowledge()])
        return await store.commit(SITE, decided, NOON_MS)

    found = await asyncio.gather(*(commit(at) for at in range(2, 12)), return_exceptions=True)
    assert [each for each in found if isinstance(each, list)] == [[1]]
    assert sum(isinstance(each, ChangedError) for each in found) == 9
    before = await keyspace(psd.store.client)
    with pytest.raises(ChangedError):
        await commit(20)
    assert await keyspace(psd.store.client) == before


async def test_an_empty_outbox_is_not_due(psd: Runtime) -> None:
    store = await begun(psd)
    decided = Decided(versions={"p1": 1}, effects=[Acknowledge(), Acknowledge()])
    assert await store.commit(SITE, decided, NOON_MS) == [1, 2]
    assert await store.done(SITE, [1], NOON_MS) == 1
    assert OUTBOX in (await store.due([SITE], NOON_MS + 2000))[SITE]
    assert await store.done(SITE, [1, 2], NOON_MS) == 0
    assert await store.due([SITE], NOON_MS + 2000) == {}


async def test_a_session_is_kept_once_and_a_revision_in_its_place(psd: Runtime) -> None:
    sessions = SessionStore(psd.store)
    assert await sessions.keep(SITE, billed(), -1) == billed()
    assert await sessions.keep(SITE, billed(cents=99), -1) == billed()
    assert await sessions.keep(SITE, billed(1, 13), 0) == billed(1, 13)
    assert await sessions.keep(SITE, billed(1, 14), 0) == billed(1, 13)
    assert await sessions.around(SITE, NOON_MS, NOON_MS) == [billed(1, 13)]
    assert await sessions.around(SITE, NOON_MS + 1, NOON_MS + 2) == []


async def test_every_key_of_a_site_is_in_the_catalogue(psd: Runtime) -> None:
    await plugs(psd)
    unknown = [key for key in await keyspace(psd.store.client) if kind_of(key) is None]
    assert unknown == []

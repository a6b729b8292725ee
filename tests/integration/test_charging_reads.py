"""What is asked of yards and of sessions of months costs what is told, whatever else is there."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from psd.charging.charging_changes import Announcement
from psd.charging.keys import log_key_of, taken_key
from psd.charging.part import ChargingPart
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_readings import PlugReading, pack
from psd.charging.plugs.states import PlugState
from psd.charging.sessions import session_store
from psd.charging.sessions.session_energy import STRIP_MS, strips
from psd.charging.sessions.session_reads import SessionScope
from psd.charging.sites.site_store import PLUG_SPACE, Decided
from psd.runtime import Runtime
from psd.store.lane import Command
from psd.store.link import Link
from psd.users import uid_of
from tests.support.charging.yard import FINISH_MS, SITE, ended, keep, yard
from tests.support.clients.http import HttpClient
from tests.support.loop_holds import loop_lines

pytestmark = pytest.mark.psd({"charging.enabled": True}, archives=False)

DAY_MS = 86_400_000
EACH_MS = 20_000
HOLD_LINES_MAX = 60_000
"""A step of 20,000 readings has 400,000 lines, that of a board of 600 plugs 20,000."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """Every command that is sent."""
    found: list[Command] = []
    sent = Link._asked

    async def noting(link: Link, connection: Any, commands: Sequence[Command]) -> list[Any]:
        found.extend(commands)
        return await sent(link, connection, commands)

    monkeypatch.setattr(Link, "_asked", noting)
    return found


async def goes_on(psd: Runtime, plug: str, days: int) -> None:
    """A session of so many days at a plug, with a reading each 20 s."""
    now_ms, uid = psd.clock.now_ms(), uid_of(PLUG_SPACE, plug)
    began_ms = now_ms - days * DAY_MS
    store = psd.part(ChargingPart).services.store
    charging = Plug(
        version=1, state=PlugState.CHARGING, session_start_ms=began_ms, owner="u1", session_id="now"
    )
    held = (await store.plugs(SITE, plug))[plug].version
    await store.commit(SITE, Decided(versions={plug: held}, plugs={plug: charging}), now_ms)
    for strip in strips(began_ms, now_ms):
        at = range(max(strip * STRIP_MS, began_ms), min((strip + 1) * STRIP_MS, now_ms), EACH_MS)
        log = b"".join(pack(PlugReading(ms, 6_500, 240_000)) for ms in at)
        await psd.store.client.set(log_key_of(SITE, uid, strip), log)
        await psd.store.client.hincrby(taken_key(SITE), plug, len(at))


async def test_the_first_readings_are_read_of_the_first_logs(
    client: HttpClient, runtime: Runtime, asked: list[Command]
) -> None:
    await yard(runtime)
    await goes_on(runtime, "p1", 20)
    for query, logs in (("start=-20d&limit=1", 12), ("start=-20d&limit=400", 24)):
        asked.clear()
        told = await client.get(f"/v3/charging/plugs/p1/readings?{query}")
        assert told.status == 200, told.text
        assert len(told.json()["data"]) == int(query.rpartition("=")[2])
        assert sum(len(each) - 1 for each in asked if each[0] == "MGET") <= logs
    page = (await client.get("/v3/charging/plugs/p1/readings?start=-1h&limit=100")).json()
    rest = await client.get(f"/v3/charging/plugs/p1/readings?start={page['next']}&limit=5000")
    times = [each["timestamp_ms"] for each in page["data"] + rest.json()["data"]]
    assert times == sorted(set(times))
    assert 178 <= len(times) <= 180


async def test_a_session_of_days_is_summed_while_others_are_answered(
    client: HttpClient, runtime: Runtime
) -> None:
    await yard(runtime)
    await goes_on(runtime, "p1", 20)
    with loop_lines() as holds:
        told = await client.get("/v3/charging/plugs/p1")
    assert told.json()["kwh"] > 100, told.text
    assert holds.total > 5 * HOLD_LINES_MAX
    assert holds.longest < HOLD_LINES_MAX, holds.which


async def test_readings_of_months_are_let_go_by_several_calls(
    runtime: Runtime, asked: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_store, "RELEASED_AT_ONCE", 100)
    await yard(runtime)
    await goes_on(runtime, "p1", 2)
    part, now_ms = runtime.part(ChargingPart), runtime.clock.now_ms()
    store = part.services.store
    gone = Plug(version=9, state=PlugState.ACCOUNT_NULL)
    await store.commit(SITE, Decided(versions={"p1": 1}, plugs={"p1": gone}), now_ms)
    session = ended("now", "u1", now_ms)
    session = replace(session, start_ms=now_ms - 2 * DAY_MS)
    asked.clear()
    logs = strips(session.start_ms, now_ms)
    assert await part.services.session_store.release(session, 60) == len(logs)
    assert len([each for each in asked if each[0] == "EVALSHA"]) == len(logs) // 100 + 1
    uid = uid_of(PLUG_SPACE, "p1")
    lives = [await runtime.store.client.ttl(log_key_of(SITE, uid, strip)) for strip in logs]
    assert min(lives) > 0


async def test_a_site_of_many_plugs_and_fuses_is_told_while_others_are_answered(
    client: HttpClient, runtime: Runtime
) -> None:
    await yard(runtime)
    sites = runtime.part(ChargingPart).services.sites
    names = tuple(f"h{n}" for n in range(600))
    fuses = tuple(f"f{n}" for n in range(300))
    await sites.announce(Announcement(runtime.clock.now_ms() // 1000, SITE, names, fuses))
    with loop_lines() as holds:
        told = await client.get(f"/v3/charging/sites/{SITE}")
    assert len(told.json()["plugs"]) == 603
    assert holds.longest < HOLD_LINES_MAX, holds.which
    assert holds.total < 10 * HOLD_LINES_MAX


async def test_the_newest_sessions_of_many_sites_are_read_and_not_all(
    runtime: Runtime, asked: list[Command]
) -> None:
    part = runtime.part(ChargingPart)
    every = []
    for n in range(400):
        session = ended(f"id-{n}", f"u{n % 3}", FINISH_MS + n // 7 * 1_000)
        site = "busy" if n < 200 else f"site-{n % 40}"
        every.append(replace(session, site_id=site))
    random.Random(7).shuffle(every)
    for n in range(40):
        await part.services.store.place(f"plug-{n}", f"site-{n}")
    await part.services.store.place("plug", "busy")
    for session in every:
        await keep(runtime, session)
    newest = sorted(
        every, key=lambda each: (each.finish_ms, f"{each.site_id}/{each.session_id}"), reverse=True
    )
    reads = part.services.session_reads
    for limit in (1, 3, 50, 399):
        asked.clear()
        found, before = [], None
        while True:
            page, before = await reads.page(SessionScope(), 0, before, limit)
            found += page
            if before is None:
                break
        assert [each.session_id for each in found] == [each.session_id for each in newest]
    monkey = reads._marks([(f"site-{n}/", f"none-{n}") for n in range(1_000)], 0, None, 500)
    asked.clear()
    assert await monkey == []
    assert {each[8] for each in asked if each[0] == "ZRANGE"} == {4}

"""Plugs of one site, as the calls of its scripts are recorded."""

from __future__ import annotations

from psd.charging.charging_changes import PlugRequest, PlugTaken, Telemetry
from psd.charging.effects import Acknowledge, SwitchRelay
from psd.charging.plugs.machine import PlugMoved
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_readings import PlugReading
from psd.charging.plugs.states import PlugState
from psd.charging.sessions.session_store import ChargeSession, SessionStore
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_store import Decided, RequestResult, SiteStore
from psd.runtime import Runtime
from tests.support.engine import NOON_S

NOON_MS = NOON_S * 1000
SITE = "s1"


def chunk(*seconds: int, plugs: tuple[str, ...] = ("p1", "p2", "p9")) -> Telemetry:
    """A reading of each plug at each of these seconds past noon."""
    taken = [
        PlugTaken(plug, PlugReading(NOON_MS + second * 1000, 6500, 240_000), 1, 1.0, "f1")
        for second in seconds
        for plug in plugs
    ]
    return Telemetry(NOON_S, SITE, tuple(taken))


def billed(revision: int = 0, cents: int = 12) -> ChargeSession:
    """A session of an hour."""
    return ChargeSession(
        session_id="id-1",
        start_ms=NOON_MS - 3_600_000,
        finish_ms=NOON_MS,
        plug_id="p2",
        site_id=SITE,
        owner_id="u1",
        nj=cents * 10**14,
        cents=cents,
        billed_cents=12,
        revision=revision,
    )


async def plugs(psd: Runtime) -> None:
    """Plugs with a session that goes on and one that has ended, readings in any order, effects."""
    store = SiteStore(psd.store, ChargingSettings(ring=4, idle_readings=2))
    going_on = Plug(
        version=1, state=PlugState.CHARGING, session_start_ms=NOON_MS, owner="u1", session_id="id-2"
    )
    ended = Plug(version=1, state=PlugState.ACCOUNT_NULL, ended_ms=NOON_MS)
    asked = PlugRequest(NOON_S, "r1", "p1", "u1", "enable", NOON_MS)
    moved = PlugMoved("t1", 7, 8, "user", NOON_MS, "u1", "id-2")
    await store.commit(
        SITE,
        Decided(
            versions={"p1": 0, "p2": 0},
            plugs={"p1": going_on, "p2": ended},
            dues=[("p1", None, NOON_MS + 1000), ("p2", None, None)],
            moved=[("p1", moved)],
            request=(asked, RequestResult(NOON_MS, 2, "", "p1", "u1", "enable")),
            effects=[Acknowledge(), SwitchRelay("p1", "c1", True, NOON_MS)],
        ),
        NOON_MS,
    )
    for telemetry in (chunk(2, 4, 6), chunk(3, 4), chunk(-9, -7, 8), chunk(1_200, 10)):
        await store.take(telemetry, NOON_MS + 8000)
    seen = NOON_MS + 8000
    again = Decided(versions={"p1": 1}, dues=[("p1", seen, seen + 1), ("p2", 7, seen)])
    await store.commit(SITE, again, seen)
    await store.done(SITE, [1, 2], NOON_MS)
    sessions = SessionStore(psd.store)
    for session, revision in ((billed(), -1), (billed(), -1), (billed(1, 13), 0)):
        await sessions.keep(SITE, session, revision)
    await sessions.note(billed())
    assert await sessions.release(billed(), 172_800) == 1
    await store.place("p1", SITE)
    await store.set(SITE, "fuse:f1", {"limit_ma": 32_000})

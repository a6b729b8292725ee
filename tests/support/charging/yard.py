"""A site with three plugs behind two fuses, and sessions that have ended.

>>> await yard(psd)
>>> (await client.get("/v3/charging/sessions/id-2")).json()["cents"]
12
"""

from __future__ import annotations

from psd.charging.charging_changes import Announcement
from psd.charging.part import ChargingPart
from psd.charging.sessions.session_store import ChargeSession, EarlierBill
from psd.runtime import Runtime

SITE = "s1"
START_MS = 1_723_939_201_000
FINISH_MS = 1_723_940_006_000
NJ = 1_440_480_000_000_000
CENTS = 12


def ended(
    id_: str,
    owner: str,
    finish_ms: int,
    *,
    plug: str = "p1",
    cents: int = CENTS,
    earlier: tuple[EarlierBill, ...] = (),
) -> ChargeSession:
    """A session of 805 s; one with ``earlier`` bills was corrected an hour after its end."""
    return ChargeSession(
        session_id=id_,
        start_ms=finish_ms - (FINISH_MS - START_MS),
        finish_ms=finish_ms,
        plug_id=plug,
        site_id=SITE,
        owner_id=owner,
        nj=NJ * cents // CENTS,
        cents=cents,
        billed_cents=earlier[0].cents if earlier else cents,
        fuze_id="f1",
        revision=len(earlier),
        corrected_ms=finish_ms + 3_600_000 if earlier else 0,
        earlier=earlier,
    )


async def keep(psd: Runtime, session: ChargeSession) -> None:
    """Keep a session as a worker does that bills it."""
    store = psd.part(ChargingPart).services.session_store
    await store.keep(session.site_id, session, -1)
    await store.note(session)


async def yard(psd: Runtime, *owners: str) -> None:
    """Plugs p1 to p3 of nobody, and two sessions of u1; one of each other owner, an hour later."""
    services = psd.part(ChargingPart).services
    now_ms = psd.clock.now_ms()
    plugs = ("p1", "p2", "p3")
    await services.sites.announce(Announcement(now_ms // 1000, SITE, plugs, ("f1",)))
    await services.store.set(SITE, "fuse:f1", {"limit_ma": 32_000, "parent": "main"})
    await services.store.set(SITE, "plug:p1", {"limit_ma": 16_000, "fuze_id": "f1"})
    await services.store.set(SITE, "site", {"name": "Yard"})
    looked_at_ms = psd.clock.now_ms()
    due = await services.store.due([SITE], looked_at_ms)
    await services.clock.look(due, looked_at_ms)
    await keep(psd, ended("id-1", "u1", FINISH_MS - 86_400_000))
    await keep(psd, ended("id-2", "u1", FINISH_MS))
    for number, owner in enumerate(owners):
        await keep(psd, ended(f"of-{owner}", owner, FINISH_MS + 3_600_000 * (number + 1)))

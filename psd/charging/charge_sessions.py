"""Sessions of plugs: what they come to, their bills, and the energy that is booked of them.

Everything is computed from the readings that are kept, as exact integers, and each deed is safe to
repeat: a session is kept once, an entry of the ledger has the session's id, bookings are reports::

    close ── 800 s of readings ── 1,440,480,000,000,000 nJ, 12 cents ── session id-2, revision 0
          ── use/id-2: -12 cents ── cells of a minute, of the plug and of the customer
    readings that come an hour later: recount ── 13 cents ── revision 1 ── adj/id-2/1: -1 cent

Bookings are fenced by how many readings were kept of the plug (psd/engine/fences.py): whoever knew
of fewer computes again.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.effects import BookSession, CloseSession, RecountSessions
from psd.charging.ledger_entries import adjustment, customer_uid, usage
from psd.charging.paying import Payments
from psd.charging.plug_readings import cents_of
from psd.charging.session_energy import (
    CELL_S,
    MS,
    cells,
    fuse_number,
    readings_of,
    session_nj,
    session_number,
)
from psd.charging.session_store import ChargeSession, SessionStore
from psd.charging.settings import ChargingSettings
from psd.charging.site_store import PLUG_SPACE
from psd.clock import Clock
from psd.engine.engine import Engine
from psd.engine.events import Report
from psd.errors import StoreUnavailableError
from psd.failpoints import reach
from psd.measures.curve import HOUR_S
from psd.users import uid_of

TRIES = 20
"""Bookings of a session that others overtook, each by readings that came meanwhile."""

PLUG_FENCE = "charge"
BOOKED_BACK_MS = 600_000
"""So far back a session that goes on is booked again; all of it is when it ends."""


class ChargeSessions:
    """Bills and books sessions; ``things`` are numbers by name."""

    def __init__(
        self,
        store: SessionStore,
        engine: Engine,
        payments: Payments,
        settings: ChargingSettings,
        things: Mapping[str, int],
        clock: Clock,
        metrics: ChargingMetrics,
    ) -> None:
        self._store = store
        self._engine = engine
        self._payments = payments
        self._settings = settings
        self._things = [things.get("charge_energy"), things.get("customer_energy")]
        self._clock = clock
        self._metrics = metrics

    async def energy_nj(self, site: str, plug: str, first_ms: int, last_ms: int) -> int:
        """What a plug delivered between two milliseconds, both included. 1 trip."""
        _, logs = await self._store.logs(site, plug, first_ms, last_ms)
        return self._energy(logs, first_ms, last_ms)

    def cents(self, nj: int) -> int:
        """The price of energy."""
        return cents_of(nj, self._settings.cents_per_kwh)

    async def book(self, site: str, effect: BookSession) -> None:
        """Book the last minutes of a session that goes on."""
        now_ms = self._clock.now_ms()
        first_ms = max(effect.start_ms, now_ms - BOOKED_BACK_MS)
        await self._book(site, effect, first_ms, now_ms)

    async def close(self, site: str, effect: CloseSession) -> None:
        """Bill a session that has ended, book all of it, and top its account up."""
        span = effect.start_ms, effect.finish_ms
        nj = await self.energy_nj(site, effect.plug, *span)
        billed = ChargeSession(
            session_id=effect.session_id,
            start_ms=effect.start_ms,
            finish_ms=effect.finish_ms,
            plug_id=effect.plug,
            site_id=site,
            owner_id=effect.customer,
            nj=nj,
            cents=self.cents(nj),
            billed_cents=self.cents(nj),
            fuze_id=effect.fuse,
        )
        kept = await self._store.keep(site, billed, -1)
        await self._post(kept)
        await self._store.note(kept)
        reach("charging_posted")
        await self._book(site, effect, *span)
        await self._payments.after_session(effect.customer, effect.session_id)
        self._metrics.sessions.inc()

    async def recount(self, site: str, effect: RecountSessions) -> None:
        """Correct the bills of sessions that readings came too late for."""
        for session in await self._store.around(site, effect.first_ms, effect.last_ms):
            if session.plug_id == effect.plug:
                await self._recount(site, session)

    async def _recount(self, site: str, kept: ChargeSession) -> None:
        span = kept.start_ms, kept.finish_ms
        while True:
            await self._post(kept)
            nj = await self.energy_nj(site, kept.plug_id, *span)
            if nj == kept.nj:
                break
            cents = self.cents(nj)
            corrected = replace(
                kept,
                nj=nj,
                cents=cents,
                revision=kept.revision + 1,
                difference_cents=cents - kept.cents,
                corrected_ms=self._clock.now_ms(),
            )
            kept = await self._store.keep(site, corrected, kept.revision)
        closed = CloseSession(kept.plug_id, kept.session_id, kept.owner_id, *span, kept.fuze_id)
        await self._book(site, closed, *span)

    async def _post(self, session: ChargeSession) -> None:
        """Post what a session came to at first, and its newest adjustment."""
        id_, customer = session.session_id, session.owner_id
        await self._payments.post(customer, usage(id_, session.billed_cents, session.finish_ms))
        if session.difference_cents:
            entry = adjustment(
                id_,
                session.revision,
                session.difference_cents,
                session.corrected_ms,
                "late readings",
            )
            await self._payments.post(customer, entry)

    async def _book(
        self, site: str, effect: BookSession | CloseSession, first_ms: int, last_ms: int
    ) -> None:
        """Book the cells of a session from the minute of a millisecond on."""
        hour_ms = HOUR_S * MS
        read_ms = max(effect.start_ms, first_ms // hour_ms * hour_ms - self._settings.gap_max_ms)
        for _ in range(TRIES):
            taken, logs = await self._store.logs(site, effect.plug, read_ms, last_ms)
            readings = readings_of(logs, read_ms, last_ms)
            reports = self._reports(
                effect,
                {
                    cell: mwh
                    for cell, mwh in cells(
                        readings, self._settings.energy_rule, self._settings.gap_max_ms
                    ).items()
                    if cell >= first_ms // MS // CELL_S * CELL_S
                },
            )
            plug = uid_of(PLUG_SPACE, effect.plug)
            fences = {
                plug: (PLUG_FENCE, taken),
                customer_uid(effect.customer): (f"{PLUG_FENCE}.{plug:x}", taken),
            }
            named = {report.uid for report in reports}
            outcomes = await self._engine.book(
                reports, {uid: fence for uid, fence in fences.items() if uid in named}
            )
            for outcome in outcomes:
                if outcome.error is not None:
                    raise outcome.error
            if all(outcome.status != "superseded" for outcome in outcomes):
                return
        raise StoreUnavailableError(f"charging: readings of {effect.plug} go on coming in between")

    def _reports(
        self, effect: BookSession | CloseSession, found: Mapping[int, int]
    ) -> list[Report]:
        owners = uid_of(PLUG_SPACE, effect.plug), customer_uid(effect.customer)
        atid, aid = fuse_number(effect.fuse), session_number(effect.session_id)
        return [
            Report(thing, uid, atid, aid, mwh, cell, cell + CELL_S - 1)
            for thing, uid in zip(self._things, owners, strict=True)
            if thing is not None
            for cell, mwh in found.items()
        ]

    def _energy(self, logs: list[bytes], first_ms: int, last_ms: int) -> int:
        rule, gap_max_ms = self._settings.energy_rule, self._settings.gap_max_ms
        return session_nj(logs, first_ms, last_ms, rule, gap_max_ms)

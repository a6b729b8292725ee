"""Sessions of plugs: what they come to, their bills, and the energy that is booked of them.

Everything is computed from the readings that are kept, as exact integers, and each deed is safe to
repeat: a session is kept once, an entry of the ledger has the session's id, bookings are reports::

    close ── 800 s of readings ── 1,440,480,000,000,000 nJ, 12 cents ── session id-2, revision 0
          ── use/id-2: -12 cents ── cells of a minute, of the plug and of the customer
    readings that come an hour later: recount ── 13 cents ── revision 1 ── adj/id-2/1: -1 cent

Whoever booked what was made of fewer readings than others knew of computes again
(psd/charging/sessions/session_booking.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from psd.charging.accounts.ledger_entries import adjustment, usage
from psd.charging.effects import BookSession, CloseSession, RecountSessions
from psd.charging.payments.paying import Payments
from psd.charging.sessions.price_plans import ChargingPrices
from psd.charging.sessions.running_sums import RunningSums, SoFar
from psd.charging.sessions.session_booking import SessionBooking, closing
from psd.charging.sessions.session_energy import (
    CELL_S,
    MS,
    SessionSum,
    log_sums,
    sum_of,
)
from psd.charging.sessions.session_store import ChargeSession, EarlierBill, SessionStore
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_decisions import SiteArchive
from psd.clock import Clock
from psd.engine.engine import Engine
from psd.errors import StoreUnavailableError
from psd.failpoints import reach
from psd.measures.curve import HOUR_S
from psd.slices import Stretch

TRIES = 20
"""Bookings of a session that others overtook, each by readings that came meanwhile."""

BOOKED_BACK_MS = 600_000
"""So far back a session that goes on is booked again; all of it is when it ends."""


class Measured(msgspec.Struct, frozen=True):
    """What readings say, of ``taken`` or more that were kept of the plug."""

    taken: int
    sum: SessionSum

    def says_all_of(self, session: ChargeSession) -> bool:
        """Whether all readings are there still that a session was billed by.

        Of fewer some are past their time, and say nothing against it. Where it is not known how
        many there were, none of those that are there may be the whole of them.
        """
        if not session.readings and session.nj:
            return False
        return session.readings <= self.sum.readings


class ChargeSessions:
    """Bills and books sessions; ``things`` are numbers by name."""

    def __init__(
        self,
        store: SessionStore,
        engine: Engine,
        payments: Payments,
        archive: SiteArchive,
        settings: ChargingSettings,
        things: Mapping[str, int],
        clock: Clock,
    ) -> None:
        self._store = store
        self.booking = SessionBooking(engine, things)
        self._payments = payments
        self._archive = archive
        self._settings = settings
        self._prices = ChargingPrices(settings)
        self._running = RunningSums(store, settings, self._prices)
        self._clock = clock

    async def so_far(self, site: str, plug: str, first_ms: int, last_ms: int) -> SoFar:
        """What a plug delivered between two milliseconds, both included, and its price. 1 trip."""
        return await self._running.so_far(site, plug, first_ms, last_ms)

    async def book(self, site: str, effect: BookSession) -> None:
        """Book the last minutes of a session that goes on."""
        now_ms = self._clock.now_ms()
        await self.book_part(site, effect, now_ms - BOOKED_BACK_MS, now_ms)

    async def book_part(self, site: str, effect: BookSession, first_ms: int, last_ms: int) -> None:
        """Book a session that goes on from one millisecond to another."""
        await self._book(site, effect, max(effect.start_ms, first_ms), last_ms)

    async def close(self, site: str, effect: CloseSession) -> None:
        """Bill a session that has ended, book all of it, and top its account up."""
        price = self._prices.between(effect.start_ms, effect.finish_ms)
        found = await self._measured(site, effect.plug, effect.start_ms, effect.finish_ms)
        cents = price.cents(found.sum)
        billed = ChargeSession(
            session_id=effect.session_id,
            start_ms=effect.start_ms,
            finish_ms=effect.finish_ms,
            plug_id=effect.plug,
            site_id=site,
            owner_id=effect.customer,
            nj=found.sum.nj,
            cents=cents,
            billed_cents=cents,
            fuze_id=effect.fuse,
            readings=found.sum.readings,
            mwh=found.sum.mwh,
            cents_per_kwh=price.cents_per_kwh,
            prices=price.steps,
        )
        kept = await self._store.keep(site, billed, -1)
        await self.post_entries(kept)
        await self._store.note(kept)
        reach("charging_posted")
        await self._settle(site, kept, found)
        await self._store.release(kept, self._settings.readings_kept_s)
        await self._payments.after_session(effect.customer, effect.session_id)

    async def recount(self, site: str, effect: RecountSessions) -> None:
        """Correct the bills of sessions that readings came too late for."""
        for session in await self._store.around(site, effect.first_ms, effect.last_ms):
            if session.plug_id == effect.plug:
                await self._recount(site, session)

    async def measured(self, session: ChargeSession) -> Measured:
        """What the readings say that are kept of a session. 1 trip."""
        span = session.start_ms, session.finish_ms
        return await self._measured(session.site_id, session.plug_id, *span)

    async def count_again(self, session: ChargeSession) -> None:
        """Post what a session came to, and correct and book it by the readings that are kept."""
        await self._recount(session.site_id, session)

    async def _recount(self, site: str, kept: ChargeSession) -> None:
        while True:
            await self.post_entries(kept)
            found = await self.measured(kept)
            if not found.says_all_of(kept):
                return
            price = kept.price or self._prices.between(kept.start_ms, kept.finish_ms)
            is_same = (found.sum.nj, found.sum.mwh) == (kept.nj, kept.mwh)
            if is_same and price.is_met(found.sum, kept.cents):
                break
            cents = price.cents(found.sum)
            corrected = replace(
                kept,
                nj=found.sum.nj,
                cents=cents,
                revision=kept.revision + 1,
                difference_cents=cents - kept.cents,
                corrected_ms=self._clock.now_ms(),
                readings=found.sum.readings,
                mwh=found.sum.mwh,
                earlier=(*kept.earlier, _stood(kept)),
            )
            kept = await self._store.keep(site, corrected, kept.revision)
        await self._settle(site, kept, found)

    async def post_entries(self, session: ChargeSession) -> None:
        """Post what a session came to at first, and its newest adjustment. Safe to repeat."""
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

    async def _measured(self, site: str, plug: str, first_ms: int, last_ms: int) -> Measured:
        rule, gap_max_ms = self._settings.energy_rule, self._settings.gap_max_ms
        taken, logs = await self._store.logs(site, plug, first_ms, last_ms)
        parts, stretch = [], Stretch()
        for part in log_sums(logs, first_ms, last_ms, rule, gap_max_ms):
            parts.append(part)
            await stretch.after(part.readings)
        return Measured(taken, sum_of(parts))

    async def _settle(self, site: str, kept: ChargeSession, found: Measured) -> None:
        """Book all cells of a session that has ended, and archive both."""
        for _ in range(TRIES):
            if await self.booking.book(closing(kept), found.sum.cells, found.taken):
                await self._archive.tell_session(site, kept, found.taken, found.sum.cells)
                return
            found = await self.measured(kept)
        raise _goes_on(kept.plug_id)

    async def _book(self, site: str, effect: BookSession, first_ms: int, last_ms: int) -> None:
        """Book the cells of a session from the minute of a millisecond on."""
        hour_ms = HOUR_S * MS
        read_ms = max(effect.start_ms, first_ms // hour_ms * hour_ms - self._settings.gap_max_ms)
        for _ in range(TRIES):
            found = await self._measured(site, effect.plug, read_ms, last_ms)
            first_s = first_ms // MS // CELL_S * CELL_S
            due = {cell: mwh for cell, mwh in found.sum.cells.items() if cell >= first_s}
            if await self.booking.book(effect, due, found.taken):
                return
        raise _goes_on(effect.plug)


def _goes_on(plug: str) -> StoreUnavailableError:
    return StoreUnavailableError(f"charging: readings of {plug} go on coming in between")


def _stood(kept: ChargeSession) -> EarlierBill:
    """What stands of a session before it is corrected."""
    return EarlierBill(kept.nj, kept.cents, kept.corrected_ms or kept.finish_ms)

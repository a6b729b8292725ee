"""What a running process has of charging; built once, from what psd lends."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

from psd.audit.sweep import Audited
from psd.charging.accounts.account_pages import AccountPages
from psd.charging.accounts.ledger_audit import LedgerAudit
from psd.charging.accounts.told_accounts import ToldCharging
from psd.charging.accounts.whole_accounts import WholeAccounts
from psd.charging.charging_events import THINGS
from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.charging_services import ChargingServices
from psd.charging.endpoints import ChargingRoutes
from psd.charging.page_watching import PageWatching
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.payments.payment_routes import PaymentRoutes
from psd.charging.plugs.plug_clock import EVERY_MS
from psd.charging.plugs.plug_codes import PlugCodes
from psd.charging.plugs.plug_keeper import PlugKeeper
from psd.charging.plugs.plug_pages import PlugPages
from psd.charging.plugs.replayed_readings import ReplayedReadings
from psd.charging.sessions.session_audit import SessionAudit
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_redoing import SiteKeeper
from psd.domain.core import Core
from psd.domain.part import ClockTask, Part
from psd.domain.told_again import ToldAgain

LOOK_AFTER_EVERY_MS = 5_000


class ChargingPart(Part):
    """Sites and their plugs, accounts and their ledgers."""

    def __init__(self, core: Core, settings: ChargingSettings) -> None:
        self.desk = PaymentDesk(core, settings)
        self.services = _services_of(core, settings, self.desk)
        numbers = frozenset(core.things[name] for name in THINGS if name in core.things)
        replayed = ReplayedReadings(self.services, core.clock, settings.late_max_s)
        keeper = PlugKeeper(
            self.services.sites,
            self.services.store,
            numbers,
            replayed=replayed if core.replays else None,
        )
        self.followers = (keeper,)
        self.keepers = (self.desk.keeper, SiteKeeper(self.services))
        self._ledger_audit = LedgerAudit(
            core.store,
            self.desk.accounts,
            self.desk.booking,
            core.engine,
            core.things.get("ledger"),
        )
        self._session_audit = SessionAudit(
            self.services, self.desk.accounts, core.engine, core.things
        )
        self.audit = self._audited
        told = ToldCharging(
            WholeAccounts(core.store),
            self.desk.accounts,
            self.services.store,
            self.services.session_store,
            self._session_audit,
        )
        self.told_again = (ToldAgain("ledgers", "charging", told.standing),)
        web = self.web = ChargingRoutes(self.services, self.desk, settings, core.clock)
        self.endpoints, self.watchables = web.endpoints(), web.watchables()
        self.deeds, self.decrees = web.deeds(), web.decrees()
        routes = PaymentRoutes(self.desk, settings, core.clock)
        self.face_hooks, self.face_leads = routes.hooks(), routes.leads()
        if settings.enabled:
            plug_pages = PlugPages(web.plugs, web.sites, self.services, settings, core.clock)
            account_pages = AccountPages(self.desk, self.services.session_store, settings)
            codes = PlugCodes(web.plugs)
            self.pages = (*plug_pages.pages(), codes.page(), *account_pages.pages())
            watching = PageWatching(web.plugs, web.sites, web.accounts, web.versions)
            self.page_watchables = watching.watchables()
        self._steps_plugs = settings.enabled
        self._looked_after_ms = -LOOK_AFTER_EVERY_MS
        every_ms = EVERY_MS if settings.enabled else LOOK_AFTER_EVERY_MS
        self.clock = ClockTask(name="charging", every_ms=every_ms, step=self._step)

    async def _audited(self, *, repair: bool) -> AsyncIterator[Audited]:
        """Money first, as sessions are held against it."""
        async for audited in self._ledger_audit.every(repair=repair):
            yield audited
        async for audited in self._session_audit.every(repair=repair):
            yield audited

    async def close(self) -> None:
        """Hang up on Stripe."""
        await self.desk.close()

    async def _step(self, now_ms: int) -> None:
        """Look at plugs that are due, and now and then at what somebody left of money."""
        if self._steps_plugs:
            await self.services.clock.step(now_ms)
        if abs(now_ms - self._looked_after_ms) >= LOOK_AFTER_EVERY_MS:
            self._looked_after_ms = now_ms
            await self.desk.look_after(now_ms)


def _services_of(core: Core, settings: ChargingSettings, desk: PaymentDesk) -> ChargingServices:
    """What plugs, sessions and sites are looked after with."""
    return ChargingServices(
        core,
        settings,
        desk,
        core.publish,
        lambda: str(uuid.uuid4()),
        ChargingMetrics(core.metrics),
        lambda _site, _plug, _moved: None,
        str(uuid.uuid4()),
    )

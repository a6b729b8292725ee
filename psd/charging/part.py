"""What a running process has of charging; built once, from what psd lends."""

from __future__ import annotations

from psd.charging.ledger_audit import LedgerAudit
from psd.charging.payment_desk import PaymentDesk
from psd.charging.payment_routes import PaymentRoutes
from psd.charging.settings import ChargingSettings
from psd.domain import ClockTask, Core, Part

LOOK_AFTER_EVERY_MS = 5_000


class ChargingPart(Part):
    """Accounts and their ledgers."""

    def __init__(self, core: Core, settings: ChargingSettings) -> None:
        self.desk = PaymentDesk(core, settings)
        self.keepers = (self.desk.keeper,)
        self.audit = LedgerAudit(
            core.store,
            self.desk.accounts,
            self.desk.booking,
            core.engine,
            core.things.get("ledger"),
        ).every
        routes = PaymentRoutes(self.desk, settings, core.clock)
        self.face_hooks, self.face_leads = routes.hooks(), routes.leads()
        self.clock = ClockTask(name="money", every_ms=LOOK_AFTER_EVERY_MS, step=self._look_after)

    async def close(self) -> None:
        """Hang up on Stripe."""
        await self.desk.close()

    async def _look_after(self, now_ms: int) -> None:
        await self.desk.look_after(now_ms)

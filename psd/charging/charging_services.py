"""What steps, bills and carries out, put together once over a store.

A process has it in its part (psd/charging/part.py), a scenario one of its own with other ids, and
with a queue that writes down what it is given (psd/charging/plugs/plug_play.py).
"""

from __future__ import annotations

from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.outbox import Outbox, Publish
from psd.charging.payments.paying import Payments
from psd.charging.plugs.machine import Machine
from psd.charging.plugs.plug_clock import PlugClock
from psd.charging.plugs.step_changes import NewId
from psd.charging.sessions.charge_sessions import ChargeSessions
from psd.charging.sessions.session_reads import SessionReads
from psd.charging.sessions.session_store import SessionStore
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_decisions import SiteArchive
from psd.charging.sites.site_looks import SiteLooks
from psd.charging.sites.site_reads import SiteReads
from psd.charging.sites.site_steps import Sites
from psd.charging.sites.site_store import SiteStore
from psd.charging.sites.step_keeping import StepKeeping, Witness
from psd.clock import Clock
from psd.domain.core import Core


class ChargingServices:
    """Sites, their sessions and their outbox."""

    def __init__(
        self,
        core: Core,
        settings: ChargingSettings,
        payments: Payments,
        publish: Publish,
        new_id: NewId,
        metrics: ChargingMetrics,
        witness: Witness,
        name: str,
    ) -> None:
        clock: Clock = core.clock
        self.metrics = metrics
        self.store = SiteStore(core.store, settings)
        self.reads = SiteReads(core.store, self.store)
        self.session_store = SessionStore(core.store)
        archive = SiteArchive(core.archive, clock)
        self.session_reads = SessionReads(core.store, self.store)
        self.sessions = ChargeSessions(
            self.session_store,
            core.engine,
            payments,
            archive,
            settings,
            core.things,
            clock,
        )
        self.outbox = Outbox(self.store, self.sessions, archive, publish, metrics.outbox)
        self.machine = Machine(settings, new_id)
        keeping = StepKeeping(
            self.store, self.machine, self.outbox, metrics, witness, archives=archive.is_kept
        )
        self.sites = Sites(self.store, self.machine, keeping, settings, clock, metrics)
        self.looks = SiteLooks(
            self.store,
            self.machine,
            self.sessions,
            payments,
            self.outbox,
            keeping,
            settings,
            metrics,
        )
        self.clock = PlugClock(core.store, self.store, self.looks, name)

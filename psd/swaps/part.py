"""What a running process has of the swaps; built once, from what psd lends."""

from __future__ import annotations

from psd.domain.core import Core
from psd.domain.part import ClockTask, Part
from psd.domain.told_again import ToldAgain
from psd.engine.event_rules import rules_of
from psd.swaps.accepted import AcceptedKeeper
from psd.swaps.additions import Additions
from psd.swaps.audit import SwapsAudit
from psd.swaps.endpoints import deeds, endpoints, watchables
from psd.swaps.instruments import SwapsMetrics
from psd.swaps.keeper import LedgerFollower
from psd.swaps.ledger import Ledger
from psd.swaps.page_forms import PageForms
from psd.swaps.page_views import HOME, PageViews
from psd.swaps.questions import SwapsQuestions
from psd.swaps.settings import SwapsSettings
from psd.swaps.store import SwapsStore
from psd.swaps.swap_bookings import THINGS, Bookkeeper
from psd.swaps.told_events import ToldSwaps
from psd.swaps.unsettled import Settler

SETTLE_EVERY_MS = 10_000


class SwapsPart(Part):
    """The ledgers of all networks over one store, each made when it is first asked for."""

    def __init__(self, core: Core, settings: SwapsSettings) -> None:
        self.settings = settings
        self._core = core
        self._store = SwapsStore(core.store)
        self._metrics = SwapsMetrics(core.metrics)
        self._ledgers: dict[str, Ledger] = {}
        things = frozenset(core.things[name] for name in THINGS if name in core.things)
        self.followers = (LedgerFollower(self.ledger, things),)
        self.keepers = (AcceptedKeeper(self._store),)
        self.told_again = (ToldAgain("ledgers", "swaps", ToldSwaps(self._store).standing),)
        views = PageViews(self.ledger, settings, core.clock)
        forms = PageForms(self.ledger, settings, core.clock, rules_of(core.settings))
        self.pages = (*views.pages(), *forms.pages())
        self.home = HOME
        self.auditing = SwapsAudit(core.store, self._store, core.engine, core.things)
        self.audit = self.auditing.every
        questions = SwapsQuestions(self.ledger, core.clock, settings.tz)
        self.endpoints = endpoints(questions)
        self.watchables = watchables(questions)
        self.deeds = deeds(Additions(self.ledger))
        self.clock = ClockTask(name="swaps settle", every_ms=SETTLE_EVERY_MS, step=self._settle)

    def ledger(self, network: str = "") -> Ledger:
        """The ledger of a network; that of the settings where none is named."""
        name = network or self.settings.network
        found = self._ledgers.get(name)
        if found is None:
            found = self._ledgers[name] = self._made(name)
        return found

    async def networks(self) -> list[str]:
        """Networks that ever had an event. 1 trip."""
        return await self._store.networks()

    def _made(self, network: str) -> Ledger:
        core = self._core
        settler = Settler(
            network,
            self._store,
            core.engine,
            Bookkeeper(network, core.things),
            core.archive,
            core.clock,
            self._metrics,
        )
        return Ledger(
            network,
            self._store,
            core.engine,
            core.clock,
            core.things,
            self.settings,
            settler,
            self._metrics,
        )

    async def _settle(self, _now_ms: int) -> None:
        """Book what somebody left who was killed."""
        for network in await self.networks():
            await self.ledger(network).settle_left()

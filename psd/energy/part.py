"""What a running process has of energy; built once, from what psd lends."""

from __future__ import annotations

from psd.domain.core import Core
from psd.domain.part import Part
from psd.domain.told_again import ToldAgain
from psd.energy.cost_endpoints import (
    cost_endpoints,
    plan_endpoints,
    plan_resource,
    price_deeds,
    price_endpoints,
)
from psd.energy.cost_questions import CostQuestions
from psd.energy.endpoints import deeds, endpoints, energy_files
from psd.energy.energy_audit import EnergyAudit
from psd.energy.energy_metrics import EnergyMetrics
from psd.energy.files.energy_files import EnergyFiles
from psd.energy.joi.joi_batches import BatchStore
from psd.energy.joi.joi_face import JoiFace
from psd.energy.joi.joi_keeper import JoiKeeper
from psd.energy.joi.joi_tables import load_joi_tables
from psd.energy.live import LiveMeters, live_watchable
from psd.energy.meter_costs import Costs
from psd.energy.meter_keeper import MeterKeeper
from psd.energy.meter_pages import MeterPages
from psd.energy.meter_reads import MeterReads
from psd.energy.meters import MeterQuestions
from psd.energy.plan_questions import PlanQuestions, PriceQuestions
from psd.energy.plan_store import PlanStore
from psd.energy.price_keeper import PriceKeeper
from psd.energy.price_store import PriceStore
from psd.energy.readings import ReadingQuestions
from psd.energy.settings import EnergySettings
from psd.energy.store import MeterStore
from psd.energy.told_prices import ToldEnergy
from psd.energy.told_readings import ToldReadings
from psd.energy.upload_page import UploadPage
from psd.energy.usage import UsageQuestions
from psd.engine.event_rules import rules_of


class EnergyPart(Part):
    """Who keeps what meters send, plans and prices, and what answers questions."""

    def __init__(self, core: Core, settings: EnergySettings) -> None:
        store, things = MeterStore(core.store, core.settings), dict(core.things)
        batches = BatchStore(core.store, core.settings, settings.batches_max)
        face = JoiFace(batches, load_joi_tables(settings.joi_tables), settings, core.clock)
        self.face_endpoints, self.face_deeds = face.endpoints(), face.deeds()
        reads = MeterReads(core.store)
        self.meters = meters = MeterQuestions(
            store, reads, core.engine, core.clock, settings, things
        )
        self.usage = usage = UsageQuestions(store, core.engine, core.clock, settings, things)
        readings = ReadingQuestions(store, reads, core.engine, core.clock, settings, things)
        self.prices = PriceStore(core.store)
        self.plans = PlanStore(core.store, core.clock, core.turns)
        metrics = EnergyMetrics(core.metrics)
        self.costs = Costs(store, self.prices, core.engine, things, settings, metrics)
        self.files = EnergyFiles(store, settings, core.clock, rules_of(core.settings), metrics)
        self.file_imports = (energy_files(self.files, settings.import_bytes_max),)
        keeper = MeterKeeper(store, core.engine, settings, things, metrics)
        self.audit = EnergyAudit(store, reads, core.engine, keeper.booker).every
        self.followers = (JoiKeeper(keeper, batches), PriceKeeper(self.prices))
        self.keepers = (self.plans,)
        told = ToldEnergy(self.plans, self.prices)
        said = ToldReadings(store, reads, core.engine, core.store, things)
        self.told_again = (
            ToldAgain("ledgers", "energy", told.standing),
            ToldAgain("readings", "energy", said.standing),
        )
        plans = PlanQuestions(self.plans)
        prices = PriceQuestions(self.prices, core.clock)
        costs = self.cost_questions = CostQuestions(
            store, self.plans, self.costs, settings, core.clock
        )
        self.endpoints = (
            *endpoints(usage, meters, readings),
            *cost_endpoints(self.cost_questions),
            *plan_endpoints(plans),
            *price_endpoints(prices),
        )
        self.deeds = (*deeds(meters), *price_deeds(prices))
        self.resources = (plan_resource(plans),)
        live = LiveMeters(core, store, reads, costs, settings)
        self.watchables = (live_watchable(live, "/v3/energy", whole=True),)
        self.page_watchables = (live_watchable(live, "", whole=False),)
        pages = MeterPages(live, reads, costs, core, settings)
        self.pages = (*pages.pages(), UploadPage(settings.import_bytes_max).page())

"""What a running process has of the weekly rewards; built once, from what psd lends."""

from __future__ import annotations

from psd.domain.core import Core
from psd.domain.part import Part
from psd.domain.told_again import ToldAgain
from psd.domain.web_page import Search
from psd.rewards.accounts import Accounts
from psd.rewards.at_risk import AtRisk
from psd.rewards.booking import VehicleFollower
from psd.rewards.configuration import tables_of
from psd.rewards.endpoints import endpoints
from psd.rewards.evidence import Evidence
from psd.rewards.job import RewardsJob
from psd.rewards.original import OriginalPages
from psd.rewards.participants import Population
from psd.rewards.questions import RewardsQuestions
from psd.rewards.registry import Registry
from psd.rewards.reward_pages import RewardPages
from psd.rewards.rulings import Rulings
from psd.rewards.settings import RewardsSettings
from psd.rewards.store import RewardsStore
from psd.rewards.told_vehicles import ToldRewards
from psd.rewards.vehicle_events import VehicleRules
from psd.rewards.vehicle_pages import VehiclePages
from psd.rewards.week_questions import WeekQuestions
from psd.rewards.what_if import WhatIf
from psd.rewards.what_if_page import WhatIfPage
from psd.rewards.what_if_questions import WhatIfQuestions
from psd.store.clocks import SlowerClock


class RewardsPart(Part):
    """The stores, the weekly job, and what answers questions."""

    pages_are_open = True

    def __init__(self, core: Core, settings: RewardsSettings) -> None:
        store, engine, clock, things = core.store, core.engine, core.clock, core.things
        self.tables = tables_of(settings, things)
        self.registry = Registry(store)
        self.results = RewardsStore(store)
        self.ledger = Rulings(store, clock, core.turns)
        earnings = [things[name] for name in self.tables.earnings if name in things]
        population = Population(self.registry, engine, earnings)
        slower = SlowerClock(clock, store.clocks)
        self.job = RewardsJob(store, self.results, self.ledger, population, slower)
        readers = (engine, self.tables, things)
        self.evidence = Evidence(self.results, self.ledger, *readers)
        self.accounts = Accounts(self.registry, self.results, self.evidence, *readers, clock)
        self.at_risk = AtRisk(self.registry, self.results, *readers, clock)
        followed = VehicleRules(self.tables, things).things
        self.followers = (VehicleFollower(self.registry, store, followed),)
        questions = RewardsQuestions(
            self.accounts, self.at_risk, self.evidence, self.results, self.tables
        )
        weeks = WeekQuestions(self.accounts, self.results, self.tables)
        self.what_if = WhatIf(store, self.results, self.registry)
        what_if = WhatIfQuestions(self.what_if, self.tables)
        original = OriginalPages(self.accounts, self.results, self.tables, clock)
        self.endpoints = endpoints(questions, weeks, what_if, original)
        self.keepers = (self.ledger,)
        self.pages = (
            *RewardPages(questions, weeks, clock).pages(),
            *VehiclePages(questions, weeks).pages(),
            *WhatIfPage(what_if, self.tables).pages(),
        )
        self.searches = (
            Search("Vehicle", "/find", "vehicle"),
            Search("Owner of vehicles", "/find", "owner"),
        )
        told = ToldRewards(self.registry, self.ledger, self.results, self.tables)
        self.told_again = (ToldAgain("rewards", "rewards", told.standing),)

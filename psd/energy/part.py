"""What a running process has of energy; built once, from what psd lends."""

from __future__ import annotations

from psd.domain import Core, Part
from psd.energy.endpoints import endpoints
from psd.energy.meter_keeper import MeterKeeper
from psd.energy.settings import EnergySettings
from psd.energy.store import MeterStore
from psd.energy.usage import UsageQuestions


class EnergyPart(Part):
    """Who keeps what meters send, and what answers questions."""

    def __init__(self, core: Core, settings: EnergySettings) -> None:
        store, things = MeterStore(core.store, core.settings), dict(core.things)
        self.follower = MeterKeeper(store, core.engine, settings, things)
        self.endpoints = endpoints(UsageQuestions(store, core.engine, core.clock, things))

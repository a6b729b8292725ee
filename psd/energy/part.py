"""What a running process has of energy; built once, from what psd lends."""

from __future__ import annotations

from psd.domain import Core, Part
from psd.energy.endpoints import deeds, endpoints
from psd.energy.joi_batches import BatchStore
from psd.energy.joi_face import JoiFace
from psd.energy.joi_keeper import JoiKeeper
from psd.energy.joi_tables import load_joi_tables
from psd.energy.meter_keeper import MeterKeeper
from psd.energy.meter_reads import MeterReads
from psd.energy.meters import MeterQuestions
from psd.energy.readings import ReadingQuestions
from psd.energy.settings import EnergySettings
from psd.energy.store import MeterStore
from psd.energy.usage import UsageQuestions


class EnergyPart(Part):
    """Who keeps what meters send, and what answers questions."""

    def __init__(self, core: Core, settings: EnergySettings) -> None:
        store, things = MeterStore(core.store, core.settings), dict(core.things)
        batches = BatchStore(core.store, core.settings, settings.batches_max)
        self.follower = JoiKeeper(MeterKeeper(store, core.engine, settings, things), batches)
        face = JoiFace(batches, load_joi_tables(settings.joi_tables), settings, core.clock)
        self.face_endpoints, self.face_deeds = face.endpoints(), face.deeds()
        reads = MeterReads(core.store)
        meters = MeterQuestions(store, reads, core.engine, core.clock, settings, things)
        usage = UsageQuestions(store, core.engine, core.clock, settings, things)
        readings = ReadingQuestions(store, reads, core.engine, core.clock, settings, things)
        self.endpoints = endpoints(usage, meters, readings)
        self.deeds = deeds(meters)

"""Energy of meters, as psd knows it (psd/domain/definition.py)."""

from __future__ import annotations

from psd.config import Thing
from psd.domain.definition import Domain
from psd.domain.face import Face
from psd.energy.joi.dialect import JOI
from psd.energy.keys import KEYS
from psd.energy.settings import EnergySettings

FAILPOINTS = (
    "energy_kept",  # readings are kept, their energy is not booked
    "energy_booked",  # it is booked, whoever sent them was not told
)
"""Places of the keeper (psd/energy/meter_keeper.py), in its order."""

ENERGY = Domain(
    name="energy",
    docs="Meters, and the energy that they measure.",
    settings=EnergySettings,
    things={
        "energy_import": Thing(20, "mWh", boards="day"),
        "energy_export": Thing(21, "mWh", boards="day"),
        "energy_generated": Thing(22, "mWh", boards="day"),
    },
    keys=KEYS,
    messages="psd.energy.commands:messages_of",
    posts="/v3/energy/readings",
    open="psd.energy.part:EnergyPart",
    exports=("ledgers", "readings"),
    cli=("psd.energy.cli.group:energy", "Ask what meters used and what it costs."),
    client=("psd.energy.client:AsyncEnergy", "psd.energy.client:Energy"),
    failpoints=FAILPOINTS,
    face=Face(
        name="joi",
        port=8020,
        dialect=JOI,
        setting="joi_port",
        has_pages=False,
        sample="psd.energy.joi.joi_sample:joi_sample",
    ),
)

"""The charging of cars, as psd knows it (psd/domain/definition.py)."""

from __future__ import annotations

from psd.charging.keys import KEYS
from psd.charging.settings import ChargingSettings
from psd.config import Thing
from psd.domain.definition import Domain
from psd.domain.face import Face

FAILPOINTS = (
    "charging_taken",  # readings are kept, nobody has looked at their plugs
    "charging_committed",  # a step is kept, none of its effects is carried out
    "charging_effect",  # an effect is about to be carried out
    "charging_posted",  # money is posted, the outbox has it still
    "charging_done",  # an effect is carried out and out of the outbox
)

CHARGING = Domain(
    name="charging",
    docs="Plugs that charge cars, their fuses, sessions and accounts.",
    settings=ChargingSettings,
    things={
        "charge_energy": Thing(30, "mWh", boards="day"),
        "customer_energy": Thing(31, "mWh", boards="day"),
        "ledger": Thing(32, "cents", boards="day"),
    },
    keys=KEYS,
    messages="psd.charging.charging_events:messages_of",
    open="psd.charging.part:ChargingPart",
    exports=("ledgers",),
    cli=("psd.charging.cli.group:charging", "Charge cars at plugs."),
    failpoints=FAILPOINTS,
    face=Face(name="charging", port=4242),
)

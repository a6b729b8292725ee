"""The battery swaps, as psd knows them (psd/domain/definition.py)."""

from __future__ import annotations

from psd.config import Thing
from psd.domain.definition import Domain
from psd.domain.face import Face
from psd.swaps.keys import KEYS
from psd.swaps.settings import SwapsSettings

SWAPS_DOMAIN = Domain(
    name="swaps",
    docs="Batteries, who drives with them, and what follows from each swap.",
    settings=SwapsSettings,
    things={
        "ride_distance": Thing(40, "km"),
        "ride_energy": Thing(41, "Wh"),
        "swaps": Thing(42, "swaps"),
        "battery_charge": Thing(43, "Wh"),
    },
    keys=KEYS,
    messages="psd.swaps.asking:messages_of",
    open="psd.swaps.part:SwapsPart",
    exports=("ledgers",),
    cli=("psd.swaps.cli.group:swaps", "Keep the ledger of battery swaps."),
    failpoints=(
        "swaps_appended",  # the stream has the event, nothing is booked
        "swaps_booked",  # it is booked, and still among the unsettled
    ),
    face=Face(name="swaps", port=5000),
)

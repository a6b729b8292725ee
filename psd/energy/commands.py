"""What the queue carries for energy: what meters say, and what the JOI face took of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from psd.domain.command import Messages
from psd.energy import meter_events
from psd.energy.joi.joi_batches import batch_command
from psd.energy.settings import EnergySettings


def messages_of(settings: EnergySettings, things: Mapping[str, int]) -> Messages:
    """All of them; ``things`` are the numbers of all that are configured."""
    of_meters = meter_events.messages_of(settings, things)
    return msgspec.structs.replace(of_meters, commands=(*of_meters.commands, batch_command()))

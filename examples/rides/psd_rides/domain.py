"""Rides of shared bikes: what psd knows of them before anything runs."""

from __future__ import annotations

from psd.config import Thing
from psd.domain.definition import Domain

from .settings import RidesSettings

RIDES = Domain(
    name="rides",
    docs="Rides of shared bikes, in metres.",
    settings=RidesSettings,
    things={"ride_m": Thing(9001, "m")},
    messages="psd_rides.events:messages_of",
    open="psd_rides.part:RidesPart",
)

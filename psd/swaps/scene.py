"""Whom a swap is about, and what stood before its place: what its event says follows. Pure.

::

    driver D1 on vehicle 1, station S1, B1 comes in, B2 goes out
    where B1 is: on vehicle 1      where B2 is: at station 2
    -> the event, with the warning battery_elsewhere of B2
"""

from __future__ import annotations

from typing import Any

from psd.errors import ConflictError, OutOfBoundsError, WrongTypeError
from psd.foreign_texts import shown
from psd.swaps.append import Named
from psd.swaps.objects import Known, KnownBattery, KnownDriver, KnownStation
from psd.swaps.positions import Whereabouts
from psd.swaps.settings import SwapsSettings
from psd.swaps.swap_events import Correction, Numbered, Swap, SwapAsked


class Scene:
    """Whom a swap is about, and what stood before its place."""

    def __init__(
        self, driver: KnownDriver, vehicle: Known, station: KnownStation, settings: SwapsSettings
    ) -> None:
        self.driver = driver
        self.station = station
        self.vehicle = vehicle.id
        self.battery_in: KnownBattery | None = None
        self.battery_out: KnownBattery | None = None
        self.last: Numbered | None = None
        self.carried: Numbered | None = None
        self.where: dict[int, Whereabouts] = {}
        self._vehicle_version = vehicle.version
        self._settings = settings

    def swap(self, asked: SwapAsked, second: int, root: int) -> Swap:
        """The event; raises ConflictError for a battery that is elsewhere, where that is strict."""
        if self.battery_in is None and self.battery_out is None:
            raise WrongTypeError("battery_out: missing; no battery comes in either")
        fields: dict[str, Any] = {
            "id": asked.id,
            "digest": asked.digest,
            "by": asked.by,
            "second": second,
            "accepted_s": asked.time_s,
            "driver": self.driver.id,
            "vehicle": self.vehicle,
            "station": self.station.id,
            "battery_in": self.battery_in and self.battery_in.id,
            "battery_out": self.battery_out and self.battery_out.id,
            "battery_in_energy": _energy("battery_in", self.battery_in, asked.battery_in_energy),
            "battery_out_energy": _energy(
                "battery_out", self.battery_out, asked.battery_out_energy
            ),
            "odometer": asked.odometer,
            "root": root,
            "warnings": self._warnings(asked.odometer, second),
        }
        if asked.corrects is None:
            return Swap(**fields)
        return Correction(**fields, corrects=asked.corrects, reason=asked.reason)

    def versions(self) -> dict[Named, int]:
        """Of what it changes, as it was read."""
        found: dict[Named, int] = {
            ("driver", self.driver.id): self.driver.version,
            ("vehicle", self.vehicle): self._vehicle_version,
        }
        for battery in (self.battery_in, self.battery_out):
            if battery is not None:
                found["battery", battery.id] = battery.version
        return found

    def _warnings(self, odometer: int, second: int) -> tuple[str, ...]:
        found = [*self._elsewhere()]
        if found and self._settings.strict:
            raise ConflictError(found[0].partition(": ")[2])
        if second < self.driver.started:
            found.append(f"before_start: driver {self.driver.label} started later")
        if self.last is not None and odometer < self.last.swap.odometer:
            found.append(f"odometer_back: {odometer} after {self.last.swap.odometer}")
        return tuple(found)

    def _elsewhere(self) -> list[str]:
        found = []
        if self.battery_in is not None:
            where = self.where[self.battery_in.id]
            if where.vehicle != self.vehicle:
                found.append(
                    f"battery_elsewhere: battery_in: {self.battery_in.label} is {_told(where)}"
                )
        if self.battery_out is not None and self.battery_out != self.battery_in:
            where = self.where[self.battery_out.id]
            if where.station != self.station.id:
                found.append(
                    f"battery_elsewhere: battery_out: {self.battery_out.label} is {_told(where)}"
                )
        return found


def _told(where: Whereabouts) -> str:
    if where.station is not None:
        return f"at station {where.station}"
    return f"on vehicle {where.vehicle}" if where.vehicle is not None else "nowhere"


def _energy(field: str, battery: KnownBattery | None, energy: int | None) -> int:
    """An energy; of a battery that is not there it may be left out."""
    if energy is None:
        if battery is not None:
            raise WrongTypeError(f"{field}_energy: missing; {field} is {shown(battery.label)}")
        return 0
    return energy


def check_energies(swap: Swap, scene: Scene) -> None:
    """Refuse energies below 0, and those that a battery cannot hold."""
    for field, battery, energy in (
        ("battery_in_energy", scene.battery_in, swap.battery_in_energy),
        ("battery_out_energy", scene.battery_out, swap.battery_out_energy),
    ):
        if energy < 0:
            raise OutOfBoundsError(f"{field}: {energy} must be 0 or more")
        if battery is not None and battery.capacity is not None and energy > battery.capacity:
            raise OutOfBoundsError(
                f"{field}: {energy} is more than the {battery.capacity} that "
                f"{battery.label} can hold"
            )

"""A recorded scenario by replaying its transactions from the beginning after each operation.

Nothing of psd is in it. An operation is read in the words of the recording, refused or kept, and
the state after it is one walk over all that is live (:func:`plain_swaps.replay`)::

    states({"fixture": {...}, "now": "2020-09-06 12:00:00", "ops": [{"op": "tx", ...}]})
    -> [{"vehicle_battery": {...}, "battery_station": {...}, "derived": [...], "daily": {...}}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.support.plain.plain_swaps import Swap, days_with_swaps, replay


class RefusedError(Exception):
    """The state after this operation is as before; says which word is wrong."""


class PlainScenario:
    """A fixture, and what was accepted until now: numbers are those of the accepted."""

    def __init__(self, scenario: Mapping[str, Any]) -> None:
        fixture = scenario["fixture"]
        self.stations = [*fixture["stations"]]
        self.batteries = {
            serial: told if isinstance(told, dict) else {"station": told}
            for serial, told in as_mapping(fixture["batteries"]).items()
        }
        self.drivers = {name: told or {} for name, told in as_mapping(fixture["drivers"]).items()}
        self.now = second_of(scenario["now"])
        self.history: list[Swap] = []
        self.index: list[int] = []
        """Of each accepted one, which transaction of the scenario it is."""
        self.asked = 0

    def take(self, op: Mapping[str, Any]) -> str:
        """The word that is wrong, or an empty text."""
        if "now" in op:
            self.now = second_of(op["now"])
        if op.get("op", "tx") != "tx":
            return ""
        self.asked += 1
        try:
            accepted = self._accepted(op)
        except RefusedError as refused:
            return str(refused)
        self.history.append(accepted)
        self.index.append(self.asked - 1)
        return ""

    def _accepted(self, op: Mapping[str, Any]) -> Swap:
        wrong = self._wrong(op)
        date = op.get("date_resolved", op.get("date"))
        if date is not None:
            self.now = max(self.now, second_of(date))
        self._look_at_words(op, wrong)
        driver, station = op.get("driver"), op.get("station") or self.stations[0]
        if driver not in self.drivers:
            raise RefusedError("driver")
        if station not in self.stations:
            raise RefusedError("station")
        came_in, went_out = self._batteries(op)
        if self.drivers[driver].get("vehicle", True) is None:
            raise RefusedError("driver")
        old = self.history[wrong - 1] if wrong else None
        second = second_of(date) if date is not None else old.second if old else self.now
        swap = Swap(
            driver,
            station,
            came_in,
            went_out,
            op.get("in_energy") or 0,
            op.get("out_energy") or 0,
            op["odo"],
            second,
            wrong,
        )
        if came_in == "carried":
            swap = swap._replace(battery_in=self._carried(swap))
        self._check(swap, old)
        return swap

    def _look_at_words(self, op: Mapping[str, Any], wrong: int | None) -> None:
        if not isinstance(op.get("odo"), int | None):
            raise RefusedError("odo")
        if wrong == 0:
            raise RefusedError("corrects")
        for word in ("driver", "odo"):
            if op.get(word) is None:
                raise RefusedError(word)
        if op["odo"] < 0:
            raise RefusedError("odo")
        if wrong and wrong in {each.corrects for each in self.history}:
            raise RefusedError("corrects")

    def _wrong(self, op: Mapping[str, Any]) -> int | None:
        """The number of what is corrected among the accepted; 0 for one that was refused."""
        corrects = op.get("corrects")
        if corrects is None:
            return None
        return self.index.index(corrects) + 1 if corrects in self.index else 0

    def _batteries(self, op: Mapping[str, Any]) -> tuple[str | None, str | None]:
        came_in = op.get("battery_in_resolved", op.get("battery_in", "carried")) or None
        went_out = op.get("battery_out") or None
        for word, battery in (("battery_in", came_in), ("battery_out", went_out)):
            if battery not in (None, "carried", *self.batteries):
                raise RefusedError(word)
        return came_in, went_out

    def _carried(self, swap: Swap) -> str | None:
        """What the vehicle has just before this one, were it there already."""
        tried = [*self.history, swap._replace(battery_in=None, battery_out="this")]
        state = replay(tried, {**self._where(), "this": None}, [*self.drivers])
        last = state.rides[len(tried)].last
        return self.history[last - 1].battery_out if last else None

    def _check(self, swap: Swap, old: Swap | None) -> None:
        if swap.battery_in is None and swap.battery_out is None:
            raise RefusedError("battery_out")
        for word, battery, energy in (
            ("in_energy", swap.battery_in, swap.energy_in),
            ("out_energy", swap.battery_out, swap.energy_out),
        ):
            capacity = self.batteries.get(battery or "", {}).get("capacity")
            if energy < 0 or (capacity is not None and energy > capacity):
                raise RefusedError(word)
        if old is not None and old._replace(corrects=None) == swap._replace(corrects=None):
            raise RefusedError("corrects")

    def _where(self) -> dict[str, str | None]:
        return {serial: told.get("station") for serial, told in self.batteries.items()}

    def state(self) -> dict[str, Any]:
        """In the shape of the recording, by replay."""
        state = replay(self.history, self._where(), [*self.drivers])
        return {
            "vehicle_battery": state.vehicles,
            "battery_station": state.stations,
            "derived": [
                {
                    "i": self.index[n - 1],
                    "last": None if ride.last is None else self.index[ride.last - 1],
                    "ride_distance": ride.distance,
                    "energy_used": ride.energy,
                    "efficiency": ride.efficiency,
                    "charge_amount_sensible": ride.charge,
                }
                for n, ride in sorted(state.rides.items())
            ],
            "daily": {
                driver: {
                    day.day: [day.distance, day.energy]
                    for day in days_with_swaps(self.history, state, driver)
                }
                for driver in self.drivers
            },
        }


def states(scenario: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The state after each operation; and of each refused one its place and the wrong word."""
    plain = PlainScenario(scenario)
    found, refused = [], []
    for at, op in enumerate(scenario["ops"]):
        if word := plain.take(op):
            refused.append(f"ops[{at}]: {word}")
        found.append(plain.state())
    return found, refused


def as_mapping(told: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    """What a fixture names: an object, or a list of names."""
    return {**told} if isinstance(told, Mapping) else dict.fromkeys(told)


def second_of(text: str) -> int:
    """A time of UTC as the recording writes it."""
    time = datetime.fromisoformat(text.removesuffix(" unless changed"))
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())

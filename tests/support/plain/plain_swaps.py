"""The ledger of swaps by replaying all of it from the beginning, with nothing of psd in it.

A history is a list of accepted events in the order of their numbers, 1 first; what was registered
beside them is a dict of batteries, each with the station where it began::

    history = [Swap("D1", "S1", None, "B1", 0, 180, 1000, NOON),
               Swap("D1", "S1", "B1", "B2", 120, 190, 1400, NOON + 60),
               Swap("D1", "S1", "B1", "B2", 120, 190, 1040, NOON + 60, corrects=2)]
    replay(history, {"B1": "S1", "B2": "S1"}).rides[3].distance      -> 40

Everything is one walk over the live transactions in the order of their places. Nobody asks for the
newest of anything: a vehicle, a battery and a meter are what the walk has left of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

DAY = "%Y-%m-%d"


class Swap(NamedTuple):
    """One transaction as it was accepted; a correction is the whole of it as it should be."""

    driver: str
    station: str
    battery_in: str | None
    battery_out: str | None
    energy_in: int
    energy_out: int
    odometer: int
    second: int
    corrects: int | None = None


class Ride(NamedTuple):
    """What follows from one live transaction."""

    last: int | None
    distance: int
    energy: int
    efficiency: float
    charge: int | None


class State(NamedTuple):
    """Everything after a walk; ``rides`` by number, in the order of their places."""

    vehicles: dict[str, str | None]
    stations: dict[str, str | None]
    holders: dict[str, str | None]
    energies: dict[str, int]
    rides: dict[int, Ride]

    def order_of(self, history: Sequence[Swap], field: str, name: str) -> list[int]:
        """Numbers of the live transactions that name a driver, a station or a battery."""
        fields = ("battery_in", "battery_out") if field == "battery" else (field,)
        return [n for n in self.rides if name in [getattr(history[n - 1], each) for each in fields]]


def root_of(history: Sequence[Swap], n: int) -> int:
    """The number whose place among those of its second this one has."""
    swap = history[n - 1]
    while swap.corrects is not None and history[swap.corrects - 1].second == swap.second:
        n, swap = swap.corrects, history[swap.corrects - 1]
    return n


def live_of(history: Sequence[Swap], until: int | None = None) -> list[int]:
    """Numbers of what nobody corrected, by place; ``until`` is the last second that counts."""
    corrected = {swap.corrects for swap in history}
    live = [
        n
        for n, swap in enumerate(history, 1)
        if n not in corrected and (until is None or swap.second <= until)
    ]
    return sorted(live, key=lambda n: (history[n - 1].second, root_of(history, n)))


def replay(
    history: Sequence[Swap],
    batteries: Mapping[str, str | None],
    drivers: Sequence[str] = (),
    until: int | None = None,
) -> State:
    """Walk from the beginning to the end, or to the end of a second."""
    state = State(dict.fromkeys(drivers), {**batteries}, dict.fromkeys(batteries), {}, {})
    newest: dict[str, int] = {}
    came_in: dict[str, int] = {}
    for n in live_of(history, until):
        swap = history[n - 1]
        last = newest.get(swap.driver)
        state.rides[n] = _ride(swap, last, history, came_in)
        newest[swap.driver] = n
        _move(state, swap, came_in)
    return state


def _ride(
    swap: Swap, last: int | None, history: Sequence[Swap], came_in: Mapping[str, int]
) -> Ride:
    distance = energy = 0
    if last is not None:
        before = history[last - 1]
        distance = swap.odometer - before.odometer
        # A battery that was handed out with 0 was handed out without a reading.
        energy = before.energy_out - swap.energy_in if before.energy_out else 0
    efficiency = round(distance / energy, 2) if energy > 0 else 0
    charge = None
    if swap.battery_out is not None and swap.battery_out in came_in:
        charge = swap.energy_out - came_in[swap.battery_out]
    return Ride(last, distance, energy, efficiency, charge)


def _move(state: State, swap: Swap, came_in: dict[str, int]) -> None:
    if swap.battery_in is not None:
        state.stations[swap.battery_in] = swap.station
        state.holders[swap.battery_in] = None
        state.energies[swap.battery_in] = came_in[swap.battery_in] = swap.energy_in
    if swap.battery_out is not None:
        state.stations[swap.battery_out] = None
        state.holders[swap.battery_out] = swap.driver
        if swap.battery_out != swap.battery_in:
            state.energies[swap.battery_out] = swap.energy_out
    state.vehicles[swap.driver] = swap.battery_out


CARRIED = "what the vehicle carries"
"""In place of a battery that is brought back: the sender has left it out."""


class Sent(NamedTuple):
    """A transaction as somebody sends it; ``corrects`` is the sender's id of the wrong one."""

    id: str
    swap: Swap
    corrects: str | None = None


class PlainLedger:
    """Takes what is sent, one after the other, and says what became of it."""

    def __init__(self, batteries: Mapping[str, str | None], drivers: Sequence[str]) -> None:
        self.batteries = batteries
        self.drivers = drivers
        self.history: list[Swap] = []
        self.numbers: dict[str, int] = {}

    def send(self, sent: Sent) -> str:
        """``booked``, ``duplicate``, or why it was refused: see :meth:`accepted`."""
        if sent.id in self.numbers:
            return "duplicate"
        swap = self.accepted(sent)
        if isinstance(swap, str):
            return swap
        self.history.append(swap)
        self.numbers[sent.id] = len(self.history)
        return "booked"

    def accepted(self, sent: Sent) -> Swap | str:
        """What becomes of it; or ``conflict``, ``unknown`` or ``empty``."""
        swap, wrong = sent.swap, None
        if sent.corrects is not None:
            wrong = self.numbers.get(sent.corrects)
            if wrong is None:
                return "unknown"
            if wrong in {each.corrects for each in self.history}:
                return "conflict"
        elif swap.battery_in == CARRIED:
            swap = swap._replace(battery_in=self.carried(swap.driver, swap.second))
        if swap.battery_in is None and swap.battery_out is None:
            return "empty"
        if wrong is not None and self.history[wrong - 1]._replace(corrects=None) == swap:
            return "conflict"
        return swap._replace(corrects=wrong)

    def carried(self, driver: str, second: int) -> str | None:
        """What a driver's vehicle carries at the end of a second."""
        return self.state(second).vehicles[driver]

    def state(self, until: int | None = None) -> State:
        """Everything by replay."""
        return replay(self.history, self.batteries, self.drivers, until)


class Day(NamedTuple):
    """A driver's day, with what lies before and in it; ``last`` is its last transaction."""

    day: str
    distance: int
    energy: int
    distance_so_far: int
    energy_so_far: int
    last: int | None


def days_with_swaps(
    history: Sequence[Swap], state: State, driver: str, zone: tzinfo = UTC
) -> list[Day]:
    """A driver's days on which there were transactions."""
    found: dict[str, Day] = {}
    distance = energy = 0
    for n in state.order_of(history, "driver", driver):
        ride = state.rides[n]
        name = datetime.fromtimestamp(history[n - 1].second, zone).strftime(DAY)
        before = found.get(name)
        distance += ride.distance
        energy += ride.energy
        found[name] = Day(
            name,
            ride.distance + (before.distance if before else 0),
            ride.energy + (before.energy if before else 0),
            distance,
            energy,
            n,
        )
    return list(found.values())

"""Recorded scenarios of the original, played on the ledger: a state after each operation.

A scenario says what there is, what time it is and what happens, in the recording's own words::

    {"fixture": {"stations": ["S1"], "batteries": {"B1": "S1"},
                 "drivers": {"D1": {"started": "2020-09-01 08:00"}}},
     "now": "2020-09-06 12:00:00 unless changed",
     "ops": [{"op": "tx", "driver": "D1", "battery_out": "B1", "odo": 1000, "in_energy": 0,
              "out_energy": 180, "date": "2020-09-01 09:00"}]}
    -> [{"vehicle_battery": {"D1": "B1"}, "battery_station": {"B1": null},
         "derived": [{"i": 0, "last": null, ...}], "daily": {"D1": {"2020-09-01": [0, 0]}}}]

Times are of UTC. Transactions count from 0 in the order in which they come; ``corrects`` names one
so. A battery that is an empty text or null is none, and a station that is not said is the first.
Where the recording says what was resolved (``battery_in_resolved``, ``date_resolved``), that is
what happened. An operation that is no transaction may set the clock (``now``); what it does to
stored summaries does nothing here, since none are stored. Each driver has a vehicle of his own,
unless the fixture names it or says that there is none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from psd.clock import ManualClock
from psd.engine.decoding import unreadable
from psd.engine.event_rules import EventRules
from psd.engine.nesting import DEPTH_MAX
from psd.engine.plan import DAY_S, Range
from psd.errors import InputError, OutOfBoundsError
from psd.foreign_texts import shown
from psd.swaps.answers import Transaction
from psd.swaps.asking import AskingRules
from psd.swaps.ledger import Ledger
from psd.swaps.swap_messages import (
    BatteryFields,
    BikeFields,
    CorrectionFields,
    DriverFields,
    StationFields,
    SwapFields,
)
from psd.times import read
from psd.zones import UTC

REGISTERED_S = 1
"""Everything of a fixture is there from the beginning."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?")

TRANSACTION = "tx"

WORDS = {
    "odometer": "odo",
    "battery_in_energy": "in_energy",
    "battery_out_energy": "out_energy",
}
"""What the recording calls fields of a message."""

DAYS_AT_ONCE = 1_000

State = dict[str, Any]

F = TypeVar("F", bound=msgspec.Struct)


class ScenarioError(ValueError):
    """A file that is no scenario."""


def scenarios_in(document: Any) -> dict[str, Mapping[str, Any]]:
    """The scenarios of a file by name: one by itself, a list of them, or a whole recording."""
    if isinstance(document, Mapping) and "ops" in document:
        return {str(document.get("name", "scenario")): document}
    listed = document.get("scenarios") if isinstance(document, Mapping) else document
    found: dict[str, Mapping[str, Any]] = {}
    for at, each in enumerate(listed if isinstance(listed, Sequence) else ()):
        if isinstance(each, Mapping) and "ops" in each:
            found[str(each.get("name", at))] = each
    if not found:
        raise ScenarioError("scenario: no object with 'ops' is in it")
    return found


def second_of_text(text: Any, field: str) -> int:
    """The second of a time as the recording writes it, whatever stands behind it."""
    found = _TIME.match(str(text))
    if found is None:
        raise ScenarioError(f"{field}: {shown(str(text))} is no time")
    with suppress(ValueError):
        return read(str(text), UTC)
    try:
        return read(found[0], UTC)
    except ValueError as exc:
        raise ScenarioError(f"{field}: {exc}") from exc


def clock_of(scenario: Mapping[str, Any]) -> ManualClock:
    """The clock of a scenario; one that names no time ends with its last operation."""
    if "now" in scenario:
        return ManualClock(second_of_text(scenario["now"], "now"))
    dates = [each.get("date_resolved", each.get("date")) for each in scenario["ops"]]
    seconds = [second_of_text(each, "date") for each in dates if each]
    return ManualClock(max(seconds, default=REGISTERED_S) + 1)


class Play:
    """Plays one scenario on an empty ledger, whose clock is ``clock``."""

    def __init__(self, scenario: Mapping[str, Any], ledger: Ledger, clock: ManualClock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._rules = AskingRules(ledger.network)
        fixture = _mapping(scenario.get("fixture"), "fixture")
        self._stations = _named(fixture.get("stations"), "stations")
        self._batteries = _named(fixture.get("batteries"), "batteries")
        self._drivers = _named(fixture.get("drivers"), "drivers")
        self._ops = scenario["ops"]
        self._numbers: list[int | None] = []
        self.refused: list[str] = []

    async def states(self) -> list[State]:
        """Register the fixture, do each operation, and tell the state after each."""
        await self._register()
        found = []
        for at, op in enumerate(self._ops):
            try:
                await self._do(at, _mapping(op, f"ops[{at}]"))
            except InputError as error:
                self.refused.append(f"ops[{at}]: {_in_its_words(str(error))}")
            found.append(await self._state())
        return found

    async def _register(self) -> None:
        for name in self._stations:
            await self._accept("station", StationFields, id=f"s {name}", name=name)
        for serial, told in self._batteries.items():
            said = told if isinstance(told, Mapping) else {"station": told}
            await self._accept(
                "battery",
                BatteryFields,
                id=f"b {serial}",
                serial=serial,
                station=said.get("station") or None,
                capacity=said.get("capacity", UNSET),
            )
        for name, told in self._drivers.items():
            await self._register_driver(name, told if isinstance(told, Mapping) else {})

    async def _register_driver(self, name: str, told: Mapping[str, Any]) -> None:
        vin = told.get("vehicle", f"vehicle of {name}")
        if vin:
            await self._accept("bike", BikeFields, id=f"v {vin}", vin=str(vin))
        started = second_of_text(told["started"], "started") if told.get("started") else UNSET
        await self._accept(
            "driver",
            DriverFields,
            id=f"d {name}",
            phone=name,
            started=started,
            vehicle=str(vin) if vin else None,
        )

    async def _do(self, at: int, op: Mapping[str, Any]) -> None:
        if "now" in op:
            moved_s = second_of_text(op["now"], f"ops[{at}].now") - self._clock.now_s()
            self._clock.advance(moved_s)
        if op.get("op", TRANSACTION) != TRANSACTION:
            return
        self._numbers.append(None)
        kind = "swap" if op.get("corrects") is None else "correction"
        made = SwapFields if kind == "swap" else CorrectionFields
        self._numbers[-1] = await self._accept(kind, made, **self._said(at, op))

    def _said(self, at: int, op: Mapping[str, Any]) -> dict[str, Any]:
        """A transaction in the words of a message."""
        battery_in = op.get("battery_in_resolved", op.get("battery_in", UNSET))
        date = op.get("date_resolved", op.get("date"))
        second = None if date is None else second_of_text(date, f"ops[{at}].date")
        if second is not None and second > self._clock.now_s():
            # The recording has set its clock without saying so.
            self._clock.advance(second - self._clock.now_s())
        said = {
            "id": f"op {at}",
            "driver": op.get("driver"),
            "station": op.get("station") or next(iter(self._stations), None),
            "battery_in": battery_in if battery_in != "" else None,
            "battery_out": op.get("battery_out") or None,
            "battery_in_energy": op.get("in_energy") or 0,
            "battery_out_energy": op.get("out_energy") or 0,
            "odometer": op.get("odo"),
            "date": second,
        }
        wrong = op.get("corrects")
        if wrong is None:
            return said
        if not isinstance(wrong, int) or not 0 <= wrong < len(self._numbers) - 1:
            raise ScenarioError(f"ops[{at}].corrects: {wrong!r} is no transaction before it")
        number = self._numbers[wrong]
        if number is None:
            raise OutOfBoundsError(f"corrects: {wrong} was refused, so nothing of it is wrong")
        return {**said, "corrects": number, "reason": "correction"}

    async def _accept(self, kind: str, made: type[F], **said: Any) -> int:
        """Have the ledger take it; raises InputError for what it refuses."""
        said = {name: value for name, value in said.items() if value is not UNSET}
        try:
            fields = msgspec.convert({"date": REGISTERED_S, **said}, made)
        except msgspec.ValidationError as exc:
            raise unreadable(exc, kind, DEPTH_MAX) from exc
        asked = getattr(self._rules, kind)(fields, self._clock.now_s(), EventRules({}))
        return (await self._ledger.accept(asked)).n

    async def _state(self) -> State:
        ledger = self._ledger
        labels = {each.id: each.label for each in await ledger.stations()}
        states = await ledger.whereabouts(await ledger.batteries())
        drivers = [await ledger.driver(each.id) for each in await ledger.drivers()]
        index = {n: at for at, n in enumerate(self._numbers) if n is not None}
        told = await ledger.transactions([*index])
        return {
            "vehicle_battery": {
                each.driver.phone: each.battery.serial if each.battery else None for each in drivers
            },
            "battery_station": {
                each.battery.serial: None
                if each.where.station is None
                else labels[each.where.station]
                for each in states
            },
            "derived": [_told(each, index) for each in told if each.derived is not None],
            "daily": {
                each.driver.phone: await self._daily(each.driver.id, told) for each in drivers
            },
        }

    async def _daily(self, driver: int, told: Sequence[Transaction]) -> dict[str, list[int]]:
        """A driver's days with transactions, whenever they were: the clock may stand before."""
        days = {each.second // DAY_S for each in told if each.driver == driver and each.derived}
        parts: dict[int, list[int]] = defaultdict(list)
        for day in days:
            parts[day // DAYS_AT_ONCE].append(day)
        found: dict[str, list[int]] = {}
        for _, part in sorted(parts.items()):
            range_ = Range(min(part) * DAY_S, (max(part) + 1) * DAY_S)
            for row in await self._ledger.days(driver, range_, UTC):
                if row.transactions:
                    found[row.day] = [row.distance, row.energy]
        return found


def _told(each: Transaction, index: Mapping[int, int]) -> State:
    assert each.derived is not None
    return {
        "i": index[each.n],
        "last": None if each.derived.last is None else index[each.derived.last],
        "ride_distance": each.derived.ride_distance,
        "energy_used": each.derived.energy_used,
        "efficiency": each.derived.efficiency,
        "charge_amount_sensible": each.derived.charge_amount,
    }


def _in_its_words(told: str) -> str:
    """An error with the field that it is about as the recording calls it."""
    field, colon, rest = told.partition(":")
    return f"{WORDS.get(field, field)}{colon}{rest}"


def _mapping(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{field}: {shown(str(value))} is no object")
    return value


def _named(value: Any, field: str) -> Mapping[str, Any]:
    """What a fixture names: an object, or a list of names."""
    if isinstance(value, Mapping):
        return value
    if value is None or (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        return dict.fromkeys(value or ())
    raise ScenarioError(f"{field}: {shown(str(value))} is neither an object nor a list of names")

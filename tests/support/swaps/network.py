"""A network of swaps in a real psd beside the oracle: what is sent to both, and what each says.

>>> network = await Network.registered(psd, "n1")
>>> await network.send(Sent("a", swap))
'booked'
>>> await network.check()

Messages go through the rules and the books, as a worker takes them. Objects are registered first,
so that numbers of transactions are those of the oracle and OFFSET more.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.engine.plan import Range
from psd.runtime import Runtime
from psd.swaps.answers import Transaction
from psd.swaps.ledger import Ledger
from psd.swaps.part import SwapsPart
from psd.swaps.swap_bookings import owner_of
from tests.support.draws.random_swaps import BATTERIES, CAPACITY, DRIVERS, START_S, STATIONS
from tests.support.plain.plain_swaps import (
    CARRIED,
    PlainLedger,
    Ride,
    Sent,
    State,
    Swap,
    days_with_swaps,
)

BEFORE_ALL_S = START_S - 86_400
OFFSET = len(STATIONS) + len(BATTERIES) + 2 * len(DRIVERS)
NOW_S = START_S + 9 * 86_400

REFUSED = {"unchanged": "conflict", "out_of_bounds": "unknown", "wrong_type": "empty"}
"""What the oracle calls a refusal, by its code."""

ZONES = (ZoneInfo("UTC"), ZoneInfo("Africa/Kigali"), ZoneInfo("Africa/Nairobi"))

VEHICLE = b'{"command":"vehicle"'

_encode = msgspec.json.Encoder().encode


class Network:
    """A network, and what the oracle says of it."""

    def __init__(self, psd: Runtime, name: str) -> None:
        self.name = name
        self.psd = psd
        self.plain = PlainLedger(BATTERIES, DRIVERS)

    @classmethod
    async def registered(cls, psd: Runtime, name: str) -> Network:
        """With its stations, batteries, vehicles and drivers."""
        network = cls(psd, name)
        for body in registrations(name):
            [outcome] = await network.book(body)
            assert outcome.status == "booked", outcome
        return network

    @property
    def ledger(self) -> Ledger:
        """What psd says is asked of it."""
        return self.psd.part(SwapsPart).ledger(self.name)

    async def send(self, sent: Sent) -> str:
        """Send to both, and say what became of it; fails where they differ."""
        body = self.message(sent)
        wanted = self.plain.send(sent)
        told = told_of((await self.book(body))[0])
        assert told == wanted, f"{sent}: {told}, should be {wanted}"
        return told

    def message(self, sent: Sent) -> bytes:
        """What the queue would carry."""
        corrects = None
        if sent.corrects is not None:
            # Of what was never accepted, a number that no transaction has.
            corrects = self.plain.numbers.get(sent.corrects, 10**6) + OFFSET
        return message_of(self.name, sent, corrects)

    async def book(self, body: bytes) -> list[Outcome]:
        """Read one message and have it booked."""
        return await self.psd.books.book(self.events(body))

    def events(self, body: bytes) -> list[Accepted]:
        """What a message says."""
        return self.psd.rules.events(body, self.psd.clock.now_s(), "")

    async def check(self, until: int | None = None) -> None:
        """Hold all that psd tells against the oracle, now or at the end of a second."""
        state = self.plain.state(until)
        assert await self._vehicles(until) == state.vehicles
        where, energies = await self._batteries(until)
        assert where == {each: (state.stations[each], state.holders[each]) for each in BATTERIES}
        assert energies == {each: state.energies.get(each, 0) for each in BATTERIES}
        for station in STATIONS:
            there = await self.ledger.station(await self.ledger.find("station", station), until)
            assert {each.battery.serial for each in there.batteries} == {
                each for each in BATTERIES if state.stations[each] == station
            }
        for driver in DRIVERS:
            listed = await self.listed("driver", driver, until)
            expected = state.order_of(self.plain.history, "driver", driver)
            assert [each.n - OFFSET for each in reversed(listed)] == expected
            assert {each.n - OFFSET: ride_of(each) for each in listed} == {
                n: state.rides[n] for n in expected
            }
        for kind, names in (("station", STATIONS), ("battery", [*BATTERIES])):
            for name in names:
                told = [each.n - OFFSET for each in await self.listed(kind, name, until)]
                assert told[::-1] == state.order_of(self.plain.history, kind, name)
        if until is not None:
            await self._check_days(state, until)

    async def check_books(self, rng: random.Random) -> None:
        """Hold the days, and sums over some ranges, against the oracle."""
        state = self.plain.state()
        await self._check_days(state, None)
        for _ in range(4):
            await self._check_sums(state, *sorted(rng.sample(range(-9, 9 * 86_400), 2)))

    async def _check_days(self, state: State, until: int | None) -> None:
        """Hold every driver's days, now or as they were at the end of a second."""
        for driver in DRIVERS:
            number = await self.ledger.find("driver", driver)
            for zone in ZONES:
                days = await self.ledger.days(number, None, zone, until)
                told = [
                    (
                        day.day,
                        day.distance,
                        day.energy,
                        day.cumulative_distance,
                        day.cumulative_energy,
                        day.last_transaction and day.last_transaction - OFFSET,
                    )
                    for day in days
                    if day.transactions
                ]
                assert told == days_with_swaps(self.plain.history, state, driver, zone)

    async def _check_sums(self, state: State, start: int, end: int) -> None:
        """Sums of every owner and thing over a range, against what the oracle adds up."""
        range_ = Range(START_S + start, START_S + end)
        wanted: dict[tuple[str, str, str], int] = {}
        for n, ride in state.rides.items():
            swap = self.plain.history[n - 1]
            if range_.start <= swap.second < range_.end:
                add_booked(wanted, swap, ride)
        told: dict[tuple[str, str, str], int] = {}
        for kind, names in (("driver", DRIVERS), ("station", STATIONS), ("battery", BATTERIES)):
            for name in names:
                uid = owner_of(self.name, kind, await self.ledger.find(kind, name))
                for thing in ("ride_distance", "ride_energy", "swaps", "battery_charge"):
                    number = self.psd.settings.numbers[thing]
                    [sums] = await self.psd.engine.sums([uid], [number], [range_])
                    if sums.sums[number]:
                        told[kind, name, thing] = sums.sums[number]
        assert told == {key: value for key, value in wanted.items() if value}

    async def listed(self, kind: str, name: str, until: int | None) -> list[Transaction]:
        """All pages of an object's live transactions."""
        number, before = await self.ledger.find(kind, name), None
        found: list[Transaction] = []
        while True:
            page = await self.ledger.transactions_of(kind, number, limit=7, before=before, at=until)
            found += page.data
            before = page.before
            if before is None:
                return found

    async def _vehicles(self, until: int | None) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for driver in DRIVERS:
            state = await self.ledger.driver(await self.ledger.find("driver", driver), until)
            found[driver] = state.battery.serial if state.battery else None
        return found

    async def _batteries(
        self, until: int | None
    ) -> tuple[dict[str, tuple[str | None, str | None]], dict[str, int]]:
        ledger = self.ledger
        names = {station.id: station.name for station in await ledger.stations()}
        phones = {driver.id: driver.phone for driver in await ledger.drivers()}
        states = await ledger.whereabouts(await ledger.batteries(at=until), until)
        where = {
            each.battery.serial: (
                names.get(each.where.station or 0),
                phones.get(each.where.driver or 0),
            )
            for each in states
        }
        return where, {each.battery.serial: each.where.energy for each in states}


def registrations(network: str) -> list[bytes]:
    """Messages that register everything, long before the first swap."""
    told: list[tuple[str, dict[str, Any]]] = [
        *(("station", {"name": name}) for name in STATIONS),
        *(
            ("battery", {"serial": name, "capacity": CAPACITY, "station": station})
            for name, station in BATTERIES.items()
        ),
        *(("vehicle", {"vin": f"V-{name}"}) for name in DRIVERS),
        *(
            ("driver", {"phone": name, "vehicle": f"V-{name}", "started": BEFORE_ALL_S})
            for name in DRIVERS
        ),
    ]
    return [
        _encode({"command": kind, kind: {**said, "network": network, "date": BEFORE_ALL_S}})
        for kind, said in told
    ]


def registration_waves(network: str) -> tuple[list[bytes], list[bytes]]:
    """The same in two parts, of which the second names what the first has brought."""
    bodies = registrations(network)
    named = [each for each in bodies if each.startswith((b'{"command":"station"', VEHICLE))]
    return named, [each for each in bodies if each not in named]


def message_of(network: str, sent: Sent, corrects: int | None) -> bytes:
    """A swap or a correction, as a producer sends it."""
    swap = sent.swap
    said: dict[str, Any] = {
        "network": network,
        "id": sent.id,
        "driver": swap.driver,
        "station": swap.station,
        "battery_in": swap.battery_in,
        "battery_out": swap.battery_out,
        "battery_in_energy": swap.energy_in,
        "battery_out_energy": swap.energy_out,
        "odometer": swap.odometer,
        "date": swap.second,
    }
    if swap.battery_in == CARRIED:
        del said["battery_in"]
    kind = "swap"
    if corrects is not None:
        kind = "correction"
        said |= {"corrects": corrects, "reason": "as it was"}
    return _encode({"command": kind, kind: said})


def told_of(outcome: Outcome) -> str:
    """An outcome in the words of the oracle."""
    if outcome.error is None:
        return outcome.status
    return REFUSED.get(outcome.error.code, outcome.error.code)


def ride_of(told: Transaction) -> Ride:
    """What follows from a transaction, in the words of the oracle."""
    derived = told.derived
    assert derived is not None, f"{told.n} is not live"
    return Ride(
        None if derived.last is None else derived.last - OFFSET,
        derived.ride_distance,
        derived.energy_used,
        derived.efficiency,
        derived.charge_amount,
    )


def add_booked(sums: dict[tuple[str, str, str], int], swap: Swap, ride: Ride) -> None:
    """What is booked of one live transaction."""
    of_one: Sequence[tuple[str, str, str, int]] = [
        ("driver", swap.driver, "ride_distance", ride.distance),
        ("driver", swap.driver, "ride_energy", ride.energy),
        ("driver", swap.driver, "swaps", 1),
        ("station", swap.station, "swaps", 1),
        ("station", swap.station, "battery_charge", ride.charge or 0),
    ]
    for kind, name, thing, value in of_one:
        sums[kind, name, thing] = sums.get((kind, name, thing), 0) + value
    if swap.battery_out is not None:
        for thing, value in (("swaps", 1), ("battery_charge", ride.charge or 0)):
            key = ("battery", swap.battery_out, thing)
            sums[key] = sums.get(key, 0) + value

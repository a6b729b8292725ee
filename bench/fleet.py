"""The fleet of section r: who its vehicles are, when they drove, and what each week comes to. Pure.

Vehicles are numbered from 1. Of :data:`PROFILES` profiles, vehicle v has number v % PROFILES:
its integrations, the weeks in which it was active, whether its pairing is known, promotions. So
what is booked for one vehicle of a profile is what is booked for all, and so are the rows of its
weeks, except for the vehicle number, and for those whose VIN earned for another vehicle::

    vehicle 1000   Tesla in 38 of 40 weeks, VIN of 1001 too, which was minted later and earns

The rows are folded with psd/rewards/settling.py week by week; section r compares them with the
rows that the job makes of the booked activity.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

from psd.config import default_things
from psd.engine.events import Report
from psd.rewards.rows import Row, pack_rows
from psd.rewards.settling import Facts, Settling
from psd.rewards.shards import by_shard
from psd.rewards.tables import SIGNALS_THING, Tables
from psd.rewards.vehicle_events import VehicleChange
from psd.rewards.weeks import bounds

WEEKS = 40
PROFILES = 499
"""A prime, so that neither shards nor shared VINs meet the same profile again and again."""

SHARED_VIN_EVERY = 1000
REPORTS_A_WEEK = 3
INTEGRATIONS = ((1,),) * 9 + ((2,),) * 6 + ((3,),) * 3 + ((1, 3),) * 2
"""Of 20 profiles 9 have Smartcar, 6 Tesla, 3 AutoPi and 2 Smartcar with AutoPi."""

HABITS = (0.98,) * 7 + (0.6,) * 2 + (0.0,)
"""Shares of weeks with activity: 7 of 10 nearly always, 2 often; 1 stops at some week."""

PROMOTED_EVERY = 50
PROMOTION_POINTS = 500
MINTED_FROM_S = 1_600_000_000
KNOWN_SINCE_S = 1_643_000_000
SIGNALS = default_things()[SIGNALS_THING].id
PROMOTIONS = default_things()["promotions"].id
VEHICLE_BYTES = 8


class Profile(msgspec.Struct, frozen=True):
    """What the vehicles of one profile share; ``weeks`` are those with activity, as bits."""

    number: int
    integrations: tuple[int, ...]
    weeks: int
    paired: int
    promoted: bool

    def is_active(self, week: int) -> bool:
        """Whether it sent anything in a week."""
        return bool(self.weeks >> week & 1)

    def reports(self, vehicle: int) -> list[Report]:
        """All that a vehicle of this profile sent, in the order of time."""
        rng = random.Random(f"reports {self.number}")
        found = []
        for week in range(WEEKS):
            start, end = bounds(week).start, bounds(week).end
            if self.promoted:
                found.append(_promotion(vehicle, week, start))
            for _ in range(REPORTS_A_WEEK if self.is_active(week) else 0):
                second = rng.randrange(start, end)
                for atid in self.integrations:
                    value = rng.randint(1, 15)
                    found.append(Report(SIGNALS, vehicle, atid, atid, value, second, second))
        return found


class Fleet:
    """The first ``size`` vehicles."""

    def __init__(self, size: int, tables: Tables) -> None:
        self.size = size
        self.shards = by_shard(range(1, size + 1))
        self.profiles = _profiles()
        settling = Settling(tables)
        self._tails = [_tails(settling, each, _never) for each in self.profiles]
        self._losers = {
            loser: self._tails_of_loser(settling, loser)
            for loser in range(SHARED_VIN_EVERY, size, SHARED_VIN_EVERY)
        }

    def profile(self, vehicle: int) -> Profile:
        """The profile of a vehicle."""
        return self.profiles[vehicle % PROFILES]

    def rows(self, shard: int, week: int) -> bytes:
        """The packed rows of a shard's vehicles after a week."""
        packed = []
        for vehicle in self.shards[shard]:
            of_vehicle = self._losers.get(vehicle) or self._tails[vehicle % PROFILES]
            if tail := of_vehicle[week]:
                packed.append(vehicle.to_bytes(VEHICLE_BYTES) + tail)
        return b"".join(packed)

    def change(self, vehicle: int) -> VehicleChange:
        """What the registry is told of a vehicle; the integrations of every other profile."""
        fields: dict[str, str | int | bool | tuple[int, ...] | None] = {"owner": owner_of(vehicle)}
        profile = self.profile(vehicle)
        if profile.paired >= 0:
            fields["integrations"] = profile.integrations
        fields["vin"] = vin_of(vehicle, self.size)
        fields["minted_at"] = MINTED_FROM_S + vehicle
        return VehicleChange(KNOWN_SINCE_S, vehicle, fields)

    def _tails_of_loser(self, settling: Settling, vehicle: int) -> list[bytes]:
        """Rows of a vehicle whose VIN earns for the next one whenever both are active."""
        return _tails(settling, self.profile(vehicle), self.profile(vehicle + 1).is_active)


def owner_of(vehicle: int) -> str:
    """An address; two vehicles each."""
    return f"0x{vehicle // 2:040x}"


def vin_of(vehicle: int, size: int) -> str:
    """17 characters; each thousandth vehicle gives that of the next one."""
    shares = vehicle % SHARED_VIN_EVERY == 0 and vehicle < size
    return f"BENCH{vehicle + shares:012d}"


def _never(_week: int) -> bool:
    return False


def _profiles() -> list[Profile]:
    rng = random.Random("fleet")
    return [_profile(number, rng) for number in range(PROFILES)]


def _profile(number: int, rng: random.Random) -> Profile:
    integrations, habit = rng.choice(INTEGRATIONS), rng.choice(HABITS)
    stops = rng.randrange(1, WEEKS)
    weeks = sum(
        1 << week for week in range(WEEKS) if (rng.random() < habit if habit else week < stops)
    )
    mask = sum(1 << each for each in integrations)
    paired = mask if number % 2 else -1
    return Profile(number, integrations, weeks, paired, number % PROMOTED_EVERY == 0)


def _promotion(vehicle: int, week: int, second: int) -> Report:
    name = f"promotion {week}"
    return Report(PROMOTIONS, vehicle, 0, 0, PROMOTION_POINTS, second, second, name)


def _tails(settling: Settling, profile: Profile, is_taken: Callable[[int], bool]) -> list[bytes]:
    """Packed rows by week without the vehicle's number; empty in a week without a row."""
    mask = sum(1 << each for each in profile.integrations)
    tails: list[bytes] = []
    row: Row | None = None
    for week in range(WEEKS):
        facts = Facts(
            0,
            mask if profile.is_active(week) else 0,
            profile.paired,
            vin_taken=is_taken(week),
            earned=PROMOTION_POINTS if profile.promoted else 0,
        )
        row = settling.row(facts, row)
        tails.append(b"" if row is None else pack_rows([row])[VEHICLE_BYTES:])
    return tails

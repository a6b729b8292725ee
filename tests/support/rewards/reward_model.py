"""The oracle of the weekly rewards: everything that was sent, in a list, and the rules by hand.

Shares nothing with psd/rewards: its own weeks (calendar dates), tables, streaks, rule of VINs and
split (fractions). What was sent after a week was computed shows only once it is computed again,
as with the job; so a test sends and computes both in the same order, and compares.

>>> model = RewardModel()
>>> model.send([Activity(7, "Smartcar", 1643605200), Activity(7, "AutoPi", 1643605200)])
>>> model.calculate(0, 0)
>>> model.weeks[0][7].integration_points, model.weeks[0][7].streak
(7000, 1)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

WEEK_ZERO = datetime(2022, 1, 31, 5, tzinfo=UTC)
LEVELS = ((0, 0), (4, 1000), (20, 2000), (36, 3000))
"""From so many weeks on a week earns so many points."""

SINGLES = {"Smartcar": 1000, "Tesla": 4000, "AutoPi": 6000}
CONSTANT_SIGNALS = frozenset({"vin", "make", "model", "year", "softwareVersion"})
TOKEN = 10**18


@dataclass(frozen=True)
class Activity:
    """A vehicle was active; without signals, on something that is not constant."""

    vehicle: int
    integration: str
    second: int
    signals: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True)
class Earning:
    """Points for something else."""

    vehicle: int
    thing: str
    points: int
    second: int
    id: str
    note: str = ""


@dataclass(frozen=True)
class Description:
    """What was said of a vehicle, from ``second`` on."""

    vehicle: int
    second: int
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Overriding:
    """A streak set by hand."""

    week: int
    vehicle: int
    streak: int


Sent = Activity | Earning | Description | Overriding


@dataclass(frozen=True)
class ModelRow:
    """A vehicle's week; ``in_streak`` is false where no streak was ever begun."""

    vehicle: int
    streak: int
    off: int
    integrations: frozenset[str]
    integration_points: int
    streak_points: int
    earned_points: int
    connected: bool
    in_streak: bool
    vin_taken: bool = False
    forbidden: bool = False
    unpaired: bool = False
    overridden: bool = False

    @property
    def points(self) -> int:
        """All of the week."""
        return self.integration_points + self.streak_points + self.earned_points

    @property
    def level(self) -> int:
        """By the streak after the week."""
        return level_of(self.streak)


ModelWeek = dict[int, ModelRow]


def bounds_of(week: int) -> tuple[int, int]:
    """The first second of a week, and that of the next."""
    start = WEEK_ZERO + timedelta(weeks=week)
    return int(start.timestamp()), int((start + timedelta(weeks=1)).timestamp())


def week_of_second(second: int) -> int:
    """Below 0 before week 0."""
    return (datetime.fromtimestamp(second, UTC) - WEEK_ZERO) // timedelta(weeks=1)


def level_of(streak: int) -> int:
    """1 to 4."""
    level = 1
    while level < len(LEVELS) and streak >= LEVELS[level][0]:
        level += 1
    return level


def streak_after(streak: int, off: int, connected: bool) -> tuple[int, int]:
    """The streak and the weeks off after one more week."""
    if connected:
        return streak + 1, 0
    if (off + 1) % 3:
        return streak, off + 1
    # Level 1 has none below it: its minimum is 0, which is where it drops to.
    return {1: 0, 2: 0, 3: 4, 4: 20}[level_of(streak)], off + 1


def points_of(integrations: Iterable[str]) -> int:
    """The pair, or the best single."""
    known = set(integrations)
    if {"Smartcar", "AutoPi"} <= known:
        return 7000
    return max((SINGLES.get(name, 0) for name in known), default=0)


def pool_of_week(week: int) -> int:
    """In wei: 85 percent of itself after each 52 weeks since week 44."""
    pool = 1_105_000 * TOKEN
    for _ in range((week - 44) // 52 if week > 44 else 0):
        pool = pool * 85 // 100
    return pool


def split(pool: int, points: Mapping[int, int]) -> dict[int, int]:
    """The pool by vehicle: rounded down, and what is left to the largest fractions."""
    earning = {vehicle: earned for vehicle, earned in points.items() if earned > 0}
    total = sum(earning.values())
    exact = {vehicle: Fraction(pool * earned, total) for vehicle, earned in earning.items()}
    shares = {vehicle: int(share) for vehicle, share in exact.items()}
    left = pool - sum(shares.values()) if earning else 0
    by_fraction = sorted(exact, key=lambda vehicle: (shares[vehicle] - exact[vehicle], vehicle))
    for vehicle in by_fraction[:left]:
        shares[vehicle] += 1
    return {vehicle: shares.get(vehicle, 0) for vehicle in points}


class RewardModel:
    """What was sent, and the weeks as they were last computed."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.weeks: dict[int, ModelWeek] = {}
        self._shares: dict[int, dict[int, int]] = {}

    def send(self, events: Iterable[Sent]) -> None:
        """Anything, in any order, any number of times."""
        self.sent += events

    def calculate(self, first: int, last: int) -> None:
        """Compute these weeks from all that was sent until now."""
        for week in range(first, last + 1):
            rows = self._week(week, self.weeks.get(week - 1, {}))
            points = {vehicle: row.points for vehicle, row in rows.items()}
            self.weeks[week], self._shares[week] = rows, split(pool_of_week(week), points)

    def shares(self, week: int) -> dict[int, int]:
        """Wei by vehicle."""
        return self._shares[week]

    def described(self) -> dict[int, dict[str, Any]]:
        """What is known of each vehicle now: of each field what was said last."""
        known: dict[int, dict[str, Any]] = defaultdict(dict)
        descriptions = [each for each in self.sent if isinstance(each, Description)]
        for each in sorted(descriptions, key=lambda each: each.second):
            known[each.vehicle] |= each.said
        return known

    def owners(self) -> dict[str, set[int]]:
        """The vehicles that each owner has now; addresses in lower case."""
        owners: dict[str, set[int]] = defaultdict(set)
        for vehicle, said in self.described().items():
            if said.get("owner") is not None:
                owners[owner_key(said["owner"])].add(vehicle)
        return owners

    def counted(self, week: int) -> dict[int, set[str]]:
        """The integrations that make a vehicle active in a week, of those that were."""
        known = self.described()
        counted = {
            vehicle: _counted(names, known.get(vehicle, {}))
            for vehicle, names in self._active(week).items()
        }
        return {vehicle: names for vehicle, names in counted.items() if names}

    def _week(self, week: int, before: ModelWeek) -> ModelWeek:
        active, known, counted = self._active(week), self.described(), self.counted(week)
        earned = self._earned(week)
        overrides = {
            each.vehicle: each.streak
            for each in self.sent
            if isinstance(each, Overriding) and each.week == week
        }
        losers = _losers(counted, known)
        rows = {}
        for vehicle in active.keys() | before.keys() | earned.keys() | overrides.keys():
            names = active.get(vehicle, set())
            row = _row(
                vehicle, counted.get(vehicle, set()), before.get(vehicle), overrides.get(vehicle)
            )
            if vehicle in losers:
                row = _stood_still(row, before.get(vehicle), overrides.get(vehicle))
            if row is None and earned.get(vehicle):
                row = ModelRow(vehicle, 0, 0, frozenset(), 0, 0, 0, False, False)
            if row is not None:
                paired = names & _paired(known.get(vehicle, {}))
                rows[vehicle] = replace(
                    row,
                    earned_points=earned.get(vehicle, 0),
                    unpaired=paired != names,
                    forbidden=bool(paired) and not _may_earn(known.get(vehicle, {})),
                    overridden=vehicle in overrides,
                )
        return rows

    def _active(self, week: int) -> dict[int, set[str]]:
        """The integrations of each vehicle with a signal that is not constant."""
        start, end = bounds_of(week)
        active: dict[int, set[str]] = defaultdict(set)
        for each in self.sent:
            if not isinstance(each, Activity) or not start <= each.second < end:
                continue
            if not each.signals or set(each.signals) - CONSTANT_SIGNALS:
                active[each.vehicle].add(each.integration)
        return dict(active)

    def _earned(self, week: int) -> dict[int, int]:
        start, end = bounds_of(week)
        once = {
            (each.vehicle, each.thing, each.id): each.points
            for each in self.sent
            if isinstance(each, Earning) and start <= each.second < end
        }
        earned: dict[int, int] = defaultdict(int)
        for (vehicle, _, _), points in once.items():
            earned[vehicle] += points
        return {vehicle: points for vehicle, points in earned.items() if points}


def owner_key(owner: int | str) -> str:
    """An owner as text; addresses do not differ by case."""
    return str(owner).lower() if str(owner).lower().startswith("0x") else str(owner)


def _paired(said: Mapping[str, Any]) -> set[str]:
    named = said.get("integrations")
    return set(SINGLES) if named is None else set(named)


def _may_earn(said: Mapping[str, Any]) -> bool:
    return said.get("minted") is not False and said.get("opted_in") is not False


def _counted(names: set[str], said: Mapping[str, Any]) -> set[str]:
    """The integrations that make a vehicle active."""
    return names & _paired(said) if _may_earn(said) else set()


def _losers(counted: Mapping[int, set[str]], known: Mapping[int, Mapping[str, Any]]) -> set[int]:
    """Active vehicles whose VIN earns for one that was minted later."""
    rivals: dict[str, list[int]] = defaultdict(list)
    for vehicle in counted:
        vin = known.get(vehicle, {}).get("vin")
        if vin:
            rivals[vin.upper()].append(vehicle)
    losers: set[int] = set()
    for group in rivals.values():
        last = max(group, key=lambda vehicle: (known[vehicle].get("minted_at") or 0, vehicle))
        losers |= set(group) - {last}
    return losers


def _row(
    vehicle: int, names: set[str], before: ModelRow | None, override: int | None
) -> ModelRow | None:
    """The row of a vehicle that stands alone; None where it has none."""
    in_streak = before is not None and before.in_streak
    if not names and not in_streak and override is None:
        return None
    old = (before.streak, before.off) if before is not None and in_streak else (0, 0)
    streak, off = streak_after(*old, connected=bool(names))
    streak = streak if override is None else override
    return ModelRow(
        vehicle=vehicle,
        streak=streak,
        off=off,
        integrations=frozenset(names),
        integration_points=points_of(names),
        streak_points=LEVELS[level_of(streak) - 1][1] if names else 0,
        earned_points=0,
        connected=bool(names),
        in_streak=True,
    )


def _stood_still(row: ModelRow | None, before: ModelRow | None, override: int | None) -> ModelRow:
    """The same vehicle when its VIN earned for another: neither connected nor off."""
    assert row is not None, "who loses was active"
    in_streak = before is not None and before.in_streak
    old = (before.streak, before.off) if before is not None and in_streak else (0, 0)
    return replace(
        row,
        streak=old[0] if override is None else override,
        off=old[1],
        integration_points=0,
        streak_points=0,
        connected=False,
        in_streak=in_streak or override is not None,
        vin_taken=True,
    )

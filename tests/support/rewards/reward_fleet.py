"""A fleet of vehicles with habits, and what it sends week by week; reproducible by its seed.

>>> fleet = Fleet(seed=4)
>>> len(fleet.vehicles), len(fleet.registration()), len(fleet.week(0))
(200, 198, 514)
>>> message_of(Activity(7, "Tesla", 1643605200))
b'{"command":"activity","activity":{"vehicle":7,"integration":"Tesla","time":1643605200}}'

Besides common habits there are, each by name in ``special``: vehicles that are active only in the
first or the last second of a week, two VINs of two vehicles each, and two that nobody registered.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.support.rewards.reward_model import Activity, Description, Earning, Sent, bounds_of

VEHICLES = 200
WEEKS = 12
REGISTERED_S = bounds_of(0)[0] - 86_400
DRIVING = ("odometer", "speed", "vin", "latitude")
ASLEEP = ("vin", "make", "softwareVersion")
A_MESSAGE_MAX = 40
LONELY = 10**7
"""An owner of one vehicle."""

Habit = Callable[[int, random.Random], bool]


@dataclass(frozen=True)
class FleetVehicle:
    """``integrations`` are what it sends on; ``known`` is what is said of it, None for nothing."""

    number: int
    integrations: tuple[str, ...]
    habit: Habit
    known: dict[str, Any] | None
    constant_weeks: frozenset[int] = frozenset()
    seconds: tuple[int, ...] | None = None
    """Offsets in the week at which it sends, counted from the end below 0; None for random."""


def _always(_week: int, _draw: random.Random) -> bool:
    return True


def _often(share: float) -> Habit:
    return lambda _week, draw: draw.random() < share


def _off(first: int, weeks: int) -> Habit:
    return lambda week, _draw: not first <= week < first + weeks


def _between(first: int, end: int) -> Habit:
    return lambda week, _draw: first <= week < end


class Fleet:
    """Vehicles by number. What :meth:`week` returns is the same at every call of one object."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._draw = random.Random(seed)
        self.owners = _owners(self._draw)
        self._crowd = [owner for owner in self.owners if owner != LONELY]
        self.special: dict[str, int] = {}
        numbers = _numbers(self._draw)
        built = [self._special(name, next(numbers)) for name in SPECIAL]
        built += [self._ordinary(next(numbers)) for _ in range(VEHICLES - len(built))]
        self.vehicles = {each.number: each for each in built}

    def registration(self) -> list[Description]:
        """What is said of the vehicles before the first week."""
        return [
            Description(each.number, REGISTERED_S, each.known)
            for each in self.vehicles.values()
            if each.known is not None
        ]

    def week(self, week: int) -> list[Sent]:
        """Everything of one week, shuffled, with one in ten sent twice."""
        draw = random.Random(f"{self._seed}:{week}")
        sent: list[Sent] = []
        for vehicle in self.vehicles.values():
            sent += self._activity(vehicle, week, draw)
        sent += self._earnings(week, draw)
        sent += draw.sample(sent, len(sent) // 10)
        draw.shuffle(sent)
        return sent

    def _activity(self, vehicle: FleetVehicle, week: int, draw: random.Random) -> list[Activity]:
        if vehicle.habit(week, draw):
            signals = draw.choice([(), DRIVING, ("soc", "charging")])
        elif week in vehicle.constant_weeks:
            signals = ASLEEP
        else:
            return []
        start, end = bounds_of(week)
        names = vehicle.integrations
        if len(names) > 1 and draw.random() < 0.3:
            names = (draw.choice(names),)
        sent = []
        for name in names:
            offsets = vehicle.seconds or [draw.randrange(end - start) for _ in range(2)]
            for offset in offsets:
                second = start + offset if offset >= 0 else end + offset
                event_id = f"{vehicle.number}-{second}" if draw.random() < 0.5 else ""
                sent.append(Activity(vehicle.number, name, second, tuple(signals), event_id))
        return sent

    def _earnings(self, week: int, draw: random.Random) -> list[Earning]:
        start, end = bounds_of(week)
        sent = []
        for at, vehicle in enumerate(
            draw.sample(sorted(self.vehicles.keys() - {self.special["only promoted"]}), 8)
        ):
            thing = draw.choice(["promotions", "corrections"])
            points = draw.choice([250, 500, 1500, -500, -9000])
            second = draw.randrange(start, end)
            sent.append(Earning(vehicle, thing, points, second, f"e{week}-{at}", "by hand"))
        # Together nothing: no row comes of it.
        idle = self.special["never active"]
        if week in (1, 9):
            sent.append(Earning(self.special["only promoted"], "promotions", 5, start, f"o{week}"))
        sent.append(Earning(idle, "promotions", 700, start, f"up{week}"))
        sent.append(Earning(idle, "corrections", -700, end - 1, f"down{week}"))
        return sent

    def _special(self, name: str, number: int) -> FleetVehicle:
        self.special[name] = number
        known = {"owner": self._draw.choice(self._crowd), "minted_at": REGISTERED_S + number % 1000}
        vehicle = FleetVehicle(number, ("Tesla",), _always, known)
        return SPECIAL[name](vehicle)

    def _ordinary(self, number: int) -> FleetVehicle:
        draw = self._draw
        sends = draw.choice(
            [("Smartcar",), ("Tesla",), ("AutoPi",), ("Smartcar", "AutoPi"), ("Tesla", "AutoPi")]
        )
        known: dict[str, Any] = {
            "owner": draw.choice(self._crowd),
            "integrations": list(sends),
            "vin": f"VIN{number:014d}"[-17:],
            "minted_at": REGISTERED_S - draw.randrange(10_000_000),
            "minted": True,
            "opted_in": True,
        }
        paired = draw.random()
        if paired < 0.15:
            known["integrations"] = ["Smartcar"]
        elif paired < 0.25:
            del known["integrations"]
        constant = frozenset(week for week in range(WEEKS) if draw.random() < 0.4)
        return FleetVehicle(number, sends, _habit(draw), known, constant)


def _habit(draw: random.Random) -> Habit:
    return draw.choice(
        [
            _always,
            _often(0.9),
            _often(0.4),
            *(_off(draw.randrange(1, WEEKS - weeks), weeks) for weeks in (1, 2, 3, 6)),
            _between(draw.randrange(1, WEEKS), WEEKS),
            _between(0, draw.randrange(1, WEEKS)),
        ]
    )


def _with(**changes: Any) -> Callable[[FleetVehicle], FleetVehicle]:
    """A vehicle with other fields."""
    return lambda vehicle: replace(vehicle, **changes)


def _said(**said: Any) -> Callable[[FleetVehicle], FleetVehicle]:
    """A vehicle of which more is known."""
    return lambda vehicle: replace(vehicle, known={**(vehicle.known or {}), **said})


def _rival(vin: str, minted_at: int | None, habit: Habit = _always) -> Callable[..., FleetVehicle]:
    return lambda each: replace(_said(vin=vin, minted_at=minted_at)(each), habit=habit)


SPECIAL: dict[str, Callable[[FleetVehicle], FleetVehicle]] = {
    "always": _with(integrations=("Smartcar",), habit=_always),
    "first second": _with(seconds=(0,)),
    "last second": _with(seconds=(-1,)),
    "never registered": _with(known=None),
    "never registered, asleep": _with(
        known=None, habit=_off(0, WEEKS), constant_weeks=frozenset(range(WEEKS))
    ),
    "never active": _with(habit=_off(0, WEEKS)),
    "asleep for three weeks": _with(habit=_off(4, 3), constant_weeks=frozenset({4, 5, 6})),
    "nothing paired": _said(integrations=[]),
    "wrongly paired": _said(integrations=["Smartcar", "AutoPi"]),
    "not opted in": _said(opted_in=False),
    "not minted": _said(minted=False),
    # Of the first pair the older stands still while the younger drives, from week 3 on and not
    # in weeks 6 and 7; of the second it stands still from the first week and never had a streak.
    "older": _rival("5YJ3E1EA7KF317000", 1_600_000_000),
    "younger": _rival("5yj3e1ea7kf317000", 1_640_000_000, lambda w, _: w >= 3 and w not in (6, 7)),
    "of unknown age": _rival("WVWZZZ1JZ3W386752", None),
    "of known age": _rival("WVWZZZ1JZ3W386752", 1_500_000_000, _between(0, 9)),
    "retired with a streak": _with(habit=_between(0, 5)),
    "set by hand": _with(habit=_off(4, 3)),
    "set by hand later": _with(habit=_off(6, 6)),
    # Its owner has nothing else, so that owner's history has a gap.
    "only promoted": lambda each: replace(_said(owner=LONELY)(each), habit=_off(0, WEEKS)),
    "transferred": _said(owner="0x" + "Ab" * 20),
}


def _owners(draw: random.Random) -> list[int | str]:
    uids: list[int | str] = [*draw.sample(range(1, 10**6), 40)]
    addresses = [f"0x{draw.getrandbits(160):040X}" for _ in range(20)]
    return [*uids, LONELY, *addresses]


def _numbers(draw: random.Random) -> Iterator[int]:
    """Small numbers, and some with as many digits as there may be."""
    small = draw.sample(range(1000), VEHICLES - 10)
    large = [2**63 - 1, 2**53 + 1, *(draw.getrandbits(60) for _ in range(8))]
    return iter([*small[: len(SPECIAL)], *large, *small[len(SPECIAL) :]])


def messages_of(sent: Sequence[Sent], draw: random.Random) -> list[bytes]:
    """What stands on the queue: single messages, and lists of up to 40."""
    messages: list[bytes] = []
    for kind, plural in (
        (Activity, "activities"),
        (Earning, "earnings"),
        (Description, "vehicles"),
    ):
        waiting = [each for each in sent if isinstance(each, kind)]
        while waiting:
            size = draw.choice([1, A_MESSAGE_MAX])
            taken, waiting = waiting[:size], waiting[size:]
            if size == 1:
                messages.append(message_of(taken[0], draw.random() < 0.5))
            else:
                fields = [fields_of(each, as_text=draw.random() < 0.5) for each in taken]
                messages.append(msgspec.json.encode({"command": plural, plural: fields}))
    draw.shuffle(messages)
    return messages


def message_of(each: Sent, as_text: bool = False) -> bytes:
    """One event in one message."""
    commands: dict[type, str] = {Activity: "activity", Earning: "earnings", Description: "vehicle"}
    command = commands[type(each)]
    return msgspec.json.encode({"command": command, command: fields_of(each, as_text=as_text)})


def fields_of(each: Sent, *, as_text: bool) -> dict[str, Any]:
    """An event as it stands on the wire; times as RFC 3339 or as a number."""
    assert not hasattr(each, "streak"), "nobody sends an override"
    time = datetime.fromtimestamp(each.second, UTC).isoformat() if as_text else each.second
    if isinstance(each, Description):
        return {"vehicle": each.vehicle, "time": time, **each.said}
    if isinstance(each, Earning):
        fields = {"thing": each.thing, "points": each.points, "id": each.id, "note": each.note}
        return {"vehicle": each.vehicle, "time": time, **fields}
    fields = {"id": each.id, "signals": list(each.signals)}
    sent = {name: value for name, value in fields.items() if value}
    return {"vehicle": each.vehicle, "integration": each.integration, "time": time, **sent}

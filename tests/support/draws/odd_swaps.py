"""Random scenarios in the words of the recording: each operation and field, and odd ones.

Few drivers, batteries and seconds, so that they meet: transactions of one second and at midnight,
late ones, corrections of a driver, a battery, a station, a date or a number, corrections of those
and of what was corrected or refused, operations of the clock and of summaries, and fields that are
missing, empty, unknown or of another type.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

STATIONS = ["S1", "S2"]
BATTERIES: dict[str, Any] = {
    "B1": "S1",
    "B2": "S1",
    "B3": "S2",
    "B4": {"station": "S2", "capacity": 200},
    "B5": None,
}
DRIVERS: dict[str, Any] = {
    "D1": {"started": "2020-09-01 08:00"},
    "D2": {"started": "2020-09-02 08:00:30"},
    "D3": {},
    "D4": {"started": "2020-09-01", "vehicle": None},
}
NOW = "2020-09-06 12:00:00"
START_S = 1_598_918_400
"""2020-09-01 00:00:00 UTC."""

HOURS = (-24, 0, 0, 8, 9, 9, 23, 24, 24, 25, 48, 71, 72, 120, 130)
ODD: tuple[Mapping[str, Any], ...] = (
    {"driver": "D9"},
    {"driver": "D4"},
    {"driver": None},
    {"station": "S9"},
    {"station": ""},
    {"battery_in": "B9"},
    {"battery_out": "B9"},
    {"battery_out": None, "battery_in": ""},
    {"in_energy": -1},
    {"out_energy": -7},
    {"in_energy": None},
    {"odo": None},
    {"odo": -1},
    {"odo": "1000"},
    {"odo": 10.5},
    {"battery_in": "B4", "in_energy": 201},
    {"battery_out": "B4", "out_energy": 200},
    {"battery_out": "B4", "out_energy": 201},
)


def random_scenario(rng: random.Random, size: int) -> dict[str, Any]:
    """A fixture, a clock and so many operations."""
    ops: list[dict[str, Any]] = []
    transactions: list[dict[str, Any]] = []
    while len(ops) < size:
        chance = rng.random()
        if chance < 0.06:
            ops.append({"op": rng.choice(("now", "clock")), "now": date_of(rng)})
            continue
        if chance < 0.1:
            ops.append({"op": "rollover", "driver": "D1", "date": date_of(rng)})
            continue
        op = random_transaction(rng)
        if transactions and rng.random() < 0.4:
            op = correction(rng, op, transactions)
        if rng.random() < 0.12:
            op |= rng.choice(ODD)
        ops.append(op)
        transactions.append(op)
    return {
        "name": "random",
        "fixture": {
            "stations": STATIONS,
            "batteries": BATTERIES if rng.random() < 0.8 else ["B1", "B2", "B3", "B4"],
            "drivers": DRIVERS if rng.random() < 0.8 else ["D1", "D2", "D3"],
        },
        "now": rng.choice((NOW, f"{NOW} unless changed", "2020-08-01", "2021-01-01 00:00")),
        "ops": ops,
    }


def random_transaction(rng: random.Random) -> dict[str, Any]:
    """One that says most of its fields."""
    op: dict[str, Any] = {
        "op": "tx",
        "driver": rng.choice(("D1", "D1", "D2", "D3")),
        "battery_out": rng.choice(("B1", "B2", "B3", "B4", None, "")),
        "odo": rng.randrange(1000, 1500),
        "in_energy": rng.choice((0, 20, 100, 199)),
        "out_energy": rng.choice((0, 150, 180, 200)),
    }
    if rng.random() < 0.1:
        del op[rng.choice(("battery_out", "in_energy", "out_energy", "op"))]
    if rng.random() < 0.9:
        op["date"] = date_of(rng)
    if rng.random() < 0.4:
        op["station"] = rng.choice(STATIONS)
    chance = rng.random()
    if chance < 0.4:
        op["battery_in"] = rng.choice(("B1", "B2", "B3", "B4", None, ""))
    elif chance < 0.5:
        op["battery_in_resolved"] = rng.choice(("B1", "B2", None))
    if rng.random() < 0.1:
        op["date_resolved"] = date_of(rng)
    return op


def correction(
    rng: random.Random, other: dict[str, Any], transactions: list[dict[str, Any]]
) -> dict[str, Any]:
    """An earlier one as it was, with some fields of another."""
    at = rng.randrange(len(transactions))
    changed = rng.sample([*other], min(len(other), rng.choice((0, 1, 1, 2, 3))))
    op = {**transactions[at], **{name: other[name] for name in changed}, "corrects": at}
    if rng.random() < 0.5:
        # It keeps the date.
        op.pop("date", None)
        op.pop("date_resolved", None)
    return op


def date_of(rng: random.Random) -> str:
    """One of few seconds, however it is written."""
    second = START_S + rng.choice(HOURS) * 3600 + rng.choice((0, 0, 0, 1, -1))
    form = rng.choice(("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"))
    return datetime.fromtimestamp(second, UTC).strftime(form)

"""The oracle of swaps against the recording: every scenario, after every operation."""

from __future__ import annotations

import json
import random
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.draws.random_swaps import BATTERIES, DRIVERS, another_order, random_history
from tests.support.plain.plain_scenarios import states
from tests.support.plain.plain_swaps import (
    Day,
    PlainLedger,
    Swap,
    days_with_swaps,
    live_of,
    replay,
    root_of,
)

RECORDING = json.loads((Path(__file__).parents[1] / "golden" / "ampersand.json").read_text())
SCENARIOS = {each["name"]: each for each in RECORDING["scenarios"]}

NOON_S = 1_600_000_000 // 86_400 * 86_400 + 43_200


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_oracle_says_what_is_recorded_after_each_operation(name: str) -> None:
    scenario = SCENARIOS[name]
    assert states(scenario) == (scenario["reference_after_each_op"], [])


def swap(second: int, corrects: int | None = None, **changed: Any) -> Swap:
    return Swap("D1", "S1", None, "B1", 0, 180, 1000, second, corrects)._replace(**changed)


def test_a_correction_stands_where_the_wrong_one_stood_among_those_of_its_second() -> None:
    history = [swap(NOON_S), swap(NOON_S), swap(NOON_S, 1), swap(NOON_S, 3)]
    assert live_of(history) == [4, 2]
    assert [root_of(history, n) for n in (4, 2)] == [1, 2]


def test_a_correction_of_the_date_has_a_place_of_its_own() -> None:
    history = [swap(NOON_S), swap(NOON_S + 5), swap(NOON_S + 5, 1), swap(NOON_S + 5, 3)]
    assert live_of(history) == [2, 4]
    assert root_of(history, 4) == 3


def test_days_are_those_of_the_zone() -> None:
    late = NOON_S + 11 * 3600
    history = [swap(NOON_S), swap(late, battery_in="B1", battery_out="B2", odometer=1040)]
    state = replay(history, {"B1": "S1", "B2": "S1"})

    def days(zone: tzinfo) -> list[Day]:
        return days_with_swaps(history, state, "D1", zone)

    assert [day.distance for day in days(UTC)] == [40]
    assert [day.distance for day in days(ZoneInfo("Africa/Kigali"))] == [0, 40]
    assert [day.last for day in days(ZoneInfo("Africa/Kigali"))] == [1, 2]
    assert [day.distance_so_far for day in days(ZoneInfo("Africa/Kigali"))] == [0, 40]


def test_a_replay_until_a_second_knows_nothing_of_what_came_behind_it() -> None:
    history = [swap(NOON_S), swap(NOON_S + 60, battery_in="B1", battery_out="B2", energy_in=70)]
    assert replay(history, {"B1": "S1"}, until=NOON_S + 59) == replay(history[:1], {"B1": "S1"})
    assert replay(history, {"B1": "S1"}, until=NOON_S + 60).energies == {"B1": 70, "B2": 180}


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_arrival_leaves_no_trace(seed: int) -> None:
    rng = random.Random(f"swaps {seed}")
    sent = random_history(rng, 30, explicit=True)
    ledgers = [PlainLedger(BATTERIES, DRIVERS) for _ in range(4)]
    states = []
    for ledger in ledgers:
        for each in another_order(rng, sent):
            ledger.send(each)
        ids = {n: id_ for id_, n in ledger.numbers.items()}
        state = ledger.state()
        rides = {
            ids[n]: ride._replace(last=None if ride.last is None else ids[ride.last])
            for n, ride in state.rides.items()
        }
        states.append(state._replace(rides=rides))
    assert all(state == states[0] for state in states)

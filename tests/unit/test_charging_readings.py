"""Energy of readings: exact integers, as the original's rule and recording have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from psd.charging.plugs.plug_readings import (
    NJ_A_KWH,
    NJ_A_MWH,
    PlugReading,
    cents_of,
    energy_nj,
    pack,
    unpack,
)

RECORDING = json.loads((Path(__file__).parents[1] / "golden" / "charging.json").read_text())
ENERGY = {each["name"]: each for each in RECORDING["energy"]}


@pytest.mark.parametrize("name", ENERGY)
def test_energy_and_cents_are_the_recorded_ones(name: str) -> None:
    recorded = ENERGY[name]
    readings = [
        PlugReading(each["t"] * 1000, each["current"] * 1000, each["voltage"] * 1000)
        for each in recorded["readings"]
    ]
    assert energy_nj(readings) == recorded["kwh"] * NJ_A_KWH
    assert energy_nj(readings, "trapezoid") == recorded["kwh_trapezoid"] * NJ_A_KWH
    assert cents_of(energy_nj(readings), 30) == recorded["cents"]


def test_power_below_0_takes_energy_back() -> None:
    readings = [PlugReading(0, 5000, 240_000), PlugReading(3_600_000, -5000, 240_000)]
    assert cents_of(energy_nj(readings), 30) == -36


def test_a_gap_has_what_the_register_says_and_else_nothing() -> None:
    first, last = PlugReading(0, 10_000, 240_000), PlugReading(61_000, 10_000, 240_000)
    assert energy_nj([first, last], "later", 60_000) == 0
    assert energy_nj([first, last], "later", 61_000) == 2400 * 61 * 10**9
    told = [PlugReading(0, 0, 0, 7), PlugReading(61_000, 0, 0, 19)]
    assert energy_nj(told, "later", 60_000) == 12 * NJ_A_MWH
    assert energy_nj(told[::-1], "later", 0) == 0


def test_packed_readings_are_in_order_of_time_as_bytes_are() -> None:
    readings = [PlugReading(1_723_939_202_000 + ms, 16_777_215 - ms, ms) for ms in range(300)]
    assert sorted(map(pack, readings)) == [*map(pack, readings)]
    assert unpack(b"".join(map(pack, readings))) == readings
    assert pack(readings[0]).hex() == "019162c8a3d0ffffff000000000000000000"

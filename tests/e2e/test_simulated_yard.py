"""``psd charging simulate``: cars come and go, and all of it adds up; else it says so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from psd.charging.cli import simulate as command
from psd.charging.simulation.charging_cars import planned_cars
from psd.charging.simulation.charging_yard import YardOptions
from psd.charging.simulation.yard_proof import OVER_MAX_S, YardOutcome
from psd.cli.main import psd
from tests.support.waiting import wait_until

ONE = ["charging", "simulate", "--cars", "1", "--plugs", "8", "--seed", "322"]
"""It comes soon, goes soon, and is topped up."""


def test_a_car_comes_and_goes_and_the_proof_is_told() -> None:
    done = CliRunner().invoke(psd, [*ONE, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["gone"], told["cars"], told["differences"]) == (1, 1, [])
    assert told["agrees"] is True
    assert told["kwh"] > 0
    assert told["balances"] == told["expected_balances"]
    assert told["topped_up_cents"] == told["paid_at_stripe_cents"] == 2_000
    assert told["longest_over_s"] <= OVER_MAX_S


def test_cars_that_are_switched_again_and_again_add_up_too() -> None:
    shared = ["charging", "simulate", "--cars", "2", "--plugs", "2", "--seed", "1"]
    done = CliRunner().invoke(psd, [*shared, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["longest_over_s"] >= 5
    assert told["times_over"] >= 1
    assert told["sheds"] >= 1


OUTCOME = YardOutcome(
    cars=1,
    gone=1,
    seconds=9,
    sessions=1,
    kwh=1.0,
    metered_kwh=1.001,
    cents=30,
    topped_up_cents=0,
    paid_at_stripe_cents=0,
    balances={"car-001": 70},
    expected_balances={"car-001": 70},
    fuse_amps=32,
    times_over=2,
    longest_over_s=7,
    sheds=2,
    audited=9,
    differences=[],
)


def test_what_adds_up_is_proven() -> None:
    assert OUTCOME.proven()


@pytest.mark.parametrize(
    "wrong",
    [
        {"differences": ["psd:charging:{c:u1}:account balance_cents: 7, should be 6"]},
        {"balances": {"car-001": 71}},
        {"topped_up_cents": 2_000},
        {"metered_kwh": 1.1},
        {"gone": 0},
        {"longest_over_s": 8},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_does_not_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object]
) -> None:
    found = msgspec.structs.replace(OUTCOME, **wrong)
    assert not found.proven()

    async def simulated(*_: object, **__: object) -> YardOutcome:
        return msgspec.structs.replace(found, agrees=found.proven())

    monkeypatch.setattr(command, "_simulated", simulated)
    done = CliRunner().invoke(psd, ["charging", "simulate"])
    assert done.exit_code == 1
    assert "DO NOT AGREE" in done.output


def test_the_same_seed_has_the_same_cars() -> None:
    options = YardOptions()
    cars = planned_cars(options.cars, options.plugs, 5)
    assert cars == planned_cars(options.cars, options.plugs, 5)
    assert cars != planned_cars(options.cars, options.plugs, 6)
    assert [car.arrives_s for car in cars] == sorted(car.arrives_s for car in cars)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_and_nothing_of_it_is_left(
    tmp_path: Path, number: signal.Signals
) -> None:
    yard = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "psd", *ONE, "--speed", "1"),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await wait_until("there is a yard", lambda: any(tmp_path.glob("psd-yard-*/spool")))
        yard.send_signal(number)
        _, told = await yard.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            yard.kill()
    assert (yard.returncode, b"interrupted" in told) == (130, True), told
    assert os.listdir(tmp_path) == []

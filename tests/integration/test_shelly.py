"""Shelly devices by their RPC, and the simulated one: loads, timers, faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from psd.charging.sources import shelly as client
from psd.charging.sources.shelly import Shelly, ShellyInfo
from psd.clock import ManualClock
from psd.errors import DeviceUnavailableError
from server.simulation.car_loads import IDLE_AMPS, CarLoad
from server.simulation.fake_shelly import FakeShelly

NOW_S = 1_723_939_200


class Bench:
    """A device of two relays, who asks it, and the clock of both."""

    def __init__(self, fake: FakeShelly, device: Shelly, clock: ManualClock) -> None:
        self.fake, self.device, self.clock = fake, device, clock

    async def get(self, path: str) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.fake.host}/rpc/{path}") as answer,
        ):
            return answer.status, await answer.json()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = ManualClock(NOW_S)
    async with (
        FakeShelly(clock, mac="AABBCCDDEEFF", switches=2) as fake,
        aiohttp.ClientSession() as session,
    ):
        yield Bench(fake, Shelly(fake.host, session), clock)


async def test_a_device_says_who_it_is_and_which_relays_it_has(bench: Bench) -> None:
    assert await bench.device.identify() == ShellyInfo("AABBCCDDEEFF", (0, 1))


async def test_a_relay_delivers_what_its_load_draws_and_its_register_counts(bench: Bench) -> None:
    bench.fake.switches[1].load = CarLoad(40_000, 0, 10.0)
    assert (await bench.device.status(1)).current == 0
    await bench.device.switch(1, is_on=True)
    bench.clock.advance(3_600)
    status = await bench.device.status(1)
    assert (status.output, status.current, status.voltage) == (True, 10.0, 240.0)
    assert status.energy_mwh == 2_400_000
    await bench.device.switch(1, is_on=False)
    bench.clock.advance(3_600)
    status = await bench.device.status(1)
    assert (status.output, status.current, status.energy_mwh) == (False, 0, 2_400_000)
    assert (await bench.device.status(0)).energy_mwh == 0


async def test_a_relay_that_is_not_told_again_goes_off_by_itself(bench: Bench) -> None:
    bench.fake.switches[0].load = CarLoad(40_000, 0, 10.0)
    await bench.device.switch(0, is_on=True, toggle_after_s=180)
    bench.clock.advance(170)
    assert (await bench.device.status(0)).output
    await bench.device.switch(0, is_on=True, toggle_after_s=180)
    bench.clock.advance(179)
    assert (await bench.device.status(0)).output
    bench.clock.advance(3_600)
    status = await bench.device.status(0)
    assert not status.output
    assert status.energy_mwh == 233_333, "10 A at 240 V for 350 s"


async def test_a_car_draws_less_when_it_is_nearly_full_and_next_to_nothing_then() -> None:
    car = CarLoad(40_000, 0, 32.0)
    assert car.amps() == 32.0
    car.take(36_000)
    assert 15 < car.amps() < 17
    car.take(10_000)
    assert (car.amps(), car.charged_wh) == (IDLE_AMPS, 40_000)


@pytest.mark.parametrize("method", ["switch.getstatus", "Switch.GetStatus", "SWITCH.GETSTATUS"])
async def test_methods_are_found_in_any_case_by_get_and_post(bench: Bench, method: str) -> None:
    status, told = await bench.get(f"{method}?id=0")
    assert (status, told["output"], told["id"]) == (200, False, 0)


async def test_what_is_wrong_is_told_as_a_device_tells_it(bench: Bench) -> None:
    assert await bench.get("Switch.GetStatus?id=7") == (
        500,
        {"code": -105, "message": "Argument 'id', value 7 not found!"},
    )
    assert (await bench.get("Cover.Open"))[0] == 404
    assert await bench.get("Switch.Set?id=0&on=true") == (200, {"was_on": False})
    with pytest.raises(DeviceUnavailableError, match="value 9 not found"):
        await bench.device.status(9)


@pytest.mark.parametrize("fault", ["silent", "slow", "nonsense", "error"])
async def test_a_device_that_does_not_answer_as_it_should_is_away_for_once(
    bench: Bench, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT_S", 0.2)
    bench.fake.faults.append(fault)
    with pytest.raises(DeviceUnavailableError):
        await bench.device.status(0)
    monkeypatch.setattr(client, "TIMEOUT_S", 5)
    assert not (await bench.device.status(0)).output


async def test_without_power_relays_fall_off_and_stay_off(bench: Bench) -> None:
    await bench.device.switch(0, is_on=True)
    bench.fake.cut_power()
    with pytest.raises(DeviceUnavailableError):
        await bench.device.status(0)
    bench.fake.restore_power()
    assert not (await bench.device.status(0)).output
    assert (await bench.get("Sys.GetStatus"))[1]["uptime"] == 0

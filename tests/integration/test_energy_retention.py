"""Readings of meters end with the detail of their energy; sums, runs and audits do not mind."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest

from psd.archive.replay import AcceptedTimes, Replay
from psd.clock import ManualClock
from psd.energy.channels import meter_uid
from psd.energy.part import EnergyPart
from psd.energy.usage import UsageQuery
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import DAY_S, emptied, engine_on
from tests.support.stored.audits import audit_of
from tests.support.stored.expiring import Ending

T0 = 1_606_608_000
"""2020-11-29 00:00 UTC."""

HOUR_S = 3_600
KEPT_S, LEAD_S = 3 * DAY_S, 300
OWN = {"second_s": KEPT_S, "activity_s": KEPT_S}
THINGS: dict[str, Any] = {
    "energy_import": {"id": 20, "unit": "mWh", "boards": "day", **OWN},
    "energy_export": {"id": 21, "unit": "mWh", "boards": "day"},
    "steps": {"id": 1},
}
LIFETIMES_S = {KEPT_S, KEPT_S + LEAD_S}


class Meters(msgspec.Struct):
    """A store of meters whose readings end after three days."""

    runtime: Runtime
    clock: ManualClock
    ending: Ending

    async def say(self, command: str, **fields: Any) -> str:
        """What became of a message."""
        body = msgpack.packb({"command": command, command: fields})
        events = self.runtime.rules.events(body, self.clock.now_s(), "1")
        [outcome] = await self.runtime.books.book(events)
        return outcome.status if outcome.error is None else outcome.error.code

    async def differences(self) -> list[str]:
        """What ``psd verify`` finds, of buckets and of readings."""
        async with audit_of(self.runtime) as audits:
            found = await audits.differences()
        async for audited in self.runtime.part(EnergyPart).audit(repair=False):
            found += map(str, audited.differences)
        return found

    async def mwh(self, meter: str, start: int, end: int) -> tuple[int, float]:
        """Energy of a range, and how much of it is metered."""
        query = UsageQuery(start=str(start), end=str(end))
        told = await self.runtime.part(EnergyPart).usage.of_meter(meter, query)
        return told.total.mwh, told.coverage


@pytest.fixture
async def meters(redis_url: str, tmp_path: Path) -> AsyncIterator[Meters]:
    clock = ManualClock(T0)
    flags = {"things": THINGS}
    async with engine_on(redis_url, flags, clock, archive=tmp_path / "archive") as runtime:
        yield Meters(runtime, clock, Ending(runtime.store.client, clock, LIFETIMES_S))


async def send_days(meters: Meters, days: int) -> None:
    """Power each 20 minutes, a register each 5 hours, half-hours; in each day's own time."""
    for number in range(days):
        start = T0 + number * DAY_S
        for hour in range(0, 24, 2):
            at = start + hour * HOUR_S
            power = [[at + n * 1_200, f"{1 + n % 3}"] for n in range(6)]
            rows = [[at + n * 1_800, at + (n + 1) * 1_800, "0.5"] for n in range(4)]
            await meters.ending.wait(2 * HOUR_S)
            assert await meters.say("power", meter="p", points=power) == "booked"
            assert await meters.say("intervals", meter="i", rows=rows) == "booked"
            if hour % 5 == 0:
                shown = [[at + 700, str((at - T0) / HOUR_S)]]
                assert await meters.say("register", meter="r", points=shown) == "booked"


async def test_verify_is_clean_while_readings_and_their_energy_end(meters: Meters) -> None:
    await send_days(meters, 2)
    before = [await meters.mwh(name, T0, T0 + DAY_S) for name in ("p", "r", "i")]
    ended: list[str] = []
    for _ in range(12):
        ended += await meters.ending.wait(9 * HOUR_S + 1_111)
        assert await meters.differences() == []
    assert any(":e:i0:" in key for key in ended)
    assert any(":20:a:" in key for key in ended)
    assert any(":20:l:" in key for key in ended)
    after = [await meters.mwh(name, T0, T0 + DAY_S) for name in ("p", "r", "i")]
    assert after == before
    assert [coverage > 0.9 for _, coverage in after] == [True] * 3


async def test_energy_at_the_edge_of_what_is_kept_stays_when_more_comes(meters: Meters) -> None:
    """A late reading beside one that is gone would else take away the line between the two."""
    await send_days(meters, 3)
    days = [(T0 + n * DAY_S, T0 + (n + 1) * DAY_S) for n in range(3)]
    whole = [await meters.mwh("p", *day) for day in days]
    by_register = [await meters.mwh("r", *day) for day in days]
    for step in range(12):
        await meters.ending.wait(4 * HOUR_S + 7)
        edge = meters.clock.now_s() - KEPT_S
        at = edge + 360
        value = "1.5" if step % 2 else "2.5"
        assert await meters.say("power", meter="p", points=[[at, value]]) in ("booked", "unchanged")
        if step % 4 == 3:
            assert await meters.differences() == []
    for day, (before, _) in zip(days, whole, strict=True):
        assert abs((await meters.mwh("p", *day))[0] - before) < before // 20
    assert [await meters.mwh("r", *day) for day in days] == by_register


async def test_a_register_read_again_near_its_oldest_reading_keeps_what_came_before(
    meters: Meters,
) -> None:
    """The cell has energy from before it as well: the reading before lives as long as it."""
    shown = [(T0, "100"), (T0 + 2 * DAY_S + 130, "148"), (T0 + 3 * DAY_S + 500, "150")]
    for at, value in shown:
        await meters.ending.wait(at - meters.clock.now_s())
        assert await meters.say("register", meter="r", points=[[at, value]]) == "booked"
    await meters.ending.wait(T0 + 5 * DAY_S - meters.clock.now_s())
    between = [[shown[1][0] + 600, "148.1"]]
    assert await meters.say("register", meter="r", points=between) == "booked"
    assert (await meters.mwh("r", T0, T0 + 4 * DAY_S))[0] == 50_000_000
    ended: list[str] = []
    for _ in range(4):
        assert await meters.differences() == []
        ended += await meters.ending.wait(DAY_S)
    assert any(":e:i0:" in key for key in ended)
    assert (await meters.mwh("r", T0, T0 + 4 * DAY_S))[0] == 50_000_000


@pytest.mark.parametrize(
    ("command", "field", "value"),
    [
        ("power", "points", [[T0 - 1, 1], [T0 + 9, 1]]),
        ("register", "points", [[T0 - 1, 1], [T0 + 9, 1]]),
        ("intervals", "rows", [[T0 + 9, T0 + 99, 1], [T0 - 1, T0 + 9, 1]]),
    ],
)
async def test_what_is_before_what_is_kept_is_too_late_and_nothing_of_it_is_kept(
    meters: Meters, command: str, field: str, value: list[Any]
) -> None:
    await meters.ending.wait(KEPT_S)
    before = sorted([key async for key in meters.runtime.store.client.scan_iter("psd:{p*")])
    async with serving(meters.runtime) as main:
        answer = await post(main, {"command": command, command: {"meter": "m", field: value}})
        assert (answer["status"], answer["code"]) == ("refused", "too_late"), answer
        place = 1 if command == "intervals" else 0
        assert f"{field}[{place}]" in answer["message"]
        assert f"reports are kept for {KEPT_S} s" in answer["message"]
        value[place][0] = T0
        sent = {"command": command, command: {"meter": "m", field: value}}
        assert (await post(main, sent))["status"] == "booked"
        exported = {"meter": "m", "flow": "export", "points": [[T0 - 1, 1]]}
        sent = {"command": "power", "power": exported}
        assert (await post(main, sent))["status"] == "booked", "exports are kept for ever"
    after = sorted([key async for key in meters.runtime.store.client.scan_iter("psd:{p*")])
    assert before == []
    assert after


async def post(main: HttpClient, document: dict[str, Any]) -> dict[str, Any]:
    """What became of one document."""
    body = msgspec.json.encode([document])
    answer = await main.request("POST", "/v3/energy/readings", body, "application/json")
    row = answer.json()["data"][0]
    assert isinstance(row, dict)
    return row


async def test_a_replay_keeps_what_is_still_kept_and_tells_what_is_too_late(
    meters: Meters, tmp_path: Path
) -> None:
    runtime, clock = meters.runtime, meters.clock
    points = [[T0 + n * HOUR_S, 1] for n in range(48)]
    others = [[second + 60, 1] for second, _ in points[:12]]
    old = {"command": "power", "power": {"meter": "p", "points": others}}
    straddling = {"command": "power", "power": {"meter": "p", "points": points}}
    clock.advance(2 * DAY_S)
    async with serving(runtime) as main:
        for document in (old, straddling):
            assert (await post(main, document))["status"] == "booked"
    clock.advance(2 * DAY_S)
    await emptied(runtime)
    replay = Replay(
        tmp_path / "archive", runtime.books, runtime.rules, clock, DAY_S, forgotten=True
    )
    told = await replay.run(AcceptedTimes(0))
    assert told.refused == 1
    assert "too_late" in told.refusals[0]
    assert await meters.mwh("p", T0 + DAY_S, T0 + 2 * DAY_S) == (23_000_000, 0.958333)
    assert await meters.differences() == []


async def test_hours_that_have_ended_are_forgotten_where_a_channel_lists_them(
    meters: Meters,
) -> None:
    """A meter that sends for years would else keep the number of each hour."""
    rng = random.Random(5)
    root = (await meters.runtime.store.placed()).owner_root(meter_uid("p"))
    for _ in range(60):
        at = meters.clock.now_s()
        points = [[at, f"{rng.randint(1, 9)}"]]
        assert await meters.say("power", meter="p", points=points) == "booked"
        await meters.ending.wait(2 * HOUR_S)
    listed = await meters.runtime.store.client.zcard(f"{root}:e:i0:units")
    assert listed <= (KEPT_S + LEAD_S) // (2 * HOUR_S) + 2


async def test_a_lifetime_that_is_taken_back_ends_with_the_next_reading(redis_url: str) -> None:
    clock, points = ManualClock(T0 + HOUR_S), [[T0, 1], [T0 + 600, 2]]
    body = {"command": "power", "power": {"meter": "p", "points": points}}
    unsaid: dict[str, Any] = {"things": {"energy_import": {"id": 20, "boards": "day"}}}
    ttls: dict[bool, set[int]] = {}
    for is_said, things in ((True, {"things": THINGS}), (False, unsaid)):
        async with engine_on(redis_url, things, clock) as runtime:
            points.append([T0 + 900 + is_said, 3])
            events = runtime.rules.events(msgpack.packb(body), clock.now_s(), "1")
            assert [each.status for each in await runtime.books.book(events)] == ["booked"]
            client = runtime.store.client
            keys = [key async for key in client.scan_iter("psd:{p*}:*:e:i0:*")]
            ttls[is_said] = {await client.ttl(key) for key in keys if b":runs" not in key}
    assert min(ttls[True]) > KEPT_S
    assert ttls[False] == {-1}


async def test_readings_whose_cell_began_before_what_is_kept_leave_nothing(
    meters: Meters,
) -> None:
    """Their energy could not be booked: kept all the same they would be metered without any."""
    await meters.ending.wait(KEPT_S + 100)
    points = [[T0 + 110, 1], [T0 + 290, 1]]
    assert await meters.say("power", meter="p", points=points) == "too_late"
    root = (await meters.runtime.store.placed()).owner_root(meter_uid("p"))
    assert not await meters.runtime.store.client.exists(f"{root}:e", f"{root}:e:i0:runs")
    points.append([T0 + 300, 2])
    assert await meters.say("power", meter="p", points=points) == "booked"
    assert await meters.mwh("p", T0, T0 + 600) == (0, 0.0)
    assert await meters.differences() == []

"""``psd verify`` of energy: what is booked is what readings make, and a replay makes it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest

from psd.archive.replay import AcceptedTimes, Replay, ReplaySummary
from psd.clock import ManualClock
from psd.energy.channels import meter_uid, report_of
from psd.energy.part import EnergyPart
from psd.energy.usage import UsageQuery
from psd.runtime import Runtime
from tests.support.clients.http import serving
from tests.support.engine import emptied, engine_on

T0 = 1_606_636_800
"""2020-11-29 08:00 UTC."""

DOCUMENTS: list[dict[str, Any]] = [
    {"command": "power", "power": {"meter": "m-1", "points": [[T0, 1], [T0 + 3_600, -1]]}},
    {"command": "register", "register": {"meter": "m-2", "points": [[T0, 10], [T0 + 7_200, 12]]}},
    {"command": "intervals", "intervals": {"meter": "m-3", "rows": [[T0, T0 + 1_800, 1]]}},
]
DOCUMENTS[0]["power"]["signed"] = True


@pytest.fixture
async def meters(runtime: Runtime) -> Runtime:
    for document in DOCUMENTS:
        events = runtime.rules.events(msgpack.packb(document), T0 + 99_000, "1")
        for outcome in await runtime.books.book(events):
            assert outcome.status == "booked", outcome
    return runtime


async def found(runtime: Runtime, *, repair: bool = False) -> dict[str, list[str]]:
    """Outcomes and their differences, without what is clean."""
    told: dict[str, list[str]] = {}
    async for audited in runtime.part(EnergyPart).audit(repair=repair):
        if audited.outcome != "clean":
            told.setdefault(audited.outcome, []).extend(map(str, audited.differences))
    return told


async def test_what_psd_wrote_is_clean(meters: Runtime) -> None:
    assert await found(meters) == {}


@pytest.mark.parametrize(("name", "thing"), [("m-1", 20), ("m-1", 21), ("m-2", 20)])
async def test_energy_that_its_readings_do_not_make_is_told_and_repaired(
    meters: Runtime, name: str, thing: int
) -> None:
    cell = T0 + 3_000
    wrong = report_of(thing, meter_uid(name), 0, (cell, cell + 300), 999, 1)
    await meters.engine.book([wrong])
    told = await found(meters)
    [difference] = told["found"]
    assert f"meter '{name}' 2020-11-29T08:50:00Z: 999 mWh estimated, should be" in difference
    assert set(await found(meters, repair=True)) == {"repaired"}
    assert await found(meters) == {}


async def test_a_name_that_is_gone_is_told_and_kept_again(meters: Runtime) -> None:
    uid = meter_uid("m-3")
    client = meters.store.client
    async for key in client.scan_iter(match="psd:names:*"):
        await client.hdel(key, uid)
    assert "meter 'm-3': nothing, should be m-3" in (await found(meters))["found"][0]
    assert set(await found(meters, repair=True)) == {"repaired"}
    assert await found(meters) == {}


OLDER: list[dict[str, Any]] = [
    {"command": "power", "power": {"meter": "p", "points": [[T0, 1], [T0 + 3_600, 1]]}},
    {
        "command": "intervals",
        "intervals": {"meter": "i", "rows": [[T0, T0 + 1_800, 1], [T0 + 1_800, T0 + 3_600, 2]]},
    },
]
NEWER: list[dict[str, Any]] = [
    {"command": "power", "power": {"meter": "p", "points": [[T0 + 3_600, 3], [T0 + 7_200, 3]]}},
    {"command": "intervals", "intervals": {"meter": "i", "rows": [[T0, T0 + 1_800, "0.5"]]}},
]


async def test_a_replay_of_an_older_window_leaves_what_was_corrected_since(
    redis_url: str, tmp_path: Path
) -> None:
    """Of each message the part that nobody corrected is booked again, and no more."""
    clock, archive = ManualClock(T0 + 9_000), tmp_path / "archive"
    async with engine_on(redis_url, clock=clock, archive=archive) as psd:
        await post_all(psd, OLDER)
        cut_ms = clock.now_ms() + 500
        clock.advance(3_600)
        await post_all(psd, NEWER)
        corrected = [await energy_of(psd, meter) for meter in ("p", "i")]
        assert corrected == [5_000_000, 2_500_000]
        for lost in (False, True):
            if lost:
                await emptied(psd)
                await replay_of(psd, archive, clock, AcceptedTimes(0))
                assert [await energy_of(psd, meter) for meter in ("p", "i")] == corrected
            told = await replay_of(psd, archive, clock, AcceptedTimes(0, cut_ms))
            assert (told.refused, told.outcomes["booked"]) == (0, 0)
            assert [await energy_of(psd, meter) for meter in ("p", "i")] == corrected
            assert await found(psd) == {}
        await emptied(psd)
        told = await replay_of(psd, archive, clock, AcceptedTimes(0, cut_ms))
        assert told.outcomes == {"booked": 2}
        assert [await energy_of(psd, meter) for meter in ("p", "i")] == [0, 2_000_000]


async def post_all(psd: Runtime, documents: list[dict[str, Any]]) -> None:
    async with serving(psd) as main:
        body = msgspec.json.encode(documents)
        told = await main.request("POST", "/v3/energy/readings", body, "application/json")
        assert told.json()["summary"]["booked"] == len(documents), told.text


async def replay_of(
    psd: Runtime, archive: Path, clock: ManualClock, window: AcceptedTimes
) -> ReplaySummary:
    return await Replay(archive, psd.books, psd.rules, clock, 10**6).run(window)


async def energy_of(psd: Runtime, meter: str) -> int:
    query = UsageQuery(start=str(T0 - 3_600), end=str(T0 + 99_000))
    return (await psd.part(EnergyPart).usage.of_meter(meter, query)).total.mwh

"""What meters have sent is exported as it was sent, and makes the same energy where it comes in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgpack
import pytest

from psd.cli.exporting import source_of
from psd.energy.part import EnergyPart
from psd.engine.plan import Range
from psd.exports import message_source
from psd.exports.export_parts import FORMATS, ExportFolder, RowFormat, begun
from psd.runtime import Runtime
from tests.support.engine import emptied
from tests.support.stored.exporting import ALL, EVER, export_to, take_from
from tests.support.stored.keyspace import keyspace

pytestmark = pytest.mark.one_server("what a row says is the same")

T0 = 1_606_636_800
"""2020-11-29 08:00 UTC."""

HOUR_S = 3_600

PASSING = ("version:", "rule", "derived:", "activities")
"""How often a channel was told something, which its fence goes by, and activities (below)."""

LEFT_OUT = (":f:energy", ":21:a:", ":21:r:")
"""Of what is delivered 0 is said of hours that were told after the first power below 0."""


def said(command: str, meter: str, **fields: Any) -> dict[str, Any]:
    return {"command": command, command: {"meter": meter, **fields}}


def power(meter: str, seed: int, **more: Any) -> dict[str, Any]:
    draw = Random(seed)
    points = [[T0 + n * 60 + draw.randrange(50), draw.randrange(4000)] for n in range(700)]
    return said("power", meter, points=points, unit="W", **more)


DOCUMENTS: Sequence[dict[str, Any]] = (
    said("meter", "both ways", tz="Europe/London", max_kw="14", plan="agile", time=T0),
    said("meter", "both ways", gap_max_s=900, plan=None, time=T0 + 9),
    power("both ways", 1),
    said("power", "both ways", points=[[T0 + 7, "-1.25"], [T0 + 900, "-2"]], signed=True),
    power("both ways", 2, flow="generation", register=3, counts=False),
    said("meter", "wheels", digits=5, time=T0),
    said(
        "meter",
        "wheels",
        time=T0 + 5,
        exchange={"time": T0 + 4 * HOUR_S, "final": "12349.5", "first": "0.25", "register": 1},
    ),
    said("register", "wheels", register=1, points=[[T0, "12345.678"], [T0 + HOUR_S, 12346]]),
    said("register", "wheels", register=1, points=[[T0 + 5 * HOUR_S, 1], [T0 + 90_000, 9]]),
    said("register", "wheels", register=2, counts=False, points=[[T0, 7], [T0 + 99, 8]]),
    said(
        "intervals",
        "halves \u00e9",
        rows=[[T0 + n * 1800, T0 + n * 1800 + 1800, f"0.{n + 1}"] for n in range(60)],
    ),
    # What one said of a window later, a finer one within it, and a day of another register.
    said("intervals", "halves \u00e9", rows=[[T0, T0 + 1800, "0.9", "estimated"]]),
    said("intervals", "halves \u00e9", rows=[[T0 + 1800, T0 + 1860, "0.01"]]),
    said("intervals", "halves \u00e9", register=1, rows=[[T0 - 28_800, T0 + 57_600, 24]]),
    said("intervals", "halves \u00e9", register=2, counts=False, rows=[[T0, T0 + 60, 1]]),
    said("meter", "silent", plan="none", time=T0),
    said(
        "meter",
        "silent",
        time=T0,
        exchange={"time": T0 + HOUR_S, "final": None, "first": None, "flow": "export"},
    ),
)


@pytest.fixture
async def meters(runtime: Runtime) -> Runtime:
    for document in DOCUMENTS:
        events = runtime.rules.events(msgpack.packb(document), T0 + 199_000, "1")
        for outcome in await runtime.books.book(events):
            assert outcome.status == "booked", (document, outcome)
    return runtime


def kept_of(content: Any) -> Any:
    """A key without what tells how often its channels were told something."""
    if not isinstance(content, dict):
        return content
    passing = tuple(map(str.encode, PASSING))
    return {
        field: value
        for field, value in content.items()
        if not (isinstance(field, bytes) and field.startswith(passing))
    }


async def held(psd: Runtime) -> dict[str, Any]:
    """All that is kept of meters, and booked of them."""
    found = await keyspace(psd.store.client)
    kept = {key for key in found if not any(part in key for part in LEFT_OUT)}
    return {key: kept_of(found[key]) for key in kept}


async def is_clean(psd: Runtime) -> bool:
    audit = psd.part(EnergyPart).audit(repair=False)
    return [str(each) async for each in audit if each.outcome != "clean"] == []


@pytest.mark.parametrize("form", FORMATS)
async def test_an_empty_store_has_the_same_meters_and_the_same_energy_behind_it(
    meters: Runtime, tmp_path: Path, form: RowFormat
) -> None:
    before = await held(meters)
    first = await export_to(meters, "readings", tmp_path / "out", form, part_rows=3)
    await emptied(meters)
    assert set(await take_from(meters, tmp_path / "out")) == {"booked"}
    assert await held(meters) == before
    assert await is_clean(meters)
    assert set(await take_from(meters, tmp_path / "out")) == {"unchanged"}
    assert await held(meters) == before
    again = await export_to(meters, "readings", tmp_path / "again", form, part_rows=3)
    assert [part.sha256 for part in again.parts] == [part.sha256 for part in first.parts]


@pytest.mark.parametrize("seed", range(3))
async def test_the_ranges_of_a_partition_of_time_make_the_same_in_any_order(
    meters: Runtime, tmp_path: Path, seed: int
) -> None:
    draw = Random(seed)
    before = await held(meters)
    cuts = sorted(draw.sample(range(T0 - 100, T0 + 30 * HOUR_S), 4))
    ranges = [Range(*edges) for edges in zip([0, *cuts], [*cuts, EVER.end], strict=True)]
    for at, within in enumerate(ranges):
        await export_to(meters, "readings", tmp_path / str(at), "ndjson", within)
    await emptied(meters)
    for at in draw.sample(range(len(ranges)), len(ranges)):
        await take_from(meters, tmp_path / str(at))
    assert await held(meters) == before
    assert await is_clean(meters)


async def test_an_export_of_messages_that_broke_off_is_finished_to_the_same_bytes(
    meters: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_source, "ROWS_AT_ONCE", 2)
    whole = await export_to(meters, "readings", tmp_path / "whole", "csv", part_rows=3)
    assert len(whole.parts) > 3
    folder, runs = tmp_path / "cut", 0
    manifest = begun(folder, "readings", "csv", {}, EVER, resumes=False)
    while not manifest.is_whole:
        written, taken = ExportFolder(folder, manifest, 3), 0
        source = source_of(meters, "readings", EVER, ALL)
        async for chunk in source.chunks(manifest.after):
            written.take(chunk)
            taken += 1
            if taken == 3:
                break
        else:
            written.finish()
        written.leave()
        runs += 1
        manifest = begun(folder, "readings", "csv", {}, EVER, resumes=True)
    assert runs > 3
    assert manifest == whole


async def test_bookings_beside_them_make_no_difference(meters: Runtime, tmp_path: Path) -> None:
    before = await held(meters)
    for kind in ("bookings", "readings"):
        await export_to(meters, kind, tmp_path / kind, "csv")
    for order in (("bookings", "readings"), ("readings", "bookings")):
        await emptied(meters)
        for kind in order:
            await take_from(meters, tmp_path / kind)
        assert await held(meters) == before
        assert await is_clean(meters)

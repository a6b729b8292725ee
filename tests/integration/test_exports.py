"""What is exported makes an equal store where it is imported, of every kind and in every format."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from psd.charging.part import ChargingPart
from psd.engine.engine import Engine
from psd.engine.events import Count, Withdrawal
from psd.engine.plan import Range
from psd.exports.booking_source import BookingScope, BookingSource
from psd.exports.export_parts import FORMATS, ExportFolder, RowFormat, begun
from psd.exports.row_kinds import kinds
from psd.runtime import Runtime
from psd.swaps.part import SwapsPart
from psd.users import user_of
from tests.support.engine import DAY_S, NOON_S, book, increment, report, sum_of
from tests.support.processes.commands import printed, run
from tests.support.scripts.payment_scene import payments
from tests.support.scripts.script_calls import ledger_of_swaps, money, vehicles
from tests.support.stored.exporting import EVER, export_to, take_from
from tests.support.stored.keyspace import keyspace
from tests.support.stored.stored_history import (
    WRITTEN_AT_S,
    dense,
    long,
    sparse,
    write_boards,
    write_rewards,
)
from tests.support.stored.stored_history import book as book_history

pytestmark = pytest.mark.psd(now_s=WRITTEN_AT_S + 100 * DAY_S)

OF_OWNERS = (1, 2)

LEFT_OUT = (":k:", "psd:decisions", "psd:pages", "psd:erase")
"""Ids of increments, which are hashes, and what tells the order of decisions."""


async def held(psd: Runtime) -> dict[str, Any]:
    """What a store holds, whoever came first and whenever it was written."""
    found = await keyspace(psd.store.client)
    kept = {k: v for k, v in found.items() if not any(part in k for part in LEFT_OUT)}
    for key, content in kept.items():
        if key.endswith(":log"):
            # What a withdrawal took is not there to be taken again; it holds for today's things.
            kept[key] = [{**fields, b"took": b"", b"things": b""} for _, fields in content]
    return kept


async def emptied(psd: Runtime) -> None:
    """The store with nothing in it, and a process that knows nothing of it."""
    await psd.store.client.flushall()
    fresh = Engine(psd.store, psd.settings, psd.clock, psd.metrics)
    psd.engine._index, psd.engine.names = fresh._index, fresh.names
    await psd.store.check_fit()


def some_history() -> list[Any]:
    """A part of what stores hold: late, corrected, long, withdrawn, increments and counts."""
    sent = [*sparse(), *long_activity(), report(5, NOON_S, uid=7, aid=1)]
    sent += [
        report(6, NOON_S + 9, uid=7, aid=2),
        Withdrawal(7, 2, OF_OWNERS, "twice", "me", NOON_S),
    ]
    counts = [Count("hifive_1", 1, NOON_S + n * 2500, f"e{n}") for n in range(9)]
    return [*sent, *counts, Count("sel{f}", 3, NOON_S, "x")]


def long_activity() -> list[Any]:
    """An activity of a user by name, of many hours and many reports in one."""
    of: dict[str, Any] = {"uid": user_of("alice"), "aid": 9}
    sent = [report(hour + 1, NOON_S + hour * 3600, NOON_S, **of) for hour in range(9)]
    sent += [report(5, NOON_S + n * 40, NOON_S + n * 40 - n % 7, **of) for n in range(30)]
    return [msgspec.structs.replace(each, name="alice") for each in sent]


@pytest.mark.one_server("what a row says is the same")
@pytest.mark.parametrize("form", FORMATS)
async def test_every_kind_makes_the_store_that_it_is_of(
    runtime: Runtime, tmp_path: Path, form: RowFormat
) -> None:
    psd = runtime
    await book_history(psd, some_history())
    bookings = await held(psd)
    withdrawn = {key for key in bookings if key.endswith(":7:log")}
    for write in (write_boards, write_rewards, vehicles, payments, ledger_of_swaps, money):
        await write(psd)
    await psd.part(SwapsPart).ledger().settle_left()
    await psd.part(ChargingPart).desk.booking.book_left("u1")
    for kind in kinds():
        await export_to(psd, kind, tmp_path / kind, form)
    before = {key: content for key, content in (await held(psd)).items() if not is_computed(key)}

    await emptied(psd)
    assert (await take_from(psd, tmp_path / "bookings"))["booked"] > 70
    after = await held(psd)
    assert {k: after[k] for k in bookings.keys() - withdrawn if ":7:" not in k} == {
        k: content for k, content in bookings.items() if ":7:" not in k
    }
    assert set(await take_from(psd, tmp_path / "bookings")) == {"unchanged"}

    for kind in kinds()[1:]:
        await take_from(psd, tmp_path / kind)
    await psd.part(SwapsPart).ledger().settle_left()
    after = await held(psd)
    assert different(before, after) == {}
    for kind in kinds()[1:]:
        assert set(await take_from(psd, tmp_path / kind)) <= {"known", "unchanged"}
    assert different(before, await held(psd)) == {}


def different(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What stood before and is otherwise now."""
    return {key: (was, after.get(key)) for key, was in before.items() if after.get(key) != was}


async def test_a_store_that_is_dense_everywhere_comes_back(
    runtime: Runtime, tmp_path: Path
) -> None:
    psd = runtime
    await book_history(psd, [*dense(), *long()])
    before = await held(psd)
    await export_to(psd, "activities", tmp_path / "out", "ndjson")
    await emptied(psd)
    await take_from(psd, tmp_path / "out")
    assert await held(psd) == before


def is_computed(key: str) -> bool:
    """What follows from the rest, or says when it was said."""
    computed = ("rows:", ":weeks", ":status", ":tables", ":board:", ":begun", ":dirty", ":run")
    if key.startswith("psd:rewards:") and any(part in key for part in computed):
        return True
    passing = (":open", ":topups", "psd:charging:{charging}:left", "}:unsettled")
    # Prices know when they were said; sets of owners and VINs have vehicles that moved on.
    # Of a plan that was taken away no decision is told.
    said = (
        "psd:energy:{energy}:versions",
        "psd:energy:{p:",
        "psd:energy:{c:",
        "psd:rewards:owner:",
        "psd:rewards:{v",
        "psd:rewards:{rewards}:shared_vins",
    )
    return key.startswith(said) or key.endswith((*passing, ":f:swaps"))


async def test_an_export_that_broke_off_is_finished_to_the_same_bytes(
    runtime: Runtime, tmp_path: Path
) -> None:
    psd = runtime
    await book_history(psd, some_history())
    await book(psd, [report(n + 1, NOON_S, aid=n, uid=1 + n % 90) for n in range(300)])
    whole = await export_to(psd, "bookings", tmp_path / "whole", "csv", part_rows=30)
    assert len(whole.parts) > 5
    source = BookingSource(psd, BookingScope(psd.settings.numbers, None, EVER, True), "bookings")
    manifest = begun(tmp_path / "cut", "bookings", "csv", {}, EVER, resumes=False)
    for stops_after in (20, 31, 12):
        written = ExportFolder(tmp_path / "cut", manifest, 30)
        taken = 0
        async for chunk in source.chunks(manifest.after):
            written.take(chunk)
            taken += 1
            if taken == stops_after:
                break
        written.leave()
        manifest = begun(tmp_path / "cut", "bookings", "csv", {}, EVER, resumes=True)
    written = ExportFolder(tmp_path / "cut", manifest, 30)
    async for chunk in source.chunks(manifest.after):
        written.take(chunk)
    written.finish()
    assert written.manifest == whole
    files = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == files
    for name in files:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


async def test_a_range_alone_makes_what_is_in_it_and_with_the_others_all(
    runtime: Runtime, tmp_path: Path
) -> None:
    psd = runtime
    # Windows that begin before the cut, of two atids at one second, and an increment.
    await book(psd, [report(4, NOON_S + 5, NOON_S), report(7, NOON_S + 20, NOON_S, atid=9)])
    await book(psd, [report(9, NOON_S + 20, NOON_S + 3), increment("a", 6, NOON_S + 20)])
    await book(psd, [report(50, NOON_S + 30, NOON_S + 12)])
    cut = NOON_S + 10
    before, behind = Range(0, cut), Range(cut, NOON_S + DAY_S)
    sums = {
        (within.end, atid): await sum_of(psd, within, atid=atid)
        for within in (before, behind, EVER)
        for atid in (None, 2, 9)
    }
    await export_to(psd, "bookings", tmp_path / "behind", "ndjson", behind)
    await export_to(psd, "activities", tmp_path / "before", "csv", before)
    await emptied(psd)
    await take_from(psd, tmp_path / "behind")
    assert await sum_of(psd, before) == 0
    for atid in (None, 2, 9):
        assert await sum_of(psd, behind, atid=atid) == sums[behind.end, atid]
    await take_from(psd, tmp_path / "before")
    for within in (before, behind, EVER):
        for atid in (None, 2, 9):
            assert await sum_of(psd, within, atid=atid) == sums[within.end, atid]
    assert set(await take_from(psd, tmp_path / "behind")) == {"unchanged"}


def random_history(draw: Random) -> list[Any]:
    """Reports of windows that overlap, later totals of the same ones, and increments."""
    sent: list[Any] = []
    for number in range(80):
        start = NOON_S + draw.randrange(7200)
        of: dict[str, Any] = {"uid": draw.randrange(1, 4), "aid": draw.randrange(5)}
        if number % 5:
            end = start + draw.choice([0, 1, 30, 900, 4000])
            sent.append(report(draw.randrange(90), end, start, atid=draw.choice([2, 9]), **of))
        else:
            sent.append(increment(f"e{number}", draw.randrange(1, 9), start, **of))
    return sent


@pytest.mark.parametrize("seed", range(3))
async def test_ranges_at_random_make_the_same_sums_in_any_order(
    runtime: Runtime, tmp_path: Path, seed: int
) -> None:
    psd, draw = runtime, Random(seed)
    for each in random_history(draw):
        await psd.engine.book([each])
    span = range(NOON_S - 10, NOON_S + 12_000)
    cuts = sorted(draw.sample(span, 5))
    ranges = [Range(*edges) for edges in zip([0, *cuts], [*cuts, EVER.end], strict=True)]
    asked = [
        (uid, atid, within)
        for uid in (1, 2, 3)
        for atid in (None, 2, 9)
        for within in (*ranges, *(Range(*sorted(draw.sample(span, 2))) for _ in range(12)))
    ]
    before = [await sum_of(psd, within, uid=uid, atid=atid) for uid, atid, within in asked]
    for at, within in enumerate(ranges):
        kind = draw.choice(["bookings", "activities"])
        await export_to(psd, kind, tmp_path / str(at), draw.choice(FORMATS), within)
    await emptied(psd)
    for at in draw.sample(range(len(ranges)), len(ranges)):
        await take_from(psd, tmp_path / str(at))
    after = [await sum_of(psd, within, uid=uid, atid=atid) for uid, atid, within in asked]
    assert after == before


@pytest.mark.psd({"retention.activity_s": 400 * DAY_S}, now_s=NOON_S + DAY_S)
async def test_what_has_no_reports_any_more_is_told_by_its_bookings(
    runtime: Runtime, tmp_path: Path
) -> None:
    psd = runtime
    crowd = [report(n + 1, NOON_S, aid=n) for n in range(600)]
    await book(psd, [*crowd[:300], report(9, NOON_S + 60, NOON_S - 5, aid=7)])
    await book(psd, crowd[300:])
    reports = [k async for k in psd.store.client.scan_iter(match="psd:{p*:a:*")]
    total = await sum_of(psd)
    await psd.store.client.delete(*reports)
    await export_to(psd, "bookings", tmp_path / "out", "csv")
    await emptied(psd)
    assert (await take_from(psd, tmp_path / "out"))["booked"] == 601
    assert await sum_of(psd) == total


async def test_the_commands_go_there_and_back(
    runtime: Runtime, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")
    await book(runtime, [report(n, NOON_S + n, aid=n, uid=n % 3) for n in range(1, 8)])
    out = str(tmp_path / "out")
    told = await printed("export", "bookings", out, "--thing", "steps", "--uid", "1", "--uid", "2")
    assert told == f"5 rows in 1 part: {out}\n"
    again = await run("export", "bookings", out, "--thing", "steps", "--uid", "1", "--uid", "2")
    assert again.exit_code == 1
    assert "a whole export of bookings is there" in again.stderr
    told = json.loads(await printed("export", "bookings", str(tmp_path / "more"), "--json"))
    rows = sum(part["rows"] for part in told["parts"])
    assert (told["kind"], rows, told["is_whole"]) == ("bookings", 7, True)
    refused = await run("export", "bookings", "--json")
    assert (refused.exit_code, "--json" in refused.stderr) == (2, True)
    lines = (await printed("export", "bookings", "--thing", "steps")).splitlines()
    assert [json.loads(line)["value"] for line in lines] == [3, 6, 1, 4, 7, 2, 5]
    assert await printed("import", out, "--dry-run") == "5 rows of bookings, 5 checked, 0 refused\n"
    assert await printed("import", out) == "5 rows of bookings, 5 unchanged, 0 refused\n"
    (tmp_path / "out" / "bookings-000001.ndjson").write_text("spoiled")
    spoiled = await run("import", out)
    assert spoiled.exit_code == 1
    assert "not what the export wrote" in spoiled.stderr


async def test_a_row_that_breaks_a_rule_is_named_and_the_others_are_booked(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "thing,uid,name,atid,aid,mode,ts1,ts2,value,booked\n"
        f"steps,1,,0,1,total,{NOON_S},{NOON_S},5,5\n"
        f"steps,1,alice,0,1,total,{NOON_S},{NOON_S},5,5\n"
        f"steps,x,,0,1,total,{NOON_S},{NOON_S},5,5\n"
        f"steps,1,,0,1,average,{NOON_S},{NOON_S},5,5\n"
        f"floors,1,,0,1,total,{NOON_S},{NOON_S},5,5\n"
    )
    result = await run("import", "--kind", "bookings", str(rows))
    assert result.exit_code == 1
    assert result.stdout == "5 rows of bookings, 1 booked, 4 refused\n"
    for told in ("line 3: name:", "line 4: uid:", "line 5: mode:", "line 6: thing:"):
        assert told in result.stderr

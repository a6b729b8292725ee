"""``psd rewards`` at work: the job's lines, exports, receipts, the blacklist, overrides."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result

from psd.rewards.part import RewardsPart
from psd.rewards.tables import shipped_tables
from tests.support.processes import commands
from tests.support.rewards.reward_job import Fleet, fleet_on
from tests.support.servers.redis_server import RedisServer


@pytest.fixture
async def fleet(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fleet]:
    redis_server.empty()
    monkeypatch.setenv("PSD_REDIS_URL", redis_server.url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")
    async with fleet_on(redis_server.url) as fleet:
        await fleet.drive(0, 1, "Smartcar")
        await fleet.drive(0, 2, "Tesla")
        await fleet.send("vehicle", vehicle=1, owner=42)
        await fleet.send("vehicle", vehicle=2, owner="0x" + "aB" * 20)
        yield fleet


async def run(*arguments: str, text: str | None = None) -> Result:
    return await commands.run("rewards", *arguments, text=text)


async def output(*arguments: str, text: str | None = None) -> str:
    return await commands.printed("rewards", *arguments, text=text)


async def rows(*arguments: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(await output("export", *arguments))))


async def test_calculate_prints_a_line_a_week(fleet: Fleet) -> None:
    assert await output("calculate", "0") == (
        "week 0  2 rows, 2 connected, 5,000 points, 1,105,000 tokens\n"
    )
    [line] = (await output("calculate", "0", "--json")).splitlines()
    assert msgspec.json.decode(line)["points"] == 5000


async def test_a_dry_run_tells_the_difference_in_points_levels_and_tokens(fleet: Fleet) -> None:
    assert (await output("calculate", "0", "--dry-run")).startswith("week 0 is new: 2 rows")
    await output("calculate", "0")
    assert await output("calculate", "0", "--dry-run") == "week 0: no difference\n"
    await fleet.drive(0, 1, "AutoPi")
    text = await output("calculate", "0", "--dry-run")
    assert "1 of 2 rows differ, +0 connected, +6,000 points" in text
    assert "vehicle 1: streak 1, 1,000 points -> streak 1, 7,000 points, 482,181.8181" in text


async def test_what_if_tries_other_tables(fleet: Fleet, tmp_path: Path) -> None:
    await output("calculate", "0")
    path = tmp_path / "tables.toml"
    path.write_text(shipped_tables().read_text("utf-8").replace("points = 4000", "points = 1000"))
    text = await output("what-if", "--conf", str(path), "--weeks", "0..0")
    assert "week 0: 1 of 2 rows differ, +0 connected, -3,000 points" in text
    assert "331,500 tokens gained, 331,500 lost" in text


@pytest.mark.parametrize("weeks", ["x", "3..1", "1...2", "-1..2"])
async def test_weeks_that_are_no_range_are_a_usage_error(fleet: Fleet, weeks: str) -> None:
    result = await run("what-if", "--conf", str(shipped_tables()), "--weeks", weeks)
    assert result.exit_code == 2


async def test_a_refused_week_exits_with_1_and_says_what_to_do(fleet: Fleet) -> None:
    result = await run("calculate", "5")
    assert result.exit_code == 1
    assert "--from 0" in result.stderr


async def test_an_export_is_paid_and_recorded_and_owes_nothing_then(
    fleet: Fleet, tmp_path: Path
) -> None:
    await output("calculate", "0")
    exported = await rows("0", "--due")
    assert {each["owner"] for each in exported} == {"42", "0x" + "ab" * 20}
    assert sum(int(each["tokens"]) for each in exported) == 1_105_000 * 10**18
    receipts = tmp_path / "receipts.csv"
    lines = [f"{each['vehicle']},{each['due']},batch-1" for each in exported]
    receipts.write_text("\n".join(["vehicle,tokens,request", *lines]))
    assert await output("paid", "0", str(receipts)) == "2 payouts recorded\n"
    await output("calculate", "0")
    assert await rows("0", "--due") == []
    [first, _] = (await output("export", "--format", "ndjson")).splitlines()
    assert msgspec.json.decode(first)["request"] == "batch-1"


HEADING = "vehicle,tokens,request\n"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("vehicle,tokens\n1,2\n", "line 1: no column 'request'"),
        (f"{HEADING}1,5,r\n2,-5,r\n", "line 3: tokens: '-5' is no whole number"),
        (f"{HEADING}1,5,r\n1,5,r\n", "line 3: vehicle: 1 stands twice"),
        (f'{HEADING}1,5,"r\n2,5,r\n', "line 2: row: a quote is opened and never closed"),
        (f"{HEADING}1,5,r\n2,4,420,000,r\n", "line 3: row: 5 cells under 3 columns"),
        (f"{HEADING}1,5,r\n2,4\n", "line 3: row: 2 cells under 3 columns"),
        ("vehicle,tokens,tokens,request\n1,5,6,r\n", "line 1: column 'tokens' stands twice"),
        ("vehicle,tokens,request,\n1,4,420,000\n", "line 2: row: a cell under a column without"),
        ("week,vehicle,tokens,request\n0,1,5,r\n5,2,5,r\n", "line 3: week: 5, but"),
        (f"{HEADING}1,5,r\n9,5,r\n", "line 3: vehicle: 9 has no row in week 0"),
        (f"{HEADING}1,5,r\n2,{10**25},r\n", "is more than the 884000000000000000000000 that"),
        (f"{HEADING}1,5,r\n2,4.2e21,r\n", "line 3: tokens: '4.2e21' is no whole number"),
        (f"{HEADING}1,5,r\n2,5,k\xf6ln\n", "line 3: row: not UTF-8 (byte 0xf6)"),
        (f"{HEADING}1,5,r\n2,5,{'x' * 200_000}\n", "line 3: row: longer than 131,072 bytes"),
        ("vehicle,tokens,request,owner\n1,5,r,43\n", "line 2: owner: '43' was paid, but '42'"),
        ("", "line 1: a line of column names is missing"),
    ],
)
async def test_a_wrong_receipt_is_refused_whole(
    fleet: Fleet, tmp_path: Path, lines: str, reason: str
) -> None:
    await output("calculate", "0")
    receipts = tmp_path / "receipts.csv"
    receipts.write_bytes(lines.encode("latin-1"))
    result = await run("paid", "0", str(receipts))
    assert result.exit_code == 1
    assert result.stderr.startswith("psd: line ")
    assert reason in result.stderr
    assert await fleet.psd.part(RewardsPart).ledger.payouts([1, 2, 9], 0) == {}


async def test_rows_of_an_export_are_receipts_and_again_change_nothing(
    fleet: Fleet, tmp_path: Path
) -> None:
    await output("calculate", "0")
    receipts = tmp_path / "receipts.csv"
    receipts.write_text("\ufeff" + await output("export", "0", "--due"), encoding="utf-8")
    assert await output("paid", "0", str(receipts)) == "2 payouts recorded\n"
    before = await fleet.psd.part(RewardsPart).ledger.payouts([1, 2], 0)
    said = await output("paid", "0", str(receipts))
    assert said == "0 payouts recorded, 2 were recorded before\n"
    receipts.write_text(await output("export", "0"), encoding="utf-8")
    assert (await output("paid", "0", str(receipts))).startswith("0 payouts recorded")
    assert await fleet.psd.part(RewardsPart).ledger.payouts([1, 2], 0) == before
    assert await rows("0", "--due") == []


async def test_what_nobody_was_to_be_paid_is_no_receipt(fleet: Fleet, tmp_path: Path) -> None:
    await output("calculate", "0")
    await output("blacklist", "add", "42", "--note", "stolen")
    receipts = tmp_path / "receipts.csv"
    receipts.write_text(await output("export", "0"))
    result = await run("paid", "0", str(receipts))
    assert result.exit_code == 1
    assert "tokens: 221000000000000000000000, but paid and due make 0" in result.stderr
    assert await fleet.psd.part(RewardsPart).ledger.payouts([1, 2], 0) == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,20,run-9", "tokens: 20 is less than the 500 that were recorded before"),
        ("1,500,run-9", "request: 'run-9', but 'run-8' paid these tokens"),
    ],
)
async def test_what_contradicts_an_earlier_receipt_needs_to_be_called_a_correction(
    fleet: Fleet, tmp_path: Path, line: str, reason: str
) -> None:
    await output("calculate", "0")
    receipts = tmp_path / "receipts.csv"
    receipts.write_text(f"{HEADING}1,500,run-8\n")
    assert await output("paid", "0", str(receipts)) == "1 payouts recorded\n"
    receipts.write_text(f"{HEADING}2,7,run-9\n{line}\n")
    result = await run("paid", "0", str(receipts))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"psd: line 3: {reason}")
    kept = await fleet.psd.part(RewardsPart).ledger.payouts([1, 2], 0)
    assert [(each.vehicle, each.tokens) for each in kept.values()] == [(1, "500")]
    assert await output("paid", "0", str(receipts), "--correction") == "2 payouts recorded\n"
    kept = await fleet.psd.part(RewardsPart).ledger.payouts([1, 2], 0)
    assert {each.request for each in kept.values()} == {"run-9"}


async def test_the_blacklist_keeps_the_first_note_and_takes_nothing_from_points(
    fleet: Fleet,
) -> None:
    address = "0x" + "AB" * 20
    assert await output("blacklist", "add", address, "--note", "a", "--author", "ann") == "added\n"
    assert "first note stays" in await output("blacklist", "add", address, "--note", "b")
    assert "ann: a" in await output("blacklist", "ls")
    await output("calculate", "0")
    by_vehicle = {each["vehicle"]: each for each in await rows("0")}
    assert (by_vehicle["2"]["due"], by_vehicle["2"]["barred"]) == ("0", "a")
    assert by_vehicle["2"]["points"] == "4000"
    assert await output("blacklist", "rm", address) == "removed\n"
    assert (await run("blacklist", "rm", address)).exit_code == 1


async def test_an_override_is_set_listed_and_taken_back(fleet: Fleet) -> None:
    await output("override", "set", "1", "--week", "0", "--streak", "5", "--note", "n")
    assert "week 0  vehicle 1  streak 5" in await output("override", "ls")
    await output("calculate", "0")
    assert (await fleet.row(0, 1)).streak_points == 1000
    assert await output("override", "rm", "1", "--week", "0") == "removed\n"
    assert (await run("override", "rm", "1", "--week", "0")).exit_code == 1
    await output("calculate", "0")
    assert (await fleet.row(0, 1)).streak_points == 0


async def test_an_unknown_week_has_nothing_to_export(fleet: Fleet) -> None:
    assert "none was computed yet" in (await run("export")).stderr
    await output("calculate", "0")
    assert "week: 7 was never computed" in (await run("export", "7")).stderr

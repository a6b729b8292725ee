"""``psd rewards statement``, ``history`` and ``weeks`` on a store with computed weeks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from click.testing import Result

from psd.rewards.keys import rewards_key
from psd.rewards.part import RewardsPart
from psd.rewards.week_results import ENCODE, WeekStatus
from tests.support.processes import commands
from tests.support.rewards.reward_weeks import Served, weeks_served

ADDRESS = "0x" + "aB" * 20


@pytest.fixture
async def served(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """Vehicle 7 of owner 42 was on in weeks 0 and 1, vehicle 8 of an address in week 0."""
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")
    async with weeks_served(redis_url, now_week=3) as served:
        await served.describe(7, owner=42, integrations=["Tesla"])
        await served.describe(8, owner=ADDRESS)
        await served.drive_in(7, "Tesla", 0, 1)
        await served.drive_in(8, "Smartcar", 0)
        await served.compute(1)
        yield served


async def run(*arguments: str, text: str | None = None) -> Result:
    return await commands.run("rewards", *arguments, text=text)


async def output(*arguments: str, text: str | None = None) -> str:
    return await commands.printed("rewards", *arguments, text=text)


async def lines(*arguments: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in (await output(*arguments)).splitlines()]


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


async def test_a_statement_reads_as_a_table_with_a_reason_a_number(served: Served) -> None:
    await served.psd.part(RewardsPart).ledger.override(1, 7, 12, "case [981]", "alice")
    await served.compute(1)
    text = await output("statement", "7")
    assert text.startswith("vehicle 7, week 1: 2022-02-07T05:00:00Z to 2022-02-14T05:00:00Z\n")
    table = words(text)
    override = "Set by hand to 12 by alice: case [981]."
    assert ["connection", "streak", "12", *override.split()] in table
    assert ["tokens", "1,105,000"] in [row[:2] for row in table]
    assert ["Tesla", "yes", "yes", "1", *["2022-02-07T06:00:00Z"] * 2] in table
    assert f"by tables 2022-seed ({served.psd.part(RewardsPart).tables.digest})" in text
    assert "calculate" not in text
    await served.drive_in(8, "Tesla", 0)
    assert "psd rewards calculate" in await output("statement", "7")


async def test_a_statement_as_json_is_that_of_the_http_api(served: Served) -> None:
    for week in (0, 1):
        [found] = await lines("statement", "8", "--week", str(week), "--json")
        assert found == await served.ok(f"/v3/vehicles/8/statement?week={week}")


@pytest.mark.parametrize("arguments", [("99",), ("7", "--week", "2"), ("7", "--week", "-1")])
async def test_what_has_no_statement_is_one_line_and_exit_code_1(
    served: Served, arguments: tuple[str, ...]
) -> None:
    result = await run("statement", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1


async def test_a_history_has_a_line_a_week(served: Served) -> None:
    assert words(await output("history", "42")) == [
        ["week", "start", "points", "tokens"],
        ["1", "2022-02-07T05:00:00Z", "4,000", "1,105,000"],
        ["0", "2022-01-31T05:00:00Z", "4,000", "884,000"],
    ]
    assert (await lines("history", ADDRESS, "--json"))[1] == {
        "week": 0,
        "start": "2022-01-31T05:00:00Z",
        "end": "2022-02-07T05:00:00Z",
        "points": 1000,
        "tokens": "221000000000000000000000",
    }


async def test_an_owner_without_weeks_has_an_empty_history(served: Served) -> None:
    result = await run("history", "77")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no vehicle has a week yet" in result.stderr
    assert await lines("history", "77", "--json") == []


async def test_weeks_tells_the_numbers_and_the_state_of_each(served: Served) -> None:
    failed = ENCODE(WeekStatus("Failed", served.clock.now_s(), "redis: gone"))
    await served.psd.store.writes.call(("HSET", rewards_key("status"), 2, failed))
    await served.drive_in(8, "Tesla", 1)
    table = words(await output("weeks"))
    assert table[1][:6] == ["2", "2022-02-14", "2022-02-21", "Failed:", "redis:", "gone"]
    assert " ".join(table[2]) == (
        "1 2022-02-07 2022-02-14 Finished 2022-seed 2 1 4,000 1,105,000 1,105,000 1/0/0/0 1 "
        "2022-02-21T07:00:00Z"
    )
    two, one, zero = await lines("weeks", "--json")
    assert (two["status"], two["reason"], two["points"]) == ("Failed", "redis: gone", None)
    assert (one["dirty"], zero["dirty"]) == (1, 0)
    assert (zero["vehicles"], zero["connected"], zero["levels"]) == (2, 2, [2, 0, 0, 0])
    assert zero["pool"] == zero["tokens"] == "1105000000000000000000000"
    assert zero["digest"] == served.psd.part(RewardsPart).tables.digest


async def test_a_narrow_terminal_cuts_nothing_off(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    text = await output("statement", "7")
    assert "…" not in text
    assert "\x1b[" in text


@pytest.mark.parametrize(
    ("name", "field", "commands"),
    [
        ("weeks", "1", (["weeks"], ["statement", "7"], ["calculate", "1"])),
        ("status", "1", (["weeks"],)),
        ("blacklist", "42", (["blacklist", "ls"],)),
        ("overrides", "1:7", (["calculate", "2"],)),
    ],
)
async def test_what_is_kept_and_cannot_be_read_is_told_and_no_traceback(
    served: Served, name: str, field: str, commands: tuple[list[str], ...]
) -> None:
    await served.psd.store.client.hset(rewards_key(name), field, '{"week":1,"gen')
    for command in commands:
        result = await run(*command)
        assert result.exit_code == 1, (command, result.output, result.exception)
        assert isinstance(result.exception, SystemExit), command
        assert "that is kept is none" in result.stderr, result.stderr

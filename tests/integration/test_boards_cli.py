"""``psd boards``: made, filled from a file, looked at and declared final on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from psd.runtime import Runtime
from tests.support.engine import DAY_S, book, report, second
from tests.support.processes import commands

START_S = second("2016-04-12 00:00:00")
CUP = ("--thing", "steps", "--start", "2016-04-12", "--end", "2016-04-19")
ROUNDS = ("--round", "2016-04-13/2016-04-14", "--round", "2016-04-14/2016-04-15")


@pytest.fixture(autouse=True)
def environment(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the store of the runtime."""
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")


async def run(*arguments: str, text: str | None = None) -> Result:
    return await commands.run("boards", *arguments, text=text)


async def output(*arguments: str, text: str | None = None) -> str:
    return await commands.printed("boards", *arguments, text=text)


async def json_of(*arguments: str) -> Any:
    return await commands.json_of("boards", *arguments)


async def rows(*arguments: str) -> list[dict[str, str]]:
    return await commands.rows_of("boards", *arguments)


async def steps(runtime: Runtime, uid: int, value: int, second_s: int) -> None:
    assert await book(runtime, [report(value, second_s, uid=uid)]) == ["booked"]


async def test_a_board_is_made_shown_changed_and_taken_away(runtime: Runtime) -> None:
    assert (await output("ls")).split() == ["name", "thing", "window", "rounds", "members", "title"]
    assert await output("create", "april", *CUP, "--title", "April cup") == "april: made\n"
    result = await run("create", "april", *CUP)
    assert (result.exit_code, "there already" in result.stderr) == (1, True)
    shown = await output("show", "april")
    assert "window   2016-04-12 to 2016-04-19" in shown
    assert "atids    all" in shown
    edited = await output(
        "edit", "april", "--every", "month", "--tz", "Europe/Berlin", "--atid", "7", *ROUNDS,
        "--order", "2,1",
    )  # fmt: skip
    assert edited == "april: revision 2\n"
    found = await json_of("show", "april")
    assert found["window"] == {"kind": "calendar", "every": "month", "tz": "Europe/Berlin"}
    assert (found["title"], found["atid"], found["rounds"]["order"]) == (
        "April cup", ["7"], ["2", "1"]
    )  # fmt: skip
    assert "seeded by  order 2, 1" in await output("show", "april")
    await output("edit", "april", "--no-rounds", "--rolling", "60", "--ties", "dense")
    [listed] = await rows("ls")
    assert (listed["name"], listed["ties"], listed["rounds"]) == ("april", "dense", "")
    assert "last 60 s" in await output("ls")
    assert await output("rm", "april") == "april: gone\n"
    assert (await run("show", "april")).exit_code == 1


async def test_two_forms_at_once_declare_nothing(runtime: Runtime) -> None:
    await steps(runtime, 1, 100, START_S + 9)
    await output("create", "cup", *CUP)
    await output("members", "add", "cup", "1")
    asked = ("final", "cup", "--declare", "--as-of", "2016-04-15", "--json", "--csv")
    refused = await run(*asked)
    assert (refused.exit_code, "--json and --csv contradict each other" in refused.stderr) == (
        2,
        True,
    )
    assert (await run("final", "cup")).exit_code == 1


async def test_what_contradicts_itself_is_a_usage_error(runtime: Runtime) -> None:
    await output("create", "a", *CUP)
    for arguments in (
        ("create", "b", "--thing", "steps"),
        ("create", "b", *CUP, "--rolling", "5"),
        ("create", "b", "--thing", "steps", "--start", "2016-04-12"),
        ("create", "b", *CUP, "--tz", "UTC"),
        ("create", "b", *CUP, "--seeded-by", "a"),
        ("create", "b", *CUP, "--round", "2016-04-12"),
        ("edit", "a"),
        ("edit", "a", *ROUNDS, "--no-rounds"),
        ("members", "rm", "a"),
        ("members", "rm", "a", "1", "--all"),
        ("standing", "a", "--json", "--csv"),
        ("bracket", "a", "--limit", "5"),
        ("final", "a", "--again"),
    ):
        assert (await run(*arguments)).exit_code == 2, arguments
    for arguments in (
        ("create", "B", *CUP),
        ("create", "b", "--thing", "floors", "--rolling", "5"),
        ("create", "b", "--thing", "steps", "--start", "x", "--end", "y"),
        ("members", "add", "a", "+7"),
        ("bracket", "a"),
    ):
        result = await run(*arguments)
        assert (result.exit_code, result.stderr[:5]) == (2, "psd: "), arguments
    for arguments in (
        ("edit", "none", "--title", "x"),
        ("standing", "none"),
        ("final", "a"),
    ):
        result = await run(*arguments)
        assert (result.exit_code, result.stderr[:5]) == (1, "psd: "), arguments


async def test_members_come_one_by_one_and_by_file(runtime: Runtime, tmp_path: Path) -> None:
    await output("create", "a", *CUP)
    assert await output("members", "add", "a", "7", "-9") == "a: 2 added, 0 removed, 2 members\n"
    file = tmp_path / "users.csv"
    file.write_text("uid,name\n" + "".join(f"{uid},x\n" for uid in range(15_000)))
    imported = await output("members", "import", "a", str(file))
    assert imported == "a: 14999 added, 0 removed, 15001 members\n"
    assert await output("members", "rm", "a", "7", "8") == "a: 0 added, 2 removed, 14999 members\n"
    replaced = await output("members", "import", "a", "-", "--replace", text="2\n1\n")
    assert replaced == "a: 0 added, 14997 removed, 2 members\n"
    assert await output("members", "ls", "a") == "1\n2\n"
    assert await json_of("members", "ls", "a") == ["1", "2"]
    assert [row["uid"] for row in await rows("members", "ls", "a")] == ["1", "2"]
    file.write_text("1\n2\n+3\n")
    assert (await run("members", "import", "a", str(file), "--replace")).exit_code == 1
    assert await output("members", "ls", "a") == "1\n2\n"
    assert await output("members", "rm", "a", "--all") == "a: 0 added, 2 removed, 0 members\n"
    assert await output("members", "ls", "a") == ""


@pytest.mark.parametrize("replace", [(), ("--replace",)])
@pytest.mark.parametrize(("count", "rounds"), [(100_500, ()), (5000, ROUNDS)])
async def test_a_file_of_too_many_members_changes_nothing(
    runtime: Runtime,
    tmp_path: Path,
    count: int,
    rounds: tuple[str, ...],
    replace: tuple[str, ...],
) -> None:
    await output("create", "a", *CUP, *rounds)
    await output("members", "add", "a", "7", "8")
    file = tmp_path / "users.txt"
    file.write_text("".join(f"{uid}\n" for uid in range(count)))
    result = await run("members", "import", "a", str(file), *replace)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "members would be on it, at most" in result.stderr
    assert await output("members", "ls", "a") == "7\n8\n"


@pytest.mark.parametrize("count", [3, 5000, 15_000])
async def test_a_file_takes_the_place_of_all_members(
    runtime: Runtime, tmp_path: Path, count: int
) -> None:
    await output("create", "a", *CUP)
    await output("members", "add", "a", "0", "-1", "-2")
    file = tmp_path / "users.txt"
    file.write_text("".join(f"{uid}\n" for uid in range(count)))
    for added, removed in ((count - 1, 2), (0, 0)):
        said = await output("members", "import", "a", str(file), "--replace")
        assert said == f"a: {added} added, {removed} removed, {count} members\n"
    assert await output("members", "ls", "a") == file.read_text()


async def test_an_empty_file_does_not_empty_a_board(runtime: Runtime) -> None:
    await output("create", "a", *CUP)
    await output("members", "add", "a", "7")
    result = await run("members", "import", "a", "-", "--replace", text="uid\n\n")
    assert (result.exit_code, result.stderr[:20]) == (1, "psd: file: no uids; ")
    assert await output("members", "ls", "a") == "7\n"


async def test_a_standing_is_a_table_csv_or_json(runtime: Runtime) -> None:
    await output("create", "a", *CUP)
    await output("members", "add", "a", "1", "2")
    await steps(runtime, 1, 5, START_S)
    await steps(runtime, 2, 7000, START_S + DAY_S)
    table = await output("standing", "a")
    assert table.splitlines()[1].split() == ["1", "2", "7,000", "2016-04-13T00:00:00Z", "50"]
    assert table.splitlines()[-1] == "2016-04-12T00:00:00Z to 2016-04-19T00:00:00Z, 2 members"
    compared = await output("standing", "a", "--compare-to", "2016-04-12T12:00:00Z")
    assert compared.splitlines()[1].split()[-3:] == ["2", "+1", "+7,000"]
    berlin = ("--as-of", "2016-04-13", "--tz", "Europe/Berlin", "--json")
    assert '"end":"2016-04-12T22:00:00Z"' in await output("standing", "a", *berlin)
    page = await output("standing", "a", "--limit", "1", "--as-of", str(START_S + 1))
    assert page.splitlines()[1].split()[:3] == ["1", "1", "5"]
    assert page.splitlines()[-1].startswith("more: --cursor ")
    assert [row["uid"] for row in await rows("standing", "a")] == ["2", "1"]
    assert (await json_of("standing", "a", "--around", "1", "--span", "0"))["data"][0]["rank"] == 2


async def test_a_bracket_and_a_final_are_printed(runtime: Runtime) -> None:
    await output("create", "cup", *CUP, *ROUNDS)
    await output("members", "add", "cup", "1", "2", "3")
    await steps(runtime, 1, 5, START_S)
    await steps(runtime, 3, 70, START_S + DAY_S)
    await steps(runtime, 1, 3, START_S + 2 * DAY_S)
    await steps(runtime, 3, 9, START_S + 2 * DAY_S)
    lines = (await output("bracket", "cup")).splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["1", "over", "1", "1", "-", "bye", "1"],
        ["2", "2", "0", "3", "3", "70", "3"],
        ["2", "over", "1", "1", "3", "3", "3", "9", "3"],
    ]
    assert lines[-1].endswith("seeded by board cup, champion: 3")
    early = await output("bracket", "cup", "--as-of", str(START_S + DAY_S + 9))
    assert "1 under way" in early
    assert "(3)" in early
    assert early.splitlines()[-1].endswith("champion: nobody yet")
    assert [row["winner"] for row in await rows("bracket", "cup")] == ["1", "3", "3"]
    assert (await json_of("bracket", "cup"))["champion"] == "3"
    declared = await output("final", "cup", "--declare", "--as-of", "2016-04-15")
    assert "champion: 3" in declared
    await steps(runtime, 2, 90, START_S + DAY_S)
    final = await output("final", "cup")
    assert "now 2: rank 3 -> 1, value 0 -> 90" in final
    assert "now round 1, match 2: 3 -> 2" in final
    assert (await run("final", "cup", "--declare")).exit_code == 1
    await output("final", "cup", "--declare", "--again")
    assert (await json_of("final", "cup"))["champion"] == "1"

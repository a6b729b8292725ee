"""``psd sum | series | top | around | compare | activities | watch``: how answers are printed."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys

import pytest

from psd.queries.boards.board_windows import FixedWindow
from psd.queries.boards.definitions import Definition
from psd.runtime import Runtime
from tests.support.clients.access import asked_of
from tests.support.clients.client_side import ADMIN
from tests.support.engine import DAY_S, NOON_S, book, report
from tests.support.processes.commands import json_of, lines_of, rows_of, run

MIDNIGHT_S = NOON_S - DAY_S // 2
DAY = ("--start", "2016-04-12", "--end", "2016-04-13")

pytestmark = pytest.mark.psd(asked_of(ADMIN), archives=False)


async def test_sums_are_a_row_for_each_user_and_thing() -> None:
    asked = ("sum", "steps,calories", "1", "2", *DAY)
    assert [line.split() for line in await lines_of(*asked)] == [
        ["uid", "thing", "sum"],
        ["1", "steps", "50"],
        ["1", "calories", "7"],
        ["2", "steps", "40"],
        ["2", "calories", "0"],
    ]
    document = await json_of(*asked)
    assert [row["sum"] for row in document["data"]] == [50, 7, 40, 0]
    assert document["range"]["start"] == "2016-04-12T00:00:00Z"
    assert (await rows_of(*asked))[0] == {"uid": "1", "thing": "steps", "sum": "50"}
    aggregates = ("--aggregates", "count,first,avg,sum", "--every", "hour")
    assert (await lines_of("sum", "steps", "-3", "9", *DAY, *aggregates))[1:] == [
        "  -3  steps      1  2016-04-12T12:01:00Z  0.83   20",
        "   9  steps      0                     -  0.00    0",
    ]
    assert (await json_of("sum", "steps", "2", "--as-of", str(NOON_S + 60)))["data"][0]["sum"] == 30
    assert (await json_of("sum", "steps", "2", "--atid", "8"))["data"][0]["sum"] == 0


async def test_a_series_is_a_table_a_sparkline_or_bars() -> None:
    asked = ("series", "steps", "1", "2", "--every", "hour", "--tz", "Europe/Berlin")
    between = ("--start", "2016-04-12T11:00:00Z", "--end", "2016-04-12T15:00:00Z")
    assert await lines_of(*asked, *between) == [
        " start                   thing  sum",
        " 2016-04-12 13:00+02:00  steps    0",
        " 2016-04-12 14:00+02:00  steps   80",
        " 2016-04-12 15:00+02:00  steps   10",
        " 2016-04-12 16:00+02:00  steps    0",
    ]
    assert await lines_of(*asked, *between, "--sparkline") == ["steps  ▁█▂▁  0 to 80"]
    assert (await lines_of(*asked, *between, "--bars"))[2:4] == [
        " 2016-04-12 14:00+02:00  steps   80  ████████████████████",
        " 2016-04-12 15:00+02:00  steps   10  ██▌",
    ]
    grouped = (*asked, *between, "--by", "uid", "--fill", "null", "--sparkline")
    assert await lines_of(*grouped) == ["steps 1   █    50 to 50", "steps 2   █▃   10 to 30"]
    grouped = (*asked, *between, "--by", "atid", "--fill", "none")
    assert [row["atid"] for row in await rows_of(*grouped)] == ["2", "2"]
    assert len((await json_of(*asked, *between))["data"]) == 4


async def test_a_day_of_a_zone_is_a_date() -> None:
    asked = ("series", "steps", "1", "--tz", "Europe/Berlin")
    assert await lines_of(*asked, "--start", "2016-04-12", "--end", "2016-04-14") == [
        " start       thing  sum",
        " 2016-04-12  steps   50",
        " 2016-04-13  steps    0",
    ]
    days = ("--start", "2016-03-27", "--end", "2016-03-28")
    assert await lines_of(*asked, *days, "--every", "hour", "--sparkline") == [
        f"steps  {'▁' * 23}  0 to 0"
    ]


async def test_a_part_of_a_unit_says_so_in_every_form() -> None:
    asked = ("series", "steps", "1", "--tz", "Europe/Berlin", "--end", "2016-04-13T01:00")
    asked += ("--start", "2016-04-11T12:00:00Z")
    assert await lines_of(*asked) == [
        " start                   thing  sum  part",
        " 2016-04-11 14:00+02:00  steps    0  to 2016-04-12",
        " 2016-04-12              steps   50",
        " 2016-04-13              steps    0  to 2016-04-13 01:00+02:00",
    ]
    document = await json_of(*asked)
    assert [row.get("partial") for row in document["data"]] == [True, None, True]
    assert [row["partial"] for row in await rows_of(*asked)] == ["true", "false", "true"]


async def test_dates_of_boards_and_activities_are_of_the_zone() -> None:
    berlin, noon = ("--tz", "Europe/Berlin"), ("--end", "2016-04-12T14:02")
    for asked in (("top", "steps"), ("activities", "1"), ("sum", "steps", "1")):
        found = await json_of(*asked, *berlin, "--start", "2016-04-12", *noon)
        assert found["range"] == {"start": "2016-04-11T22:00:00Z", "end": "2016-04-12T12:02:00Z"}
    compared = ("--compare-to", "2016-04-11/2016-04-12")
    found = await json_of("compare", "steps", *berlin, *compared, "--start", "2016-04-12")
    assert found["previous_range"]["start"] == "2016-04-10T22:00:00Z"


async def test_a_board_is_printed_from_the_top_and_around_somebody() -> None:
    assert [line.split() for line in await lines_of("top", "steps", "--limit", "2", "--bars")] == [
        ["rank", "uid", "value", "percentile", "reached"],
        ["1", "1", "50", "66.7", "2016-04-12T12:00:00Z", "█" * 20],
        ["2", "2", "40", "33.3", "2016-04-12T13:00:00Z", "█" * 16],
    ]
    assert [row["uid"] for row in await rows_of("top", "steps", "--uid", "2", "--uid", "-3")] == [
        "2", "-3"
    ]  # fmt: skip
    earlier = await json_of("top", "steps", "--as-of", "2016-04-12T12:30:00Z", "--ties", "dense")
    assert [row["value"] for row in earlier["data"]] == [50, 30, 20]
    around = await lines_of("around", "steps", "-3", "--span", "1")
    assert [line.split()[:3] for line in around[1:]] == [["2", "2", "40"], [">", "3", "-3"]]


async def test_a_page_tells_on_stderr_how_to_go_on() -> None:
    result = await run("top", "steps", "--limit", "2")
    cursor = result.stderr.removeprefix("more: --cursor ").strip()
    rest = await run("top", "steps", "--limit", "2", "--cursor", cursor)
    assert [line.split()[:2] for line in rest.stdout.splitlines()[1:]] == [["3", "-3"]]
    assert rest.stderr == ""
    assert (await run("top", "steps", "--limit", "2", "--json")).stderr == ""


async def test_a_named_board_brings_its_own_thing(runtime: Runtime) -> None:
    window = FixedWindow(MIDNIGHT_S, MIDNIGHT_S + DAY_S)
    april = Definition(thing="steps", window=window)
    await runtime.boards.put("april", april, "me", members=[1, 2])
    assert [row["uid"] for row in await rows_of("top", "--board", "april")] == ["1", "2"]
    assert [
        row["uid"] for row in await rows_of("around", "2", "--board", "april", "--span", "0")
    ] == ["2"]
    result = await run("top", "--board", "may")
    assert (result.exit_code, result.stderr) == (1, "psd: board: 'may' is not known\n")


async def test_who_overtook_whom_has_arrows(runtime: Runtime) -> None:
    await book(runtime, [report(99, NOON_S + 7200, uid=-3, aid=9)])
    asked = ("compare", "steps", "--compare-to", "2016-04-12T13:30:00Z", *DAY)
    assert [line.split() for line in await lines_of(*asked)] == [
        ["rank", "change", "uid", "value", "was", "difference"],
        ["1", "▲2", "-3", "119", "3", "+99"],
        ["2", "▼1", "1", "50", "1", "+0"],
        ["3", "▼1", "2", "40", "2", "+0"],
    ]
    other = ("compare", "steps", "--compare-to", "2016-04-12/2016-04-12T12:00:10Z", "--limit", "1")
    assert (await json_of(*other, *DAY))["data"][0]["value_change"] == 119
    assert (await rows_of(*asked))[0]["rank_change"] == "2"


async def test_activities_are_listed_withdrawn_and_audited() -> None:
    assert [line.split() for line in await lines_of("activities", "1", *DAY)] == [
        ["aid", "atid", "steps", "calories", "bookings", "first", "last"],
        ["1", "2", "50", "7", "2", "2016-04-12T12:00:00Z", "2016-04-12T12:00:00Z"],
    ]
    flat = await rows_of("activities", "1")
    assert [(row["thing"], row["sum"]) for row in flat] == [("steps", "50"), ("calories", "7")]
    assert [row["aid"] for row in await rows_of("activities", "2", "--limit", "1")] == ["1"]
    result = await run("activities", "1", "--withdraw", "1", "--note", "counted twice")
    assert (result.exit_code, result.stderr) == (0, "activity 1 of user 1: withdrawn\n")
    assert result.stdout.split()[:8] == [
        "thing", "atid", "sum", "bookings", "first", "last", "steps", "2"
    ]  # fmt: skip
    assert (await json_of("activities", "1"))["data"] == []
    audit = await lines_of("activities", "1", "--audit")
    assert audit[1].split()[1:] == ["1", "app", "50", "steps,", "7", "calories", "counted", "twice"]
    again = await run("activities", "1", "--withdraw", "1")
    assert again.stderr == "activity 1 of user 1: unchanged\n"


async def test_a_board_is_watched_as_a_table_and_as_documents() -> None:
    told = await lines_of("watch", "steps", *DAY, "--looks", "2", "--every-s", "0.1")
    assert [line.split() for line in told] == [
        ["rank", "moved", "uid", "value", "gained"],
        ["1", "new", "1", "50", "="],
        ["2", "new", "2", "40", "="],
        ["3", "new", "-3", "20", "="],
    ]
    document = await json_of("top", "steps", *DAY, "--watch", "--looks", "1")
    assert [row["value"] for row in document["data"]] == [50, 40, 20]


def on_a_terminal(*arguments: str) -> str:
    """What a person sees, 100 columns wide."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "psd", *arguments],
        stdout=follower,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        os.close(follower)
        found = bytearray()
        try:
            while chunk := os.read(leader, 4096):
                found += chunk
        except OSError:
            # Linux says so when the last writer has gone.
            pass
        assert process.wait() == 0, process.stderr and process.stderr.read()
    os.close(leader)
    return found.decode().replace("\r\n", "\n")


async def test_a_person_sees_a_sparkline_and_bars() -> None:
    series = ("series", "steps", "1", "2", "--every", "hour", *DAY)
    shown = await asyncio.to_thread(on_a_terminal, *series)
    assert shown.splitlines()[0] == "steps  ▁▁▁▁▁▁▁▁▁▁▁▁█▂▁▁▁▁▁▁▁▁▁▁  0 to 80"
    assert "2016-04-12 12:00+00:00" in shown
    shown = await asyncio.to_thread(on_a_terminal, "top", "steps")
    assert "█" * 20 in shown
    assert "─" in shown

"""The README's curl lines answer as it says, on the sample that `make run` loads."""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.support.processes.psd_up import Fetched, fetch, psd_up
from tests.support.waiting import wait_until

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CURL_LINES = re.findall(r"^curl .*$", README, re.MULTILINE)
ORIGINALS = [line for line in CURL_LINES if "/v3/" not in line]
SAMPLE_TIMEOUT_S = 60.0


def run_curl(line: str, url: str) -> Fetched:
    """Do what a curl line asks for, at ``url`` instead of the line's own address."""
    words = shlex.split(line)
    body = words[words.index("-d") + 1] if "-d" in words else None
    path = words[-1].removeprefix("localhost:1155")
    return fetch(url + path, None if body is None else body.encode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where psd listens, with the sample loaded."""
    folder = tmp_path_factory.mktemp("readme")
    async with psd_up([sys.executable, "-m", "psd"], folder, "--sample") as address:
        await wait_until(
            "the sample's first sum is there",
            lambda: run_curl(ORIGINALS[0], address).text == "13158",
            SAMPLE_TIMEOUT_S,
        )
        yield address


def test_v3_comes_first_and_then_ten_lines_of_the_originals() -> None:
    assert CURL_LINES[-10:] == ORIGINALS
    assert len(CURL_LINES) == 15


async def test_the_first_line_of_v3_answers_the_steps_that_the_readme_tells(url: str) -> None:
    told = re.search(r"The first answers (\d+) steps", README)
    assert told
    [row] = msgspec.json.decode(run_curl(CURL_LINES[0], url).text)["data"]
    assert row == {"uid": "1503960366", "thing": "steps", "sum": int(told[1])}


@pytest.mark.parametrize("line", CURL_LINES)
async def test_a_line_is_answered(url: str, line: str) -> None:
    answer = run_curl(line, url)
    assert answer.status in {200, 202}, answer


async def test_the_first_two_sums_are_those_that_the_readme_tells(url: str) -> None:
    told = re.search(r"The first answers `(\d+)`, the second `(\d+)`", README)
    assert told
    assert [run_curl(line, url).text for line in ORIGINALS[:2]] == [told[1], told[2]]


async def test_several_users_and_things_are_answered_together(url: str) -> None:
    users = run_curl(ORIGINALS[2], url).text
    assert msgspec.json.decode(users) == {"1503960366": 13158, "1624580081": 8163}


async def test_the_written_report_and_the_enqueued_count_can_be_read(url: str) -> None:
    assert run_curl(ORIGINALS[6], url).text == "ok"
    assert fetch(f"{url}/v1/query/7/steps/2/1460419200/1460419260").text == "90"
    run_curl(ORIGINALS[7], url)
    await wait_until("the count is booked", lambda: run_curl(ORIGINALS[8], url).text == "1")


async def test_the_commands_ask_the_server_that_the_lines_ask(url: str) -> None:
    commands = re.findall(r"^psd (?:top|series) .*$", README, re.MULTILINE)
    assert len(commands) == 2
    for line in commands:
        words = [sys.executable, "-m", "psd", *shlex.split(line)[1:], "--url", url]
        done = await asyncio.to_thread(
            subprocess.run, words, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert "1503960366" in done.stdout or "13158" in done.stdout.replace(",", "")


async def test_the_picture_shows_sums_that_psd_answers(url: str) -> None:
    def steps(start: int, end: int) -> str:
        return fetch(f"{url}/v1/query/1503960366/steps/all/{start}/{end}").text

    picture = README.partition("## How a sum is made")[2].partition("##")[0]
    april, may, june = 1_459_468_800, 1_462_060_800, 1_464_739_200
    shown = {
        "2016 ": steps(1_451_606_400, 1_483_228_799),
        "2016-04 ": steps(april, may - 1),
        "2016-05 ": steps(may, june - 1),
        "2016-04-12 ": steps(1_460_419_200, 1_460_505_599),
        "2016-04-13 ": steps(1_460_505_600, 1_460_591_999),
        "week 15": steps(1_460_332_800, 1_460_937_599),
    }
    for label, total in shown.items():
        assert re.search(rf"{label}.*\b{total}\b", picture), (label, total)
    assert f"=  {steps(1_460_422_800, june - 1)}" in picture

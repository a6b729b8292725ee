"""The real sample, loaded by ``psd up --sample`` through the queue, against plain summation."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import random
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from psd.config_sources import load_settings
from psd.engine.plan import Range
from psd.runtime import Runtime, open_runtime
from tests.support.processes.psd_up import fetch, psd_up
from tests.support.waiting import wait_until

FILE = Path(__file__).parents[2] / "examples" / "fitbit_hourly_steps.csv"
STEPS = 1
DAY_S = 86_400
RANGES = 10_000
HTTP_RANGES = 300
IN_ONE_CALL = 500

pytestmark = pytest.mark.asyncio(loop_scope="module")

Rows = dict[int, list[tuple[int, int]]]


def read_file() -> Rows:
    """Second and steps of every row, by user."""
    rows: Rows = {}
    with FILE.open(newline="") as file:
        for row in csv.DictReader(file):
            text = f"{row['ActivityHour']} +0000"
            second = int(dt.datetime.strptime(text, "%m/%d/%Y %H:%M %z").timestamp())
            rows.setdefault(int(row["Id"]), []).append((second, int(row["StepTotal"])))
    return rows


ROWS = read_file()
FIRST_S = min(second for rows in ROWS.values() for second, _ in rows)
LAST_S = max(second for rows in ROWS.values() for second, _ in rows)


def plain_sum(uid: int, range_: Range) -> int:
    """Every row of the user that lies in the range, added up."""
    return sum(steps for second, steps in ROWS[uid] if range_.start <= second < range_.end)


def random_question(chance: random.Random) -> tuple[int, Range]:
    """A user and two seconds around the data, in order; one time in four exactly on an hour."""
    uid = chance.choice(sorted(ROWS))
    start, end = sorted(chance.randint(FIRST_S - DAY_S, LAST_S + DAY_S) for _ in range(2))
    if chance.random() < 0.25:
        start -= start % 3600
        end -= end % 3600 - chance.choice((0, 1))
    return uid, Range(start, end)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A running psd that holds the sample."""
    folder = tmp_path_factory.mktemp("up")
    async with psd_up([sys.executable, "-m", "psd"], folder, "--sample") as address:
        output = folder / "psd-up.txt"
        await wait_until("the sample is loaded", lambda: "Try:" in output.read_text(), 60)
        yield address


@pytest.fixture(scope="module")
def folder(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that psd runs."""
    return next(tmp_path_factory.getbasetemp().glob("up*"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(folder: Path) -> AsyncIterator[Runtime]:
    """An engine over the store of that psd, from the settings that it left for others."""
    runtime = await open_runtime(load_settings(folder / "data" / "psd.toml").settings)
    try:
        yield runtime
    finally:
        await runtime.close()


async def sums(runtime: Runtime, questions: list[tuple[int, Range]]) -> list[int]:
    """The engine's answers."""
    answers: list[int] = []
    for at in range(0, len(questions), IN_ONE_CALL):
        uids, ranges = zip(*questions[at : at + IN_ONE_CALL], strict=True)
        owners = await runtime.engine.sums(uids, [STEPS], ranges)
        answers += [owner.sums.get(STEPS, 0) for owner in owners]
    return answers


async def test_the_file_is_the_published_one() -> None:
    assert (len(ROWS), sum(map(len, ROWS.values()))) == (33, 22_099)
    assert all(len({second for second, _ in rows}) == len(rows) for rows in ROWS.values())


async def test_every_user_day_equals_plain_summation(runtime: Runtime) -> None:
    days = range(FIRST_S - FIRST_S % DAY_S, LAST_S + 1, DAY_S)
    questions = [(uid, Range(day, day + DAY_S)) for uid in ROWS for day in days]
    assert len(questions) == 33 * 31
    assert await sums(runtime, questions) == [plain_sum(*question) for question in questions]


async def test_ten_thousand_random_second_ranges_equal_plain_summation(runtime: Runtime) -> None:
    chance = random.Random(20_160_412)
    questions = [random_question(chance) for _ in range(RANGES)]
    found = await sums(runtime, questions)
    wanted = [plain_sum(*question) for question in questions]
    wrong = [each for each in zip(questions, found, wanted, strict=True) if each[1] != each[2]]
    assert wrong == []


async def test_random_ranges_over_http_equal_plain_summation(url: str) -> None:
    chance = random.Random(20_160_512)
    for _ in range(HTTP_RANGES):
        uid, range_ = random_question(chance)
        path = f"/v1/query/{uid}/steps/all/{range_.start}/{range_.end - 1}"
        answer = await asyncio.to_thread(fetch, url + path)
        assert (answer.status, answer.text) == (200, str(plain_sum(uid, range_))), path


async def test_the_leaderboard_shows_who_walked_most_in_the_last_week(folder: Path) -> None:
    end = LAST_S + 3600
    totals = {uid: plain_sum(uid, Range(end - 7 * DAY_S, end)) for uid in ROWS}
    best = sorted(totals.items(), key=lambda pair: -pair[1])[:10]
    output = (folder / "psd-up.txt").read_text().split()
    board = [f"{place}. {uid} {steps:,}" for place, (uid, steps) in enumerate(best, start=1)]
    assert " ".join(board) in " ".join(output)


async def test_the_sample_books_33_users_and_nothing_is_left_in_the_queue(
    runtime: Runtime,
) -> None:
    assert await runtime.store.client.xlen("psd:stream:psd") == 0
    assert await runtime.store.client.xlen("psd:stream:psd.dlq") == 0


async def test_it_ends_with_the_address_of_the_board_of_the_last_week(
    url: str, folder: Path
) -> None:
    output = folder / "psd-up.txt"
    await wait_until("the address is told", lambda: "ready to play" in output.read_text(), 60)
    address = output.read_text().split("ready to play:")[1].split()[0]
    week = Range(LAST_S + 3600 - 7 * DAY_S, LAST_S + 3600)
    ranked = sorted((-plain_sum(uid, week), uid) for uid in ROWS)[:10]
    assert address.startswith(f"{url}/board?")
    page = fetch(address)
    cells = r'<td class="who"><a href="[^"]+">(\d+)</a></td>\n<td class="n">([\d,]+)</td>'
    rows = re.findall(cells, page.text)
    assert rows == [(str(uid), f"{-steps:,}") for steps, uid in ranked]

"""Erased users and the archive: no replay brings them back, and the bytes go."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from psd.archive.messages import metrics_entries
from psd.archive.reader import read_entries
from psd.client import AsyncClient
from psd.engine.event_fields import MetricFields
from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from psd.runtime import Runtime
from psd.users import user_of
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import EVER, NOON_S, engine_on
from tests.support.processes.commands import run
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

ALICE, BOB = "alice@example.com", "bob@example.com"
WEEK_OF_STEPS = Definition(thing="steps", window=RollingWindow(seconds=604_800))
PLACES = ("decision_archived", "erasing_keys", "erasing_index", "erasing_settled", "archive_cut")


@pytest.fixture
def folder(redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands and engines have their archive; the store is empty."""
    redis_server.flush()
    monkeypatch.setenv("PSD_REDIS_URL", redis_server.url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")
    monkeypatch.setenv("PSD_ARCHIVE_FOLDER", str(tmp_path / "archive"))
    return tmp_path / "archive"


def metric(user: str | int, value: int, aid: int = 3) -> MetricFields:
    return MetricFields("steps", user, 2, aid, value, NOON_S, NOON_S)


async def accepted(psd: Runtime, *metrics: MetricFields) -> None:
    now_ms = psd.clock.now_ms()
    reports = [psd.rules.report(each, now_ms // 1000) for each in metrics]
    await psd.intake.accept(reports, lambda: metrics_entries(now_ms, metrics))


async def total(psd: Runtime, user: str | int) -> int:
    [owner] = await psd.engine.sums([user_of(user)], [1], [EVER])
    return owner.sums[1]


def bodies(folder: Path) -> bytes:
    return b"\n".join(entry.body for entry in read_entries(folder, 0, 1 << 60))


def beside(folder: Path) -> list[Path]:
    """Files that were to take another's place."""
    return list(folder.rglob("*.cut"))


async def filled(url: str, folder: Path) -> None:
    """What a process accepted that has ended: both users in one entry, and each alone."""
    async with engine_on(url, archive=folder) as psd:
        await accepted(psd, metric(ALICE, 30), metric(BOB, 20))
        await accepted(psd, metric(ALICE, 5, 4))
        await accepted(psd, metric(BOB, 7, 4))
        await psd.boards.put("april", WEEK_OF_STEPS, "ops", members=[ALICE, BOB])


async def test_an_erased_user_goes_from_the_files_and_a_replay_has_the_others(
    redis_server: RedisServer, folder: Path
) -> None:
    await filled(redis_server.url, folder)
    assert ALICE.encode() in bodies(folder)
    erased = await run("users", "erase", ALICE, "--yes", "--json")
    assert erased.exit_code == 0, erased.output
    told = json.loads(erased.stdout)
    assert (told["uid"], told["status"], told["boards"]) == (ALICE, "erased", 1)
    assert told["archive"]["rewritten"] == 1
    assert told["archive"]["left"] == 0
    assert ALICE.encode() not in bodies(folder)
    assert BOB.encode() in bodies(folder)
    assert (await run("names", ALICE)).exit_code == 1
    redis_server.flush()
    replayed = await run("replay", "--from", "1")
    assert replayed.exit_code == 0, replayed.output
    async with engine_on(redis_server.url) as psd:
        assert (await total(psd, ALICE), await total(psd, BOB)) == (0, 27)
        assert await psd.boards.members("april") == [user_of(BOB)]
        assert await psd.engine.names.names([user_of(ALICE), user_of(BOB)]) == {user_of(BOB): BOB}
    names = await run("names", "--prefix", "bo", "--json")
    assert json.loads(names.stdout) == [{"name": BOB, "uid": str(user_of(BOB))}]


async def by_command(_http: HttpClient, user: str) -> None:
    erased = await run("users", "erase", user, "--yes")
    assert erased.exit_code == 0, erased.output


async def by_request(http: HttpClient, user: str) -> None:
    answer = await http.request("DELETE", f"/v3/users/{quote(user, safe='')}")
    assert (answer.status, answer.json()["uid"]) == (200, user)


async def by_client(http: HttpClient, user: str) -> None:
    async with AsyncClient(http.url) as asking:
        assert (await asking.erase_user(user)).uid == user


@pytest.mark.parametrize("erase", [by_command, by_request, by_client])
async def test_however_users_are_erased_no_replay_brings_them_back(
    redis_server: RedisServer, folder: Path, erase: Callable[[HttpClient, str], Awaitable[None]]
) -> None:
    """By name and by number, into a store that is there and into one that was lost."""
    async with engine_on(redis_server.url, archive=folder) as psd, serving(psd) as http:
        await accepted(psd, metric(ALICE, 30), metric(BOB, 20), metric(7, 5))
        await asyncio.gather(*(erase(http, user) for user in (ALICE, "7")))
        for flushes in (False, True):
            if flushes:
                redis_server.flush()
            replayed = await run("replay", "--from", "1")
            assert replayed.exit_code == 0, replayed.output
            assert [await total(psd, user) for user in (ALICE, BOB, 7)] == [0, 20, 0]
    assert (await run("names", ALICE)).exit_code == 1
    assert (await run("verify")).exit_code == 0


async def test_what_is_not_cut_yet_is_not_replayed_and_a_new_beginning_is(
    redis_server: RedisServer, folder: Path
) -> None:
    async with engine_on(redis_server.url, archive=folder) as psd:
        await accepted(psd, metric(ALICE, 30), metric(BOB, 20))
        await psd.erasing.erase(user_of(ALICE), "ops", "", ALICE)
        await accepted(psd, metric(ALICE, 8, 9))
        # The file is open, so nothing is cut of it now.
        found = json.loads((await run("users", "cut", "--json")).stdout)
        assert (found["rewritten"], found["left"]) == (0, 1)
        for flushes in (True, False):
            if flushes:
                redis_server.flush()
            replayed = await run("replay", "--from", "1")
            assert replayed.exit_code == 0, replayed.output
            assert (await total(psd, ALICE), await total(psd, BOB)) == (8, 20)
    found = json.loads((await run("users", "cut", "--json")).stdout)
    assert (found["rewritten"], found["entries"], found["left"]) == (1, 1, 0)
    again = json.loads((await run("users", "cut", "--json")).stdout)
    assert (again["rewritten"], again["entries"]) == (0, 0)
    redis_server.flush()
    assert (await run("replay", "--from", "1")).exit_code == 0
    async with engine_on(redis_server.url) as psd:
        assert (await total(psd, ALICE), await total(psd, BOB)) == (8, 20)


async def test_an_older_copy_of_the_store_forgets_who_was_erased_since(
    redis_server: RedisServer, folder: Path
) -> None:
    async with engine_on(redis_server.url, archive=folder) as psd:
        await accepted(psd, metric(ALICE, 30), metric(BOB, 20))
        await psd.erasing.erase(user_of(ALICE), "ops", "", ALICE)
        # As if the erasure had been forgotten with the rest of that day.
        await psd.store.client.delete("psd:erasures:{erasures}")
        reports = [psd.rules.report(metric(ALICE, 30), NOON_S + 10**9)]
        await psd.engine.book(reports)
        replayed = await run("replay", "--from", "1")
        assert replayed.exit_code == 0, replayed.output
        assert (await total(psd, ALICE), await total(psd, BOB)) == (0, 20)


@pytest.mark.parametrize("place", PLACES)
async def test_an_erasure_that_was_killed_is_made_whole_by_the_next(
    redis_server: RedisServer, folder: Path, place: str
) -> None:
    await filled(redis_server.url, folder)
    line = [sys.executable, "-m", "psd", "users", "erase", ALICE, "--yes"]
    killed = await asyncio.to_thread(
        subprocess.run, line, env={**os.environ, "PSD_FAILPOINT": place}, check=False
    )
    assert killed.returncode == -9

    async def erased() -> bool:
        # Who is killed in a turn keeps others waiting until it ends by itself.
        again = await run("users", "erase", ALICE, "--yes")
        assert again.exit_code in (0, 75), again.output
        return again.exit_code == 0

    await wait_until("the turn of the killed one is over", erased)
    assert ALICE.encode() not in bodies(folder)
    assert not beside(folder)
    assert (await run("verify")).exit_code == 0
    async with engine_on(redis_server.url) as psd:
        assert (await total(psd, ALICE), await total(psd, BOB)) == (0, 27)
        assert await psd.engine.population(1) == [user_of(BOB)]


async def test_erasing_asks_first(redis_server: RedisServer, folder: Path) -> None:
    await filled(redis_server.url, folder)
    asked = await run("users", "erase", ALICE)
    assert asked.exit_code == 1
    async with engine_on(redis_server.url) as psd:
        assert await total(psd, ALICE) == 35

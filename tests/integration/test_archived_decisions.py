"""What people decide is archived before it is kept, by whichever way they say it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from psd.rewards.configuration import signals_of
from psd.rewards.grpc_reader import StoreReader
from psd.rewards.part import RewardsPart
from psd.rewards.sources.buckets import BucketSource
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient
from tests.support.processes.commands import printed, run
from tests.support.rewards.decisions import (
    a_computed_week,
    decisions_in,
)
from tests.support.rewards.reward_job import fleet_on
from tests.support.servers.redis_server import RedisServer

WEEK = Definition(thing="steps", window=RollingWindow(seconds=604_800))


@pytest.fixture(autouse=True)
def environment(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the store and the archive of the runtime."""
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")


async def test_the_http_api_archives_what_it_decides_about_boards(
    runtime: Runtime, client: HttpClient, tmp_path: Path
) -> None:
    board = {"thing": "steps", "window": {"kind": "fixed", "start": "0", "end": "1"}}
    kinds = []
    for method, path, body in (
        ("PUT", "", {**board, "members": ["1"]}),
        ("PATCH", "", {"title": "t"}),
        ("POST", "/members", {"add": ["2"]}),
        ("DELETE", "/members?uid=2", None),
        ("DELETE", "/members?all=true", None),
        ("POST", "/final", None),
        ("DELETE", "", None),
    ):
        before = len(decisions_in(tmp_path / "archive"))
        encoded = b"" if body is None else msgspec.json.encode(body)
        answer = await client.request(method, f"/v3/boards/a{path}", encoded)
        assert answer.status < 300, answer.text
        kinds.append(len(decisions_in(tmp_path / "archive")) - before)
    assert kinds == [2, 1, 1, 1, 1, 1, 1]


async def test_every_command_that_decides_archives_it(
    runtime: Runtime, redis_server: RedisServer, tmp_path: Path
) -> None:
    async with fleet_on(redis_server.url) as fleet:
        await a_computed_week(fleet)
    (tmp_path / "uids").write_text("5\n6\n", encoding="utf-8")
    (tmp_path / "paid").write_text("vehicle,tokens,request\n1,5,r\n", encoding="utf-8")
    for words in (
        "boards create a --thing steps --start 1 --end 2",
        "boards edit a --note n",
        "boards members add a 1 2",
        "boards members rm a 1",
        f"boards members import a {tmp_path / 'uids'}",
        "boards final a --declare",
        "boards rm a",
        f"rewards paid 0 {tmp_path / 'paid'}",
        "rewards blacklist add 42 --note n",
        "rewards blacklist rm 42",
        "rewards override set 1 --week 0 --streak 3 --note n",
        "rewards override rm 1 --week 0",
    ):
        before = len(decisions_in(tmp_path / "archive"))
        await printed(*words.split())
        assert len(decisions_in(tmp_path / "archive")) == before + 1, words


async def test_the_rewards_service_archives_whom_it_bars(runtime: Runtime, tmp_path: Path) -> None:
    signals = signals_of(runtime.settings.things, runtime.part(RewardsPart).tables)
    source = BucketSource(runtime.engine, signals, runtime.part(RewardsPart).tables)
    reader = StoreReader(
        runtime.store,
        runtime.part(RewardsPart).results,
        runtime.part(RewardsPart).ledger,
        runtime.part(RewardsPart).registry,
        source,
        runtime.part(RewardsPart).tables,
    )
    await reader.set_blacklist("0x1", True, "n", "me")
    await reader.set_blacklist("0x1", False, "", "me")
    assert len(decisions_in(tmp_path / "archive")) == 2


async def test_without_its_archive_nothing_is_decided(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PSD_ARCHIVE_FOLDER", str(tmp_path / "file"))
    refused = await run("rewards", "blacklist", "add", "42", "--note", "n")
    assert refused.exit_code == 78
    assert "archive.folder" in refused.stderr
    assert not await runtime.part(RewardsPart).ledger.blacklist()


async def test_what_is_refused_is_not_archived(runtime: Runtime, tmp_path: Path) -> None:
    await runtime.boards.put("a", WEEK, "me", members=[1])
    before = decisions_in(tmp_path / "archive")
    for words in (
        "boards create a --thing steps --rolling 60",
        "boards members add b 1",
        "boards rm b",
        "rewards override rm 1 --week 0",
        "rewards blacklist rm 42",
    ):
        assert (await run(*words.split())).exit_code == 1, words
    await runtime.boards.put("a", WEEK, "me")
    assert decisions_in(tmp_path / "archive") == before

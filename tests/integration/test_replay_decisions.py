"""What people decide survives the store: it is archived before it is kept, and replayed."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from psd.archive.entries import Entry
from psd.archive.files import DayFiles
from psd.archive.order import unnumbered
from psd.archive.redoing import Redoing
from psd.clock import ManualClock
from psd.errors import StoreUnavailableError
from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from psd.rewards.part import RewardsPart
from psd.runtime import Runtime, open_runtime
from psd.store.keys import decisions_key
from tests.support.engine import engine_on
from tests.support.processes.archiving import archived
from tests.support.processes.commands import printed, run
from tests.support.processes.worker_process import psd as psd_process
from tests.support.processes.worker_stack import WorkerStack, steps
from tests.support.rewards.decisions import (
    KINDS,
    Deed,
    a_computed_week,
    perform,
    plain,
    random_deeds,
    told,
)
from tests.support.rewards.reward_job import fleet_on
from tests.support.scripts.script_calls import dumps, restore
from tests.support.servers.redis_server import RedisServer

EVER = ("replay", "--from", "1")
WEEK = Definition(thing="steps", window=RollingWindow(seconds=604_800))


@pytest.fixture(autouse=True)
def environment(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the store and the archive of the runtime."""
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")


@pytest.mark.one_server("its copy is put back by one transaction")
async def test_what_was_paid_since_the_copy_is_not_due_again(
    runtime: Runtime, redis_server: RedisServer, tmp_path: Path
) -> None:
    async with fleet_on(redis_server.url) as fleet:
        await a_computed_week(fleet)
    with redis_server.sync_client() as client:
        copy = dumps(client)
        due = await printed("rewards", "export", "0", "--due")
        receipts = tmp_path / "receipts.csv"
        lines = [line.split(",") for line in due.splitlines()[1:]]
        paid = [f"{line[1]},{line[6]},run-1" for line in lines]
        assert len(paid) == 2
        receipts.write_text("\n".join(["vehicle,tokens,request", *paid]), encoding="utf-8")
        await printed("rewards", "paid", "0", str(receipts))
        await printed("rewards", "blacklist", "add", "42", "--note", "stolen")
        blacklist = await printed("rewards", "blacklist", "ls")
        restore(client, copy)
    assert await printed("rewards", "export", "0", "--due") == due
    assert (await printed(*EVER)).endswith("2 decisions carried out\n")
    assert len((await printed("rewards", "export", "0", "--due")).splitlines()) == 1
    assert await printed("rewards", "blacklist", "ls") == blacklist
    assert "were recorded before" in await printed("rewards", "paid", "0", str(receipts))


BEFORE = [
    Deed("bar", 0, "a", "a-1"),
    Deed("override", 0, "a", "a-2"),
    Deed("define", 0, "a", "a-3"),
    Deed("members", 0, "a", "a-4", add=[1, 2, 3]),
]


@pytest.mark.one_server("its copy is put back by one transaction")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_decision_of_each_kind_comes_back(
    runtime: Runtime, redis_server: RedisServer, kind: str
) -> None:
    for deed in BEFORE:
        await perform(runtime, deed)
    with redis_server.sync_client() as client:
        copy = dumps(client)
        deed = Deed(kind, 1 if kind in ("bar", "define") else 0, "a", "a-9", [7, 8], [1])
        await perform(runtime, deed)
        restore(client, copy)
    assert await told(runtime) == plain(BEFORE)
    assert ": 1 decisions carried out, 4 decisions known" in await printed(*EVER)
    assert await told(runtime) == plain([*BEFORE, deed])


async def test_a_store_that_is_empty_has_everything_again_and_twice_changes_nothing(
    runtime: Runtime, redis_server: RedisServer
) -> None:
    deeds = random_deeds(random.Random(3), "a", 120)
    for deed in deeds:
        await perform(runtime, deed)
    redis_server.flush()
    await printed(*EVER)
    assert await told(runtime) == plain(deeds)
    with redis_server.sync_client() as client:
        held = dumps(client)
        known = await printed(*EVER)
        assert "carried out" not in known
        # Turns were taken to look, and each has a number.
        last = decisions_key("last").encode()
        assert {**dumps(client), last: b""} == {**held, last: b""}


async def test_a_dry_run_counts_decisions_and_writes_nothing(
    runtime: Runtime, redis_server: RedisServer
) -> None:
    for deed in BEFORE:
        await perform(runtime, deed)
    with redis_server.sync_client() as client:
        client.delete("psd:store")
        held = dumps(client)
        assert "4 decisions known" in await printed(*EVER, "--dry-run")
        assert dumps(client) == held
    redis_server.flush()
    async with engine_on(redis_server.url):
        pass
    with redis_server.sync_client() as client:
        held = dumps(client)
        assert "4 decisions would be carried out" in await printed(*EVER, "--dry-run")
        assert {*dumps(client)} == {*held}
    assert "4 decisions carried out" in await printed(*EVER)


async def test_what_is_decided_beside_a_replay_stands(
    runtime: Runtime, redis_server: RedisServer, tmp_path: Path
) -> None:
    deeds = random_deeds(random.Random(5), "a", 60)
    later = random_deeds(random.Random(6), "a", 30, first=60)
    for deed in deeds:
        await perform(runtime, deed)
    redis_server.flush()
    for deed in later[:5]:
        # A store that was lost is worked on before anybody thinks of a replay.
        if deed.kind != "members":
            await perform(runtime, deed)
    other = await open_runtime(runtime.settings)
    redoing = Redoing(tmp_path / "archive", other.keepers())

    async def deciding() -> None:
        for deed in later[5:]:
            await perform(runtime, deed)

    await asyncio.gather(redoing.run(0), deciding())
    again = await Redoing(tmp_path / "archive", other.keepers()).run(0)
    assert again.refusals == []
    by_store = await told(runtime)
    redis_server.flush()
    await Redoing(tmp_path / "archive", other.keepers()).run(0)
    assert await told(other) == by_store
    await other.close()


async def test_a_decision_of_a_newer_psd_is_refused_and_the_others_come_back(
    runtime: Runtime, redis_server: RedisServer, tmp_path: Path
) -> None:
    await runtime.part(RewardsPart).ledger.bar("42", "n", "me")
    files = DayFiles(tmp_path / "archive", 0)
    unknown = b'{"command":"decision","decision":{"kind":"crowned","version":1}}'
    spoiled = b'{"command":"decision","decision":{"kind":"barred","version":"x"}}'
    entries = [Entry(1_460_462_400_000, "", each) for each in (unknown, spoiled)]
    files.write(entries, unnumbered(1_460_462_400_000))
    files.close()
    redis_server.flush()
    result = await run(*EVER)
    assert result.exit_code == 1
    assert "kind 'crowned' is unknown to this psd; a newer one archived it" in result.stderr
    assert "1 decisions carried out" in result.stdout
    assert "2 refused" in result.stdout
    assert list(await runtime.part(RewardsPart).ledger.blacklist()) == ["42"]


async def test_no_queue_takes_a_decision(stack: WorkerStack, tmp_path: Path) -> None:
    stack = archived(stack, tmp_path)
    body = b'{"command":"decision","decision":{"kind":"unbarred","version":9,"owner":"42"}}'
    with pytest.raises(Exception, match="command: 'decision' is unknown"):
        stack.runtime.rules.events(body, 1_460_462_400, "m")
    assert steps(1, 1, 1)


async def test_members_of_a_board_that_the_archive_does_not_have_are_told(
    runtime: Runtime, redis_server: RedisServer, tmp_path: Path
) -> None:
    plain_runtime = await open_runtime(runtime.settings)
    await plain_runtime.boards.put("a", WEEK, "me")
    await plain_runtime.close()
    await runtime.boards.change_members("a", [1])
    redis_server.flush()
    result = await run(*EVER)
    assert result.exit_code == 1
    assert "board 'a': it is not there, and was made before what is replayed" in result.stderr


async def test_an_archive_that_lacks_later_changes_of_members_undoes_none(
    runtime: Runtime, redis_server: RedisServer, tmp_path: Path
) -> None:
    await runtime.boards.put("a", WEEK, "me", members=[1])
    async with engine_on(redis_server.url, archive=tmp_path / "other machine") as other:
        await other.boards.change_members("a", [], [1])
    result = await run(*EVER)
    assert result.exit_code == 1
    assert "replay those of all machines together" in result.stderr
    assert await runtime.boards.members("a") == []


async def test_one_at_a_time_decides_and_a_turn_ends_by_itself(runtime: Runtime) -> None:
    other: Any = await open_runtime(runtime.settings)
    try:
        async with runtime.part(RewardsPart).ledger.turn() as turn:
            assert 0 < await runtime.store.client.pttl(decisions_key("turn:rewards")) <= 3_000
            with pytest.raises(StoreUnavailableError, match="rewards: another process"):
                await other.part(RewardsPart).ledger.bar("42", "n", "me")
            first = turn.version
        assert await other.part(RewardsPart).ledger.bar("42", "n", "me")
        async with other.part(RewardsPart).ledger.turn() as turn:
            assert turn.version > first
    finally:
        await other.close()


async def test_versions_go_on_rising_whatever_the_clocks_say(
    runtime: Runtime, redis_server: RedisServer
) -> None:
    seen = []
    for second in (2_000_000_000, 1_000_000_000, 1_999_999_999):
        clock = ManualClock(second)
        async with (
            engine_on(redis_server.url, clock=clock) as psd,
            psd.part(RewardsPart).ledger.turn() as turn,
        ):
            seen.append(turn.version)
    assert seen == sorted(seen)
    assert len({*seen}) == 3


async def test_the_command_in_a_process_of_its_own_carries_decisions_out(
    stack: WorkerStack, tmp_path: Path
) -> None:
    stack = archived(stack, tmp_path)
    psd = await open_runtime(stack.settings, archiving=True)
    await psd.boards.put("a", WEEK, "me", members=[1, 2])
    await psd.close()
    stack.redis.flush()
    code, out, err = await psd_process(stack, tmp_path, *EVER)
    assert (code, err) == (0, "")
    assert out == "2 entries read: 2 decisions carried out\n"
    assert await stack.runtime.boards.members("a") == [1, 2]

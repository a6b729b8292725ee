"""Changes of many members: all of it or nothing, in short calls, whatever comes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgpack
import pytest

from psd.errors import OutcomeUnknownError, StoreUnavailableError
from psd.queries.boards import staging
from psd.queries.boards.staging import StagedChange, StagedMembers
from psd.queries.boards.writes import SCRIPT_MEMBERS_MAX
from psd.runtime import open_runtime
from psd.store.keys import decisions_key, kind_of
from psd.store.lane import Command
from tests.support.clients.http_boards import BoardsClient, keys_of

MANY = [*range(10, 18_010)]


def before_the_first_swap(monkeypatch: pytest.MonkeyPatch, *meanwhile: Any) -> None:
    """Run something between the staging and the swap; of several changes one before each."""
    swapped = StagedMembers._swapped
    waiting = list(meanwhile)

    async def late(self: StagedMembers, *arguments: Any) -> bool:
        if waiting:
            await waiting.pop(0)()
        return await swapped(self, *arguments)

    monkeypatch.setattr(StagedMembers, "_swapped", late)


async def test_a_change_that_comes_meanwhile_waits_and_is_not_lost(
    boards: BoardsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await boards.put("a", 1, 2)
    store = boards.psd.boards
    coming: list[asyncio.Task[object]] = []

    async def small() -> None:
        coming.append(asyncio.create_task(store.change_members("a", [3], [1])))
        await asyncio.sleep(0)

    before_the_first_swap(monkeypatch, small)
    found = await store.make_change("a", StagedChange(MANY, [2]))
    assert (found.added, found.removed, found.members) == (18_000, 1, 18_001)
    await asyncio.gather(*coming)
    assert await store.members("a") == [3, *MANY]


async def test_two_large_changes_at_once_both_come_through(boards: BoardsClient) -> None:
    await boards.put("a", 1)
    store = boards.psd.boards
    odd, even = StagedChange(MANY[1::2], [1]), StagedChange(MANY[::2])
    await asyncio.gather(store.make_change("a", odd), store.make_change("a", even))
    assert await store.members("a") == MANY


async def test_who_stood_still_for_longer_than_its_turn_changes_nothing(
    boards: BoardsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await boards.put("a", 1)
    other = await open_runtime(boards.psd.settings)

    async def overtaking() -> None:
        await other.store.client.delete(decisions_key("turn:board:a"))
        await other.boards.change_members("a", [2])

    before_the_first_swap(monkeypatch, overtaking)
    try:
        with pytest.raises(OutcomeUnknownError, match="others changed"):
            await boards.psd.boards.make_change("a", StagedChange(MANY, is_all=True))
    finally:
        await other.close()
    assert await boards.psd.boards.members("a") == [1, 2]


async def test_a_change_that_breaks_off_leaves_the_members_and_ends_by_itself(
    boards: BoardsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await boards.put("a", 1)
    before = await keys_of(boards.psd)

    async def away() -> None:
        raise StoreUnavailableError("redis: away")

    before_the_first_swap(monkeypatch, away)
    with pytest.raises(StoreUnavailableError):
        await boards.psd.boards.make_change("a", StagedChange(MANY, is_all=True))
    assert await boards.psd.boards.members("a") == [1]
    left = sorted(await keys_of(boards.psd) - before)
    assert [getattr(kind_of(key), "name", None) for key in left] == [
        "members staged",
        "members watched",
    ]
    for key in left:
        assert 0 < await boards.psd.store.client.ttl(key) <= staging.LIFETIME_S
    await boards.psd.boards.make_change("a", StagedChange(MANY, is_all=True))
    assert await boards.psd.boards.members("a") == MANY


async def test_no_command_of_a_change_has_more_than_a_part_of_it(
    boards: BoardsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await boards.put("a")
    writes = boards.psd.store.writes
    call_all = writes.call_all
    sent: list[Command] = []

    async def noted(commands: Sequence[Command]) -> list[Any]:
        sent.extend(commands)
        return await call_all(commands)

    monkeypatch.setattr(writes, "call_all", noted)
    for size in (SCRIPT_MEMBERS_MAX, SCRIPT_MEMBERS_MAX + 1, 10_000):
        added = {"add": MANY[:size], "remove": []}
        assert (await boards.ask("POST", "/a/members", added)).status == 200
    assert (await boards.ask("DELETE", "/a/members?all=true")).json()["removed"] == 10_000
    assert max(len(command) for command in sent) <= staging.PART + 2
    scripts = [command for command in sent if command[0] == "EVALSHA" and command[2] == 2]
    lists = [len(msgpack.unpackb(each[5])) for each in scripts]
    assert lists == [SCRIPT_MEMBERS_MAX, 0]
    assert not {str(command[0]) for command in sent} & {"DEL", "SMEMBERS"}

"""The scripts of named boards: what they refuse writes nothing, and repeats change nothing."""

from __future__ import annotations

import random

import msgpack
import pytest

from psd.errors import StoreError
from psd.runtime import Runtime
from psd.store.keys import boards_key, named_board_root
from psd.store.scripts import Script, load_script, lua_folder

KEY = f"{named_board_root('a', '0' * 16)}:members"
STAGED, UNCHANGED = f"{KEY}:staged:{'1' * 16}", f"{KEY}:unchanged"
VERSIONS = f"{named_board_root('a', '0' * 16)}:versions"
DEFINITIONS, DROPPED = boards_key("definitions"), boards_key("dropped")
DECIDED = boards_key("versions")


def script(name: str) -> Script:
    return load_script(name, lua_folder())


async def change(
    psd: Runtime, name: str, read: str, new: str, most: int = 9, version: int = 1
) -> int:
    keys = (DEFINITIONS, DROPPED, DECIDED)
    asked = (name, read, new, f"{name}:{'0' * 16}", most, version)
    sha = script("boards.change").sha
    return int(await psd.store.writes.call(("EVALSHA", sha, 3, *keys, *asked)))


async def members(
    psd: Runtime,
    add: list[int],
    remove: list[int],
    most: int = 100_000,
    is_all: int = 0,
    version: int = 1,
) -> list[int]:
    lists = (msgpack.packb([str(uid) for uid in uids]) for uids in (add, remove))
    sha = script("boards.members").sha
    reply = await psd.store.writes.call(
        ("EVALSHA", sha, 2, KEY, VERSIONS, *lists, most, is_all, version)
    )
    return list(reply)


async def held(psd: Runtime) -> set[int]:
    return set(map(int, await psd.store.reads.call(("SMEMBERS", KEY))))


async def test_a_definition_takes_the_place_of_the_one_that_was_read_alone(psd: Runtime) -> None:
    assert await change(psd, "a", "", "one") == 1
    assert await change(psd, "a", "", "two") == 0
    assert await change(psd, "a", "one", "two") == 1
    assert await change(psd, "a", "one", "") == 0
    assert await psd.store.client.hgetall(DEFINITIONS) == {b"a": b"two"}
    assert not await psd.store.client.exists(DROPPED)
    assert await change(psd, "a", "two", "") == 1
    assert await change(psd, "a", "two", "") == 0
    assert not await psd.store.client.exists(DEFINITIONS)
    assert await psd.store.client.smembers(DROPPED) == {b"a:" + b"0" * 16}


async def test_a_board_too_many_is_refused_and_a_change_is_not(psd: Runtime) -> None:
    assert await change(psd, "a", "", "one", most=1) == 1
    with pytest.raises(StoreError, match="PSD_TOO_MANY_BOARDS there are 1 boards already"):
        await change(psd, "b", "", "one", most=1)
    assert await change(psd, "a", "one", "two", most=1) == 1
    assert await psd.store.client.hkeys(DEFINITIONS) == [b"a"]


async def test_members_too_many_are_refused_whole(psd: Runtime) -> None:
    assert await members(psd, [1, 2, 3], [], most=3) == [3, 0, 3]
    for add, remove in (([4], []), ([1, 4], [9]), ([4, 5], [1])):
        with pytest.raises(StoreError, match="PSD_TOO_MANY_MEMBERS 4 members"):
            await members(psd, add, remove, most=3)
    assert await held(psd) == {1, 2, 3}
    assert await members(psd, [4], [1], most=3) == [1, 1, 3]
    assert await members(psd, [7, 8], [], most=3, is_all=1) == [2, 3, 2]


async def test_changes_of_members_are_those_of_a_set(psd: Runtime) -> None:
    rng = random.Random(7)
    known: set[int] = set()
    for _ in range(60):
        size = rng.choice((0, 1, 3, 999, 1000, 1001, 2000))
        uids = rng.sample(range(-6000, 6000), size)
        cut = rng.randint(0, size)
        add, remove = uids[:cut], uids[cut:]
        is_all = rng.random() < 0.1
        if is_all:
            remove = []
        after = set(add) if is_all else (known - set(remove)) | set(add)
        expected = [len(set(add) - known), len(known - after), len(after)]
        assert await members(psd, add, remove, is_all=int(is_all)) == expected
        known = after
        assert await held(psd) == known


async def test_a_uid_keeps_all_its_digits(psd: Runtime) -> None:
    large = [2**63 - 1, 2**63 - 2, -(2**63)]
    assert await members(psd, large, []) == [3, 0, 3]
    assert await held(psd) == set(large)


async def swap(psd: Runtime, text: str, count: int, version: int = 1) -> int:
    sha = script("boards.swap").sha
    keys = (KEY, STAGED, UNCHANGED, VERSIONS)
    return int(await psd.store.writes.call(("EVALSHA", sha, 4, *keys, text, count, version)))


async def test_staged_members_take_the_place_of_all_and_have_no_lifetime(psd: Runtime) -> None:
    client = psd.store.client
    await members(psd, [1, 2], [])
    await client.set(UNCHANGED, "t", ex=60)
    await client.sadd(STAGED, 2, 3, 4)
    await client.expire(STAGED, 60)
    assert await swap(psd, "t", 3) == 1
    assert await held(psd) == {2, 3, 4}
    assert await client.ttl(KEY) == -1
    assert await client.exists(STAGED, UNCHANGED) == 0
    assert await swap(psd, "t", 3) == 0
    await client.set(UNCHANGED, "u", ex=60)
    assert await swap(psd, "u", 0) == 1
    assert await client.exists(KEY) == 0


async def test_members_that_were_changed_meanwhile_are_not_swapped(psd: Runtime) -> None:
    client = psd.store.client
    await client.set(UNCHANGED, "t", ex=60)
    await client.sadd(STAGED, 2, 3, 4)
    assert await swap(psd, "other", 3) == 0
    # One of the parts was lost with a server, or the set has ended.
    assert await swap(psd, "t", 4) == 0
    with pytest.raises(StoreError):
        await members(psd, [1, 2], [], most=1)
    assert await client.exists(UNCHANGED), "what is refused changes nothing"
    await members(psd, [1], [])
    assert await swap(psd, "t", 3) == 0
    assert await held(psd) == {1}


async def test_what_comes_behind_a_later_decision_is_refused_and_writes_nothing(
    psd: Runtime,
) -> None:
    client = psd.store.client
    assert await change(psd, "a", "", "one", version=7) == 1
    for new in ("two", ""):
        with pytest.raises(StoreError, match="PSD_OVERTAKEN"):
            await change(psd, "a", "one", new, version=6)
    assert await change(psd, "a", "one", "", version=8) == 1
    with pytest.raises(StoreError, match="PSD_OVERTAKEN"):
        await change(psd, "a", "", "one", version=7)
    assert await client.hgetall(DECIDED) == {b"a": b"8"}
    await members(psd, [1], [], version=5)
    with pytest.raises(StoreError, match="PSD_OVERTAKEN"):
        await members(psd, [2], [1], version=4)
    await client.set(UNCHANGED, "t", ex=60)
    await client.sadd(STAGED, 2, 3)
    with pytest.raises(StoreError, match="PSD_OVERTAKEN"):
        await swap(psd, "t", 2, version=4)
    assert await held(psd) == {1}
    assert await swap(psd, "t", 2, version=6) == 1
    assert await client.hgetall(VERSIONS) == {b"members": b"6"}

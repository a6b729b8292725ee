"""Decisions are carried out again to the same end in whatever order, files and machines they come.

Versions alone say which of two stands. What lies in the archive is dealt out to several machines
whose clocks tell nothing, some of it twice, and replayed onto an empty store, onto a copy from
somewhere in between, and by two replays at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from psd.archive.entries import Entry
from psd.archive.files import DayFiles
from psd.archive.order import unnumbered
from psd.archive.reader import read_entries
from psd.archive.redoing import Redoing
from psd.archive.replay import END_MS
from psd.queries.boards.decisions import MembersChanged, MembersSaid
from psd.runtime import Runtime
from tests.support.engine import NOON_S, engine_on
from tests.support.rewards.decisions import perform, plain, random_deeds, told
from tests.support.scripts.script_calls import dumps, restore
from tests.support.servers.redis_server import RedisServer

MACHINES = 3


def dealt_out(rng: random.Random, entries: Sequence[Entry], folder: Path) -> Path:
    """The entries on some machines, at any time of two days."""
    for _ in range(MACHINES):
        # What was not known to be written is written again.
        mine = [each for each in entries if rng.random() < 0.5] if rng.random() < 0.5 else []
        hands = [*mine, *(each for each in entries)]
        moved = [
            msgspec.structs.replace(each, accepted_ms=NOON_S * 1000 + rng.randrange(172_800_000))
            for each in hands
            if rng.random() < 0.6
        ]
        _write(folder, moved)
    _write(folder, [msgspec.structs.replace(each, accepted_ms=NOON_S * 1000) for each in entries])
    return folder


def _write(folder: Path, entries: Sequence[Entry]) -> None:
    files = DayFiles(folder, 0)
    for each in sorted(entries, key=lambda each: each.accepted_ms):
        files.write([each], unnumbered(each.accepted_ms))
    files.close()


async def replayed(psd: Runtime, folder: Path, times: int = 1) -> None:
    runs = [Redoing(folder, psd.keepers()).run(0) for _ in range(times)]
    for redone in await asyncio.gather(*runs):
        assert redone.refusals == []


@pytest.mark.parametrize("seed", range(12))
async def test_the_order_of_files_does_not_matter(
    redis_server: RedisServer, tmp_path: Path, seed: int
) -> None:
    redis_server.flush()
    rng = random.Random(f"decisions {seed}")
    deeds = random_deeds(rng, "a", 50)
    archive, several = tmp_path / "archive", tmp_path / "several machines"
    async with engine_on(redis_server.url, archive=archive) as psd:
        copied_at = rng.randrange(len(deeds))
        with redis_server.sync_client() as client:
            for deed in deeds[:copied_at]:
                await perform(psd, deed)
            copy = dumps(client)
            for deed in deeds[copied_at:]:
                await perform(psd, deed)
            expected = plain(deeds)
            assert await told(psd) == expected
            dealt_out(rng, list(read_entries(archive, 0, END_MS)), several)
            for held in ({}, copy, dumps(client)):
                for times in (1, 2):
                    restore(client, held)
                    await replayed(psd, several, times)
                    assert await told(psd) == expected


def test_what_members_changes_say_does_not_depend_on_their_order() -> None:
    rng = random.Random(3)
    for _ in range(500):
        changes, members = [], set(range(5))
        before = set(members)
        for version in range(1, rng.randint(2, 9)):
            uids = rng.sample(range(10), rng.randint(0, 6))
            cut = rng.randint(0, len(uids))
            is_all = rng.random() < 0.2
            add, remove = uids[:cut], [] if is_all else uids[cut:]
            members = set(add) | (set() if is_all else members - set(remove))
            changes.append(
                MembersChanged(
                    version=version, name="a", id="i", add=add, remove=remove, is_all=is_all
                )
            )
        # Of a copy that has some of them already, up to any.
        held = rng.choice([before, members])
        changes += rng.choices(changes, k=3)
        rng.shuffle(changes)
        assert MembersSaid(changes).change(held).of(held) == members
